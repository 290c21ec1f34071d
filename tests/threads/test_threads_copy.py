"""Threads as a whole: copied, pruned, measured."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import NotFoundError

from support.server import Server


def finished(sdk: Any, graph: str, input: Any, **created: Any) -> str:
    thread_id = str(sdk.threads.create(**created)["thread_id"])
    sdk.runs.wait(thread_id, graph, input=input)
    return thread_id


def moments(sdk: Any, thread_id: str) -> list[Any]:
    """The history, less what names the thread."""
    history = sdk.threads.get_history(thread_id, limit=100)
    return [(each["checkpoint_id"], each["values"], each["next"]) for each in history]


def test_quirk_08_a_copy_has_values_and_status(sdk: Any) -> None:
    source = finished(sdk, "ask", {"foo": "x"}, metadata={"mine": 1})
    original = sdk.threads.get(source)
    copied = sdk.threads.copy(source)
    assert copied["thread_id"] != source
    for key in ("metadata", "status", "values", "interrupts", "config", "error"):
        assert copied[key] == original[key], key
    assert copied["status"] == "interrupted"
    assert copied == sdk.threads.get(copied["thread_id"])
    assert moments(sdk, copied["thread_id"]) == moments(sdk, source)
    assert sdk.runs.list(copied["thread_id"]) == []


def test_quirk_08_a_copy_of_nothing(sdk: Any) -> None:
    with pytest.raises(NotFoundError):
        sdk.threads.copy(str(uuid.uuid4()))


def test_a_copy_lives_by_itself(sdk: Any) -> None:
    source = finished(sdk, "ask", {"foo": "x"})
    copied = sdk.threads.copy(source)["thread_id"]
    answered = sdk.runs.wait(copied, "ask", command={"resume": "bob"})
    assert answered["answers"] == ["bob"]
    assert sdk.threads.get(source)["status"] == "interrupted"
    sdk.threads.delete(source)
    assert sdk.threads.get_state(copied)["values"]["answers"] == ["bob"]


def test_a_copy_keeps_the_ttl(sdk: Any) -> None:
    source = sdk.threads.create(ttl={"ttl": 7, "strategy": "keep_latest"})["thread_id"]
    copied = sdk.threads.copy(source)["thread_id"]
    ttl = sdk.threads.get(copied, include=["ttl"])["ttl"]
    assert (ttl["ttl_minutes"], ttl["strategy"]) == (7, "keep_latest")


def test_a_copy_can_be_found(sdk: Any) -> None:
    name = str(uuid.uuid4())
    source = finished(sdk, "echo", {"foo": name}, metadata={"name": name})
    copied = sdk.threads.copy(source)["thread_id"]
    for asked in ({"metadata": {"name": name}}, {"values": {"foo": f"{name}!"}}):
        found = sdk.threads.search(**asked, select=["thread_id"])
        assert {each["thread_id"] for each in found} == {source, copied}


def delta_thread(sdk: Any) -> str:
    """A thread whose state is only the sum of the writes of all its checkpoints."""
    thread_id = finished(sdk, "delta", {"items": ["in"]})
    sdk.runs.wait(thread_id, "delta", input={"items": ["again"]})
    return thread_id


DELTA = ["in", "one", "two", "again", "one", "two"]


def test_a_delta_state_survives_a_copy(sdk: Any) -> None:
    source = delta_thread(sdk)
    copied = sdk.threads.copy(source)["thread_id"]
    sdk.threads.delete(source)
    assert sdk.threads.get_state(copied)["values"] == {"items": DELTA}
    more = sdk.runs.wait(copied, "delta", input={"items": []})
    assert more == {"items": [*DELTA, "one", "two"]}


def test_prune_deletes(sdk: Any) -> None:
    doomed = [sdk.threads.create()["thread_id"] for _ in range(2)]
    kept = sdk.threads.create()["thread_id"]
    ids = [*doomed, doomed[0], str(uuid.uuid4())]
    assert sdk.threads.prune(ids) == {"pruned_count": 2}
    for thread_id in doomed:
        with pytest.raises(NotFoundError):
            sdk.threads.get(thread_id)
    assert sdk.threads.get(kept)
    assert sdk.threads.prune([]) == {"pruned_count": 0}


@pytest.mark.parametrize("graph", ["echo", "delta"])
def test_prune_keeps_the_latest_state(sdk: Any, graph: str) -> None:
    thread_id = delta_thread(sdk) if graph == "delta" else finished(sdk, "echo", {"foo": "x"})
    before = moments(sdk, thread_id)
    thread = sdk.threads.get(thread_id)
    assert sdk.threads.prune([thread_id], strategy="keep_latest") == {"pruned_count": 1}
    assert moments(sdk, thread_id) == before[:1]
    assert sdk.threads.get(thread_id) == thread
    assert sdk.runs.wait(thread_id, graph, input={}) is not None
    assert len(moments(sdk, thread_id)) > 1


def test_prune_passes_over_a_busy_thread(sdk: Any) -> None:
    """A rollback of the run would need the states from before it."""
    thread_id = finished(sdk, "echo", {"foo": "x"})
    run = sdk.runs.create(thread_id, "echo", input={"foo": "y"}, after_seconds=60)
    before = moments(sdk, thread_id)
    assert sdk.threads.prune([thread_id], strategy="keep_latest") == {"pruned_count": 0}
    assert moments(sdk, thread_id) == before
    sdk.runs.cancel(thread_id, run["run_id"], wait=True)


@pytest.mark.parametrize(
    "body", [{}, {"thread_ids": ["x"]}, {"thread_ids": [], "strategy": "some"}, {"thread_ids": "x"}]
)
def test_prune_refuses(server: Server, body: dict[str, Any]) -> None:
    assert httpx.post(f"{server.url}/threads/prune", json=body).status_code == 422


def test_how_much_the_states_take(sdk: Any, server: Server) -> None:
    thread_id = finished(sdk, "echo", {"foo": "x" * 5000})
    usage = httpx.get(f"{server.url}/threads/{thread_id}/storage").json()
    assert usage["thread_id"] == thread_id
    assert usage["checkpoints"]["count"] == len(moments(sdk, thread_id))
    assert usage["channel_values"]["by_channel"]["foo"]["bytes"] >= 5000
    assert usage["channel_values"]["count"] == sum(
        channel["versions"] for channel in usage["channel_values"]["by_channel"].values()
    )
    parts = ("checkpoints", "channel_values", "pending_writes")
    assert usage["total_bytes"] == sum(usage[part]["bytes"] for part in parts)
    assert httpx.get(f"{server.url}/threads/{uuid.uuid4()}/storage").status_code == 404
