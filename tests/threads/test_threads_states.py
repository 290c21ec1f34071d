"""States through the official clients: what is selected, filtered, named and patched."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError

from support.server import Server


@pytest.fixture
def thread_id(sdk: Any) -> str:
    """A thread with one finished run: steps -1 to 2."""
    thread_id = str(sdk.threads.create()["thread_id"])
    sdk.runs.wait(thread_id, "echo", input={"foo": "hi"}, metadata={"mine": 1})
    return thread_id


def steps(states: list[dict[str, Any]]) -> list[int]:
    return [state["metadata"]["step"] for state in states]


@pytest.mark.parametrize("shape", ["id", "checkpoint", "configurable"])
def test_quirk_10_before_in_three_shapes(sdk: Any, thread_id: str, shape: str) -> None:
    bound = sdk.threads.get_history(thread_id)[1]["checkpoint"]
    before = {"id": bound["checkpoint_id"], "checkpoint": bound, "configurable": None}[shape]
    found = sdk.threads.get_history(thread_id, before=before or {"configurable": bound})
    assert steps(found) == [0, -1]


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"source": "input"}, [-1]),
        ({"step": 1}, [1]),
        ({"mine": 1}, [2, 1, 0, -1]),
        ({"mine": 2}, []),
        ({"parents": {}}, [2, 1, 0, -1]),
        ({"parents": {"a": 1}}, []),
        ({"source": "loop", "step": 0}, [0]),
    ],
)
def test_history_by_metadata(
    sdk: Any, thread_id: str, metadata: dict[str, Any], found: list[int]
) -> None:
    assert steps(sdk.threads.get_history(thread_id, metadata=metadata)) == found


def test_history_of_one_checkpoint(sdk: Any, thread_id: str) -> None:
    wanted = sdk.threads.get_history(thread_id)[2]
    assert sdk.threads.get_history(thread_id, checkpoint=wanted["checkpoint"]) == [wanted]


def test_history_of_a_subgraph(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "ask_nested", input={"foo": "hi"})
    (task,) = sdk.threads.get_state(thread_id)["tasks"]
    namespace = task["checkpoint"]["checkpoint_ns"]
    inner = sdk.threads.get_history(thread_id, checkpoint={"checkpoint_ns": namespace})
    assert [state["next"] for state in inner] == [["asker"], ["__start__"]]
    assert {state["checkpoint"]["checkpoint_ns"] for state in inner} == {namespace}


def test_select_from_states(sdk: Any, server: Server, thread_id: str) -> None:
    state = sdk.threads.get_state(thread_id)
    path = f"{server.url}/threads/{thread_id}"
    selected = httpx.get(f"{path}/state?select=next&select=values.foo").json()
    assert selected == {"next": [], "values": {"foo": "hi!"}}
    body = {"checkpoint": {}, "select": ["created_at"]}
    assert httpx.post(f"{path}/state/checkpoint", json=body).json() == {
        "created_at": state["created_at"]
    }
    rows = httpx.post(f"{path}/history", json={"limit": 2, "select": ["values.foo"]}).json()
    assert rows == [{"values": {"foo": "hi!"}}, {"values": {"foo": "hi"}}]
    assert httpx.get(f"{path}/state?select=nonsense").status_code == 422


def test_quirk_11_an_unknown_checkpoint(sdk: Any, thread_id: str) -> None:
    for unknown in (str(uuid.uuid1()), "bogus"):
        with pytest.raises(NotFoundError):
            sdk.threads.get_state(thread_id, checkpoint_id=unknown)


@pytest.mark.deviates("an unknown checkpoint is refused")
@pytest.mark.parametrize("place", ["checkpoint_id", "checkpoint"])
def test_no_update_at_an_unknown_checkpoint(sdk: Any, thread_id: str, place: str) -> None:
    """It would be one of the empty state, and then the latest one."""
    before = sdk.threads.get(thread_id)
    unknown = str(uuid.uuid1())
    at = {"checkpoint_id": unknown} if place == "checkpoint" else unknown
    with pytest.raises(NotFoundError):
        sdk.threads.update_state(thread_id, {"foo": "y"}, **{place: at})
    assert sdk.threads.get(thread_id) == before


def test_quirk_12_no_update_while_busy(sdk: Any, thread_id: str) -> None:
    run = sdk.runs.create(thread_id, "echo", input={"foo": "x"}, after_seconds=60)
    with pytest.raises(ConflictError) as refused:
        sdk.threads.update_state(thread_id, {"foo": "y"})
    assert len(refused.value.message) < 300
    assert run["run_id"] not in refused.value.message
    sdk.runs.cancel(thread_id, run["run_id"], wait=True)


def test_a_list_is_one_update_of_a_state_that_is_a_list(sdk: Any) -> None:
    thread_id = sdk.threads.create(graph_id="listed")["thread_id"]
    sdk.threads.update_state(thread_id, ["a", "b"], as_node="add")
    sdk.threads.update_state(thread_id, ["c"], as_node="add")
    assert sdk.threads.get_state(thread_id)["values"] == ["a", "b", "c"]
    assert len(sdk.threads.get_history(thread_id)) == 2
    assert sdk.threads.get(thread_id)["values"] == ["a", "b", "c"]
    assert sdk.threads.search(ids=[thread_id], values={"a": "b"}) == []


def test_a_list_is_no_update_of_a_state_with_keys(sdk: Any, thread_id: str) -> None:
    with pytest.raises(BadRequestError, match="Expected dict"):
        sdk.threads.update_state(thread_id, [{"foo": "x"}])
    assert len(sdk.threads.get_history(thread_id)) == 4


def test_metadata_of_the_latest_state_is_patched(sdk: Any, server: Server, thread_id: str) -> None:
    path = f"{server.url}/threads/{thread_id}/state"
    older = sdk.threads.get_history(thread_id)[1:]
    answer = httpx.patch(path, json={"metadata": {"label": {"a": 1, "b": 2}, "mine": None}})
    assert answer.status_code == 200
    state = sdk.threads.get_state(thread_id)
    assert (state["metadata"]["label"], state["metadata"]["mine"]) == ({"a": 1, "b": 2}, None)
    assert state["metadata"]["step"] == 2
    assert sdk.threads.get_history(thread_id)[1:] == older
    assert sdk.threads.get(thread_id)["metadata"]["label"] == {"a": 1, "b": 2}
    for wanted, found in (({"a": 1}, [2]), ({"a": 2}, [])):
        assert steps(sdk.threads.get_history(thread_id, metadata={"label": wanted})) == found


def test_what_a_patch_of_a_state_refuses(server: Server, thread_id: str) -> None:
    path = f"{server.url}/threads/{thread_id}/state"
    assert httpx.patch(path, json={"metadata": {"step": 7}}).status_code == 422
    assert httpx.patch(path, json={}).status_code == 422
    unknown = f"{server.url}/threads/{uuid.uuid4()}/state"
    assert httpx.patch(unknown, json={"metadata": {}}).status_code == 404


def test_a_patch_of_a_delta_state_leaves_the_state(sdk: Any, server: Server) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "delta", input={"items": ["in"]})
    httpx.patch(f"{server.url}/threads/{thread_id}/state", json={"metadata": {"label": "good"}})
    assert sdk.threads.get_state(thread_id)["values"] == {"items": ["in", "one", "two"]}
