"""What the parameters of the threads' client do, less what is about states."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from parity.proving import proves, proves_each
from parity.world import World

EXPIRES_SOON = 0.005
"""Minutes."""
SEARCHING = ("threads.search", "threads.count")


def gone(world: World, thread_id: str) -> bool:
    """Whether there is no such thread."""
    try:
        world.sdk.threads.get(thread_id)
    except Exception as error:
        if getattr(error, "response", None) is None:
            raise
        return True
    return False


def step(as_node: str, values: Any) -> dict[str, Any]:
    return {"updates": [{"as_node": as_node, "values": values, "command": None}]}


# -- creating ------------------------------------------------------------------------------


@proves("threads.create", "metadata", "thread_id")
def create(world: World) -> None:
    chosen = str(uuid4())
    world.sdk.threads.create(thread_id=chosen, metadata={"mark": world.mark})
    assert world.sdk.threads.get(chosen)["metadata"] == {"mark": world.mark}


@proves("threads.create", "if_exists")
def create_what_exists(world: World) -> None:
    thread_id = world.thread(metadata={"a": 1})
    again = world.sdk.threads.create(thread_id=thread_id, if_exists="do_nothing")
    assert again["metadata"] == {"a": 1}


@proves("threads.create", "supersteps", "graph_id")
def create_with_a_history(world: World) -> None:
    history = [step("__input__", {"foo": "in"}), step("e1", {"log": ["mine"]})]
    thread_id = world.thread(graph_id="echo", supersteps=history)
    assert world.sdk.runs.wait(thread_id, "echo", input=None) == {
        "foo": "in!",
        "log": ["mine", "e2"],
    }


@proves("threads.create", "ttl")
def create_for_a_moment(world: World) -> None:
    thread_id = world.thread(ttl=EXPIRES_SOON)
    world.eventually(lambda: gone(world, thread_id))


# -- one of them ---------------------------------------------------------------------------


@proves("threads.get", "thread_id")
@proves("threads.delete", "thread_id")
def one_is_not_the_other(world: World) -> None:
    first, second = world.thread(), world.thread()
    for thread_id in (first, second):
        assert world.sdk.threads.get(thread_id)["thread_id"] == thread_id
    for thread_id in (first, second):
        world.sdk.threads.delete(thread_id)
        assert gone(world, thread_id)


@proves("threads.get", "include")
def get_with_its_ttl(world: World) -> None:
    thread_id = world.thread(ttl=90)
    assert world.sdk.threads.get(thread_id, include=["ttl"])["ttl"]["ttl_minutes"] == 90


@proves("threads.get", "params")
def get_with_a_query(world: World) -> None:
    """The oldest SDK cannot make a thread that expires, but it can ask whether one does."""
    thread_id = world.thread()
    assert "ttl" not in world.sdk.threads.get(thread_id)
    assert world.sdk.threads.get(thread_id, params={"include": "ttl"})["ttl"] is None


@proves("threads.update", "thread_id", "metadata")
def update(world: World) -> None:
    for number in (1, 2):
        thread_id = world.thread(metadata={"a": 0})
        world.sdk.threads.update(thread_id, metadata={"n": number})
        assert world.sdk.threads.get(thread_id)["metadata"] == {"a": 0, "n": number}


@proves("threads.update", "ttl")
def update_to_a_moment(world: World) -> None:
    thread_id = world.thread()
    world.sdk.threads.update(thread_id, metadata={}, ttl=EXPIRES_SOON)
    world.eventually(lambda: gone(world, thread_id))


@proves("threads.update", "return_minimal")
def update_without_an_answer(world: World) -> None:
    thread_id = world.thread()
    answer = world.sdk.threads.update(thread_id, metadata={"n": 1}, return_minimal=True)
    assert answer is None
    assert world.client.answers[-1].status_code == 204
    assert world.sdk.threads.get(thread_id)["metadata"] == {"n": 1}


@proves("threads.copy", "thread_id")
def copy(world: World) -> None:
    for text in ("1", "2"):
        thread_id = world.ran(input={"foo": text})
        copied = world.sdk.threads.copy(thread_id)["thread_id"]
        assert copied != thread_id
        assert world.sdk.threads.get_state(copied)["values"]["foo"] == f"{text}!"


@proves("threads.prune", "thread_ids")
def prune(world: World) -> None:
    first, second, third = world.thread(), world.thread(), world.thread()
    assert world.sdk.threads.prune([first])["pruned_count"] == 1
    assert world.sdk.threads.prune([second])["pruned_count"] == 1
    assert [gone(world, each) for each in (first, second, third)] == [True, True, False]


@proves("threads.prune", "strategy")
def prune_to_the_latest(world: World) -> None:
    thread_id = world.ran()
    world.sdk.threads.prune([thread_id], strategy="keep_latest")
    assert world.steps(thread_id) == [2]
    assert world.sdk.threads.get_state(thread_id)["values"]["foo"] == "1!"


# -- searching -----------------------------------------------------------------------------


def found(world: World, method: str, **asked: Any) -> int:
    """How many there are, in whatever way that is asked."""
    answer = world.method(method)(**asked)
    return answer if method.endswith("count") else len(answer)


@proves_each(SEARCHING, "metadata", "values", "status")
def search(world: World, method: str) -> None:
    mark = {"mark": world.mark}
    world.thread(metadata=mark)
    for graph, fields in (("echo", {"foo": "a"}), ("echo", {"foo": "b"}), ("ask", {"foo": "b!"})):
        thread_id = world.thread(metadata={**mark, "graph": graph})
        world.sdk.runs.wait(thread_id, graph, input=fields)
    world.sdk.runs.wait(world.thread(), "echo", input={"foo": "b"})
    assert found(world, method, metadata=mark) == 4
    assert found(world, method, metadata={**mark, "graph": "echo"}) == 2
    assert found(world, method, metadata=mark, values={"foo": "b!"}) == 2
    assert found(world, method, metadata=mark, status="interrupted") == 1


@proves("threads.search", "ids")
def search_by_ids(world: World) -> None:
    first, second, _ = (world.thread(metadata={"mark": world.mark}) for _ in range(3))
    rows = world.sdk.threads.search(metadata={"mark": world.mark}, ids=[first, second])
    assert {each["thread_id"] for each in rows} == {first, second}


@proves("threads.search", "limit", "offset", "sort_by", "sort_order", "select")
def pages(world: World) -> None:
    mark = {"mark": world.mark}
    made = [world.thread(metadata=mark) for _ in range(11)]
    world.sdk.threads.update(made[0], metadata={"touched": True})

    def rows(**asked: Any) -> list[str]:
        return [each["thread_id"] for each in world.sdk.threads.search(metadata=mark, **asked)]

    latest_first = [made[0], *made[:0:-1]]
    assert rows() == latest_first[:10]
    assert rows(limit=3) == latest_first[:3]
    assert rows(limit=3, offset=2) == latest_first[2:5]
    assert rows(sort_order="asc") == latest_first[:0:-1]
    assert rows(sort_by="created_at") == made[:0:-1]
    [row] = world.sdk.threads.search(metadata=mark, limit=1, select=["thread_id", "status"])
    assert row == {"thread_id": made[0], "status": "idle"}


@proves("threads.search", "extract")
def search_and_extract(world: World) -> None:
    thread_id = world.thread(metadata={"mark": world.mark})
    world.sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    extract = {"last": "values.log[-1]"}
    [row] = world.sdk.threads.search(metadata={"mark": world.mark}, extract=extract)
    assert row["extracted"] == {"last": "e2"}


# -- following -----------------------------------------------------------------------------


@proves("threads.join_stream", "thread_id", "last_event_id")
def follow_from_the_start(world: World) -> None:
    for _ in range(2):
        thread_id = world.thread()
        given = {"input": {"count": 2}, "stream_mode": "custom", "stream_resumable": True}
        list(world.sdk.runs.stream(thread_id, "emit", **given))
        past = world.only_run(thread_id)
        first = next_event(world, thread_id, last_event_id="-1")
        assert first.data["run_id"] == past["run_id"]


@proves("threads.join_stream", "stream_mode")
@proves("threads.join_stream", "params")
def follow_some(world: World) -> None:
    for asked in ({"stream_mode": "state_update"}, {"params": {"stream_mode": "state_update"}}):
        first = next_event(world, world.ran(), **asked)
        assert (first.event, first.data["state"]["values"]["foo"]) == ("state_update", "edited")


def next_event(world: World, thread_id: str, **asked: Any) -> Any:
    """What a thread's stream tells first, while there is a run and then an update of the state."""
    stream = world.sdk.threads.join_stream(thread_id, **asked)
    heard: list[Any] = []
    listening = world.meanwhile(lambda: heard.append(next(stream)))
    world.eventually(lambda: world.answered(f"/threads/{thread_id}/stream"))
    world.sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    world.sdk.threads.update_state(thread_id, {"foo": "edited"}, as_node="e1")
    listening.join(world.patience)
    [first] = heard
    stream.close()
    return first
