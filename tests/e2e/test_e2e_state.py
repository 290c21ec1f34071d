"""State, history and updates by hand, through the official clients."""

from __future__ import annotations

import uuid
from itertools import pairwise
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError

from support.server import Server
from support.waiting import eventually


@pytest.fixture
def thread_id(sdk: Any) -> str:
    """A thread on which `echo` ran once: checkpoints -1, 0, 1, 2."""
    thread_id = sdk.threads.create(metadata={"team": "blue"})["thread_id"]
    sdk.runs.wait(thread_id, "echo", input={"foo": "hi"}, metadata={"run_no": 1})
    return thread_id


def test_state_of_an_empty_thread(sdk: Any) -> None:
    state = sdk.threads.get_state(sdk.threads.create()["thread_id"])
    assert state == {
        "values": {},
        "next": [],
        "tasks": [],
        "metadata": None,
        "created_at": None,
        "checkpoint": None,
        "parent_checkpoint": None,
        "interrupts": [],
        "checkpoint_id": None,
        "parent_checkpoint_id": None,
    }


def test_latest_state(sdk: Any, thread_id: str) -> None:
    state = sdk.threads.get_state(thread_id)
    assert state["values"] == {"foo": "hi!", "log": ["e1", "e2"]}
    assert state["next"] == state["tasks"] == state["interrupts"] == []
    assert state["checkpoint"]["thread_id"] == thread_id
    assert state["checkpoint"]["checkpoint_ns"] == ""
    assert state["checkpoint"]["checkpoint_id"] == state["checkpoint_id"]
    assert state["parent_checkpoint"]["checkpoint_id"] == state["parent_checkpoint_id"]
    metadata = state["metadata"]
    assert (metadata["source"], metadata["step"]) == ("loop", 2)
    assert (metadata["team"], metadata["run_no"]) == ("blue", 1)
    assert metadata["graph_id"] == "echo"
    assert metadata["thread_id"] == thread_id
    assert metadata["run_id"] == sdk.runs.list(thread_id)[0]["run_id"]
    assert metadata["run_attempt"] == 1


def test_state_at_a_checkpoint_both_ways(sdk: Any, thread_id: str) -> None:
    middle = sdk.threads.get_history(thread_id)[1]
    assert middle["values"] == {"foo": "hi", "log": ["e1"]}
    by_id = sdk.threads.get_state(thread_id, checkpoint_id=middle["checkpoint_id"])
    by_object = sdk.threads.get_state(thread_id, checkpoint=middle["checkpoint"])
    for state in (by_id, by_object):
        assert state["values"] == middle["values"]
        assert state["next"] == ["e2"]
        assert state["checkpoint"]["checkpoint_id"] == middle["checkpoint_id"]


def test_empty_checkpoint_object_means_the_latest(server: Server, thread_id: str) -> None:
    answer = httpx.post(
        f"{server.url}/threads/{thread_id}/state/checkpoint", json={"checkpoint": {}}
    )
    assert answer.json()["values"]["foo"] == "hi!"
    missing = httpx.post(f"{server.url}/threads/{thread_id}/state/checkpoint", json={})
    assert missing.status_code == 422


@pytest.mark.deviates("an unknown checkpoint is 404, not an empty state")
def test_state_at_an_unknown_checkpoint(sdk: Any, thread_id: str) -> None:
    with pytest.raises(NotFoundError):
        sdk.threads.get_state(thread_id, checkpoint_id=str(uuid.uuid4()))


def test_state_of_an_interrupted_thread(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "ask", input={"foo": "hi"})
    state = sdk.threads.get_state(thread_id)
    assert state["next"] == ["asker"]
    (task,) = state["tasks"]
    assert task["name"] == "asker"
    assert task["path"] == ["__pregel_pull", "asker"]
    assert task["error"] is None
    assert task["result"] is None
    (interrupt,) = task["interrupts"]
    assert interrupt["value"] == {"q": "name?"}
    assert set(interrupt) == {"id", "value"}
    assert state["interrupts"] == [interrupt]
    assert sdk.threads.get(thread_id)["interrupts"] == {task["id"]: [interrupt]}


