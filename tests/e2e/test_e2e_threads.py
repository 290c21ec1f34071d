"""Threads through the official clients: create, get, update, delete."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError

from support.server import Server


def test_fresh_thread(sdk: Any) -> None:
    thread = sdk.threads.create(metadata={"owner": "ann"})
    assert uuid.UUID(thread["thread_id"]).version == 7
    assert thread["status"] == "idle"
    assert thread["metadata"] == {"owner": "ann"}
    assert thread["values"] is None
    assert thread["config"] == {}
    assert thread["created_at"] == thread["updated_at"] == thread["state_updated_at"]
    assert thread["created_at"].endswith("+00:00")
    assert sdk.threads.get(thread["thread_id"]) == thread


def test_client_chosen_id(sdk: Any) -> None:
    chosen = str(uuid.uuid4())
    assert sdk.threads.create(thread_id=chosen)["thread_id"] == chosen
    with pytest.raises(ConflictError, match=f"Thread with ID {chosen} already exists"):
        sdk.threads.create(thread_id=chosen)
    again = sdk.threads.create(thread_id=chosen, if_exists="do_nothing", metadata={"x": 1})
    assert again["metadata"] == {}, "an existing thread is left as it is"


def test_graph_id_is_folded_into_metadata(sdk: Any) -> None:
    assert sdk.threads.create(graph_id="echo")["metadata"] == {"graph_id": "echo"}


def test_update_merges_the_top_level_of_metadata(sdk: Any) -> None:
    thread = sdk.threads.create(metadata={"a": {"x": 1}, "b": 1})
    updated = sdk.threads.update(thread["thread_id"], metadata={"a": {"y": 2}, "c": None})
    assert updated["metadata"] == {"a": {"y": 2}, "b": 1, "c": None}
    assert updated["updated_at"] > thread["updated_at"]
    assert updated["state_updated_at"] == thread["state_updated_at"]
    assert sdk.threads.get(thread["thread_id"])["metadata"] == updated["metadata"]


def test_update_can_answer_without_a_body(sdk: Any) -> None:
    thread = sdk.threads.create()
    answer = sdk.threads.update(thread["thread_id"], metadata={"a": 1}, return_minimal=True)
    assert answer is None
    assert sdk.threads.get(thread["thread_id"])["metadata"] == {"a": 1}


def test_delete(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    assert sdk.threads.delete(thread_id) is None
    for call in (sdk.threads.get, sdk.threads.delete):
        with pytest.raises(NotFoundError, match=f"Thread with ID {thread_id} not found"):
            call(thread_id)


def test_delete_takes_runs_and_state_along(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    run_id = sdk.runs.list(thread_id)[0]["run_id"]
    sdk.threads.delete(thread_id)
    for call in (lambda: sdk.runs.get(thread_id, run_id), lambda: sdk.threads.get_state(thread_id)):
        with pytest.raises(NotFoundError):
            call()
    # The same id starts from nothing.
    sdk.threads.create(thread_id=thread_id)
    assert sdk.runs.list(thread_id) == []
    assert sdk.runs.wait(thread_id, "echo", input={"foo": "2"})["log"] == ["e1", "e2"]


def test_unknown_thread(sdk: Any) -> None:
    unknown = str(uuid.uuid4())
    with pytest.raises(NotFoundError):
        sdk.threads.update(unknown, metadata={})
    with pytest.raises(NotFoundError):
        sdk.threads.get_state(unknown)


def test_thread_after_a_run(sdk: Any) -> None:
    thread = sdk.threads.create(metadata={"mine": 1})
    thread_id = thread["thread_id"]
    sdk.runs.wait(thread_id, "echo", input={"foo": "hi"})
    after = sdk.threads.get(thread_id)
    assert after["status"] == "idle"
    assert after["values"] == {"foo": "hi!", "log": ["e1", "e2"]}
    assert after["interrupts"] == {}
    assert after["error"] is None
    assert after["metadata"]["mine"] == 1
    assert after["metadata"]["graph_id"] == "echo"
    assert uuid.UUID(after["metadata"]["assistant_id"])
    assert after["state_updated_at"] > thread["state_updated_at"]


@pytest.mark.parametrize(
    "body",
    [
        {"thread_id": "nope"},
        {"if_exists": "whatever"},
        {"metadata": "text"},
    ],
)
def test_create_checks_its_fields(server: Server, body: dict[str, Any]) -> None:
    assert httpx.post(f"{server.url}/threads", json=body).status_code == 422
