"""What the parameters of the threads' client do that are about states."""

from __future__ import annotations

from typing import Any

from parity.proving import proves
from parity.world import World


def checkpoint_of(world: World, thread_id: str, step: int) -> Any:
    """The checkpoint after a step."""
    [found] = [
        each["checkpoint"]
        for each in world.sdk.threads.get_history(thread_id)
        if each["metadata"]["step"] == step
    ]
    return found


def asking_inside(world: World) -> str:
    """A thread that waits inside of a subgraph."""
    return world.ran("ask_nested")


# -- reading -------------------------------------------------------------------------------


@proves("threads.get_state", "thread_id")
def the_latest_state(world: World) -> None:
    for text in ("1", "2"):
        thread_id = world.ran(input={"foo": text})
        assert world.sdk.threads.get_state(thread_id)["values"]["foo"] == f"{text}!"


@proves("threads.get_state", "checkpoint", "checkpoint_id")
def an_older_state(world: World) -> None:
    thread_id = world.ran()
    checkpoint = checkpoint_of(world, thread_id, 1)
    by_id = world.sdk.threads.get_state(thread_id, checkpoint_id=checkpoint["checkpoint_id"])
    assert by_id["next"] == ["e2"]
    assert world.sdk.threads.get_state(thread_id, checkpoint=checkpoint)["next"] == ["e2"]


@proves("threads.get_state", "subgraphs")
def with_the_states_of_subgraphs(world: World) -> None:
    thread_id = asking_inside(world)
    [task] = world.sdk.threads.get_state(thread_id, subgraphs=True)["tasks"]
    assert task["state"]["next"] == ["asker"]


@proves("threads.get_state", "params")
def with_a_query(world: World) -> None:
    thread_id = asking_inside(world)
    [task] = world.sdk.threads.get_state(thread_id, params={"subgraphs": "true"})["tasks"]
    assert task["state"]["next"] == ["asker"]


@proves("threads.get_state", "select")
def parts_of_a_state(world: World) -> None:
    thread_id = world.ran()
    wanted = ["next", "values.foo"]
    assert world.sdk.threads.get_state(thread_id, select=wanted) == {
        "next": [],
        "values": {"foo": "1!"},
    }


@proves("threads.get_history", "thread_id", "limit", "before", "metadata")
def history(world: World) -> None:
    def steps(thread_id: str, **asked: Any) -> list[int]:
        rows = world.sdk.threads.get_history(thread_id, **asked)
        return [each["metadata"]["step"] for each in rows]

    thread_id, other = world.ran(), world.ran("context")
    assert steps(thread_id) == [2, 1, 0, -1]
    assert steps(other) == [1, 0, -1]
    assert steps(thread_id, limit=2) == [2, 1]
    checkpoint = checkpoint_of(world, thread_id, 1)
    assert steps(thread_id, before=checkpoint["checkpoint_id"]) == [0, -1]
    assert steps(thread_id, before=checkpoint) == [0, -1]
    assert steps(thread_id, metadata={"source": "input"}) == [-1]


@proves("threads.get_history", "checkpoint")
def history_of_a_subgraph(world: World) -> None:
    thread_id = asking_inside(world)
    [task] = world.sdk.threads.get_state(thread_id)["tasks"]
    namespace = task["checkpoint"]["checkpoint_ns"]
    inner = world.sdk.threads.get_history(thread_id, checkpoint={"checkpoint_ns": namespace})
    assert [each["next"] for each in inner] == [["asker"], ["__start__"]]


@proves("threads.get_history", "select")
def parts_of_a_history(world: World) -> None:
    rows = world.sdk.threads.get_history(world.ran(), select=["values.foo"], limit=2)
    assert rows == [{"values": {"foo": "1!"}}, {"values": {"foo": "1"}}]


# -- changing ------------------------------------------------------------------------------


@proves("threads.update_state", "thread_id", "values")
def update_the_state(world: World) -> None:
    for text in ("x", "y"):
        thread_id = world.ran()
        world.sdk.threads.update_state(thread_id, {"foo": text})
        assert world.sdk.threads.get_state(thread_id)["values"]["foo"] == text


@proves("threads.update_state", "as_node")
def update_as_a_node(world: World) -> None:
    thread_id = world.ran()
    world.sdk.threads.update_state(thread_id, {"foo": "x"}, as_node="e1")
    assert world.sdk.threads.get_state(thread_id)["next"] == ["e2"]


@proves("threads.update_state", "checkpoint", "checkpoint_id")
def update_an_older_state(world: World) -> None:
    thread_id = world.ran()
    checkpoint = checkpoint_of(world, thread_id, 0)
    for place in ({"checkpoint": checkpoint}, {"checkpoint_id": checkpoint["checkpoint_id"]}):
        world.sdk.threads.update_state(thread_id, {"log": ["mine"]}, as_node="e1", **place)
        assert world.sdk.threads.get_state(thread_id)["values"]["log"] == ["mine"]