def test_state_of_a_pending_subgraph(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "ask_nested", input={"foo": "hi"})
    (task,) = sdk.threads.get_state(thread_id)["tasks"]
    assert task["state"] is None
    assert task["checkpoint"]["checkpoint_ns"] == f"inner:{task['id']}"
    (deep,) = sdk.threads.get_state(thread_id, subgraphs=True)["tasks"]
    assert deep["state"]["next"] == ["asker"]
    assert deep["state"]["values"]["foo"] == "hi"
    inner = sdk.threads.get_state(
        thread_id, checkpoint={"checkpoint_ns": task["checkpoint"]["checkpoint_ns"]}
    )
    assert inner["next"] == ["asker"]


def test_history_newest_first(sdk: Any, thread_id: str) -> None:
    rows = sdk.threads.get_history(thread_id)
    assert [row["metadata"]["step"] for row in rows] == [2, 1, 0, -1]
    assert [row["next"] for row in rows] == [[], ["e2"], ["e1"], ["__start__"]]
    assert [row["metadata"]["source"] for row in rows] == ["loop", "loop", "loop", "input"]
    for newer, older in pairwise(rows):
        assert newer["parent_checkpoint_id"] == older["checkpoint_id"]
        assert newer["checkpoint_id"] > older["checkpoint_id"], "ids sort by time"
    assert rows[1]["tasks"][0]["result"] == {"foo": "hi!", "log": ["e2"]}


def test_quirk_09_a_history_is_one_state_unless_it_says_how_many(
    server: Server, sdk: Any, thread_id: str
) -> None:
    assert len(sdk.threads.get_history(thread_id, limit=2)) == 2
    with server.http() as http:
        assert len(http.post(f"/threads/{thread_id}/history", json={}).json()) == 1
        assert len(http.get(f"/threads/{thread_id}/history?limit=3").json()) == 3
        assert http.get(f"/threads/{thread_id}/history?limit=abc").status_code == 422
        assert http.post(f"/threads/{thread_id}/history", json={"limit": 0}).status_code == 422
        assert http.post(f"/threads/{thread_id}/history", json={"limit": 1001}).status_code == 422


def test_history_before_in_the_shape_all_servers_know(sdk: Any, thread_id: str) -> None:
    rows = sdk.threads.get_history(thread_id)
    before = {"configurable": {"checkpoint_id": rows[1]["checkpoint_id"]}}
    found = sdk.threads.get_history(thread_id, before=before)
    assert [row["metadata"]["step"] for row in found] == [0, -1]


@pytest.mark.deviates("all three shapes of `before` work")
def test_history_before_as_id_or_checkpoint(sdk: Any, thread_id: str) -> None:
    rows = sdk.threads.get_history(thread_id)
    for before in (rows[1]["checkpoint_id"], rows[1]["checkpoint"]):
        found = sdk.threads.get_history(thread_id, before=before)
        assert [row["metadata"]["step"] for row in found] == [0, -1]


def test_history_by_metadata(sdk: Any, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "echo", input={"foo": "2"}, metadata={"run_no": 2})
    both = sdk.threads.get_history(thread_id, limit=20)
    first = sdk.threads.get_history(thread_id, limit=20, metadata={"run_no": 1})
    assert (len(both), len(first)) == (8, 4)
    assert {row["metadata"]["run_no"] for row in first} == {1}
    inputs = sdk.threads.get_history(thread_id, limit=20, metadata={"source": "input"})
    assert [row["metadata"]["step"] for row in inputs] == [3, -1]


