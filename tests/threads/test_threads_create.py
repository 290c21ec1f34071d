"""Threads that begin with a history, and threads that are kept for a time."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError

from support.server import Server


def step(as_node: str, values: Any = None, command: Any = None) -> dict[str, Any]:
    return {"updates": [{"as_node": as_node, "values": values, "command": command}]}


HISTORY = [step("__input__", {"foo": "in"}), step("e1", {"log": ["se1"]})]


def test_supersteps_become_the_history(sdk: Any) -> None:
    thread = sdk.threads.create(graph_id="echo", metadata={"m": 1}, supersteps=HISTORY)
    assert thread["values"] == {"foo": "in", "log": ["se1"]}, "what came in is in the state"
    assert thread["status"] == "interrupted"
    assert thread["metadata"] == {"graph_id": "echo", "m": 1}
    thread_id = thread["thread_id"]
    history = sdk.threads.get_history(thread_id)
    assert [state["next"] for state in history] == [["e2"], ["e1"], ["__start__"]]
    assert [state["metadata"]["step"] for state in history] == [1, 0, -1]
    assert {state["checkpoint"]["thread_id"] for state in history} == {thread_id}
    assert {state["metadata"]["thread_id"] for state in history} == {thread_id}
    assert sdk.runs.wait(thread_id, "echo", input=None) == {"foo": "in!", "log": ["se1", "e2"]}


def test_a_history_up_to_its_end(sdk: Any) -> None:
    steps = [step("__start__", {"foo": "in"}), step("e1"), step("e2", {"log": ["x"]})]
    thread = sdk.threads.create(graph_id="echo", supersteps=steps)
    assert (thread["status"], thread["values"]["log"]) == ("idle", ["x"])


def test_supersteps_with_a_command(sdk: Any) -> None:
    steps = [
        step("__start__", {"foo": "in"}),
        step("e1", command={"update": {"log": ["c"]}, "goto": "e2"}),
    ]
    thread = sdk.threads.create(graph_id="echo", supersteps=steps)
    assert thread["values"] == {"foo": "in", "log": ["c"]}
    assert sdk.threads.get_state(thread["thread_id"])["next"] == ["e2"]


@pytest.mark.parametrize(
    ("graph_id", "steps", "error"),
    [
        (None, HISTORY, BadRequestError),
        ("nothing", HISTORY, NotFoundError),
        ("echo", [*HISTORY, step("nowhere", {})], BadRequestError),
        ("echo", [{"updates": []}], BadRequestError),
    ],
)
def test_quirk_06_no_thread_of_bad_supersteps(
    sdk: Any, graph_id: str | None, steps: Any, error: type[Exception]
) -> None:
    thread_id = str(uuid.uuid4())
    with pytest.raises(error):
        sdk.threads.create(thread_id=thread_id, graph_id=graph_id, supersteps=steps)
    with pytest.raises(NotFoundError):
        sdk.threads.get(thread_id)
    again = sdk.threads.create(thread_id=thread_id, graph_id="echo")
    assert sdk.threads.get_history(again["thread_id"]) == [], "nothing was left behind"


def test_supersteps_leave_an_existing_thread_alone(sdk: Any) -> None:
    thread = sdk.threads.create(graph_id="echo")
    asked = {"thread_id": thread["thread_id"], "graph_id": "echo", "supersteps": HISTORY}
    with pytest.raises(ConflictError):
        sdk.threads.create(**asked)
    assert sdk.threads.create(**asked, if_exists="do_nothing") == thread
    assert sdk.threads.get_history(thread["thread_id"]) == []


def expires_after(thread: dict[str, Any]) -> timedelta:
    """How long after its last change the thread expires."""
    return datetime.fromisoformat(thread["ttl"]["expires_at"]) - datetime.fromisoformat(
        thread["updated_at"]
    )


def test_quirk_13_a_ttl_is_shown(sdk: Any) -> None:
    thread_id = sdk.threads.create(ttl=90)["thread_id"]
    assert "ttl" not in sdk.threads.get(thread_id)
    thread = sdk.threads.get(thread_id, include=["ttl"])
    assert (thread["ttl"]["ttl_minutes"], thread["ttl"]["strategy"]) == (90, "delete")
    assert expires_after(thread) == timedelta(minutes=90)
    sdk.threads.update(thread_id, metadata={"touched": True})
    assert expires_after(sdk.threads.get(thread_id, include=["ttl"])) == timedelta(minutes=90)
    sdk.threads.update(thread_id, metadata={}, ttl={"ttl": 0.5, "strategy": "keep_latest"})
    changed = sdk.threads.get(thread_id, include=["ttl"])
    assert (changed["ttl"]["ttl_minutes"], changed["ttl"]["strategy"]) == (0.5, "keep_latest")
    assert expires_after(changed) == timedelta(seconds=30)


def test_no_ttl(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    assert sdk.threads.get(thread_id, include=["ttl"])["ttl"] is None


def test_include_in_both_spellings(server: Server) -> None:
    thread = httpx.post(f"{server.url}/threads", json={"ttl": {"ttl": 5}}).json()
    path = f"{server.url}/threads/{thread['thread_id']}"
    for query in ("include=config,ttl", "include=config&include=ttl"):
        assert httpx.get(f"{path}?{query}").json()["ttl"]["ttl_minutes"] == 5


@pytest.mark.parametrize("ttl", [5, {"ttl": 0}, {"ttl": -1}, {"ttl": "1"}, {"ttl": 1e12}, {}])
def test_ttls_that_are_none(server: Server, ttl: Any) -> None:
    assert httpx.post(f"{server.url}/threads", json={"ttl": ttl}).status_code == 422


@pytest.mark.parametrize(
    "supersteps", ["x", [1], [{}], [{"updates": {}}], [{"updates": [{"values": {}}]}]]
)
def test_supersteps_that_are_none(server: Server, supersteps: Any) -> None:
    body = {"metadata": {"graph_id": "echo"}, "supersteps": supersteps}
    assert httpx.post(f"{server.url}/threads", json=body).status_code == 422