def test_update_state_as_a_node(sdk: Any, thread_id: str) -> None:
    before = sdk.threads.get_state(thread_id)
    answer = sdk.threads.update_state(thread_id, {"foo": "edited", "log": ["me"]}, as_node="e1")
    assert answer["checkpoint"]["thread_id"] == thread_id
    assert answer["checkpoint_id"] == answer["checkpoint"]["checkpoint_id"]
    state = sdk.threads.get_state(thread_id)
    assert state["checkpoint_id"] == answer["checkpoint_id"]
    assert state["values"] == {"foo": "edited", "log": ["e1", "e2", "me"]}
    assert state["next"] == ["e2"]
    assert state["metadata"]["source"] == "update"
    assert state["parent_checkpoint_id"] == before["checkpoint_id"]
    thread = sdk.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    assert thread["values"] == state["values"]
    result = sdk.runs.wait(thread_id, "echo", input=None)
    assert result == {"foo": "edited!", "log": ["e1", "e2", "me", "e2"]}


def test_update_state_without_a_node(sdk: Any, thread_id: str) -> None:
    sdk.threads.update_state(thread_id, {"foo": "edited"})
    state = sdk.threads.get_state(thread_id)
    assert state["values"]["foo"] == "edited"
    assert state["next"] == [], "applied as the last node that ran"
    assert sdk.threads.get(thread_id)["status"] == "idle"


def test_update_state_at_an_older_checkpoint_forks(sdk: Any, thread_id: str) -> None:
    middle = sdk.threads.get_history(thread_id)[1]
    sdk.threads.update_state(
        thread_id, {"log": ["fork"]}, as_node="e1", checkpoint=middle["checkpoint"]
    )
    state = sdk.threads.get_state(thread_id)
    assert state["values"] == {"foo": "hi", "log": ["e1", "fork"]}
    assert state["parent_checkpoint_id"] == middle["checkpoint_id"]
    sdk.threads.update_state(
        thread_id, {"log": ["again"]}, as_node="e1", checkpoint_id=middle["checkpoint_id"]
    )
    assert sdk.threads.get_state(thread_id)["values"]["log"] == ["e1", "again"]


def test_update_state_as_end_clears_what_was_next(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "ask", input={"foo": "hi"})
    sdk.threads.update_state(thread_id, None, as_node="__end__")
    assert sdk.threads.get_state(thread_id)["next"] == []
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("idle", {})


def test_update_state_of_a_thread_that_never_ran(sdk: Any) -> None:
    thread_id = sdk.threads.create(graph_id="echo")["thread_id"]
    sdk.threads.update_state(thread_id, {"foo": "first"}, as_node="e1")
    assert sdk.threads.get_state(thread_id)["values"]["foo"] == "first"
    nameless = sdk.threads.create()["thread_id"]
    with pytest.raises(BadRequestError, match="has no assigned graph ID"):
        sdk.threads.update_state(nameless, {"foo": "x"})


def test_update_state_names_a_node_that_is_not_there(sdk: Any, thread_id: str) -> None:
    with pytest.raises(BadRequestError, match="Node nonode does not exist"):
        sdk.threads.update_state(thread_id, {"foo": "x"}, as_node="nonode")


def test_update_state_while_a_run_is_active(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    run = sdk.runs.create(thread_id, "steps", input={"seconds": 5})
    eventually(lambda: sdk.threads.get(thread_id)["status"] == "busy")
    with pytest.raises(ConflictError):
        sdk.threads.update_state(thread_id, {"log": ["x"]}, as_node="a")
    sdk.runs.cancel(thread_id, run["run_id"], wait=True)


def test_update_state_resets_an_error(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "fails_late", input={"kind": "value"}, raise_error=False)
    assert sdk.threads.get(thread_id)["status"] == "error"
    sdk.threads.update_state(thread_id, {"kind": "key"}, as_node="breaks")
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("idle", None)


def test_delta_channel_state_survives(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "delta", input={"items": ["in"]})
    sdk.runs.wait(thread_id, "delta", input={"items": ["again"]})
    everything = ["in", "one", "two", "again", "one", "two"]
    assert sdk.threads.get_state(thread_id)["values"]["items"] == everything
    rows = sdk.threads.get_history(thread_id, limit=20)
    assert [len(row["values"].get("items", [])) for row in rows] == [6, 5, 4, 3, 3, 2, 1, 0]
