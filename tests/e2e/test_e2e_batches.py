"""Several runs created at once: all of them or none."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.server import Server
from support.waiting import eventually


def test_a_batch_of_stateless_runs(sdk: Any) -> None:
    payloads = [
        {"assistant_id": "echo", "input": {"foo": str(n)}, "on_completion": "keep"}
        for n in range(3)
    ]
    runs = sdk.runs.create_batch(payloads)
    assert [run["kwargs"]["input"]["foo"] for run in runs] == ["0", "1", "2"]
    assert len({run["thread_id"] for run in runs}) == 3
    for number, run in enumerate(runs):
        assert sdk.runs.join(run["thread_id"], run["run_id"])["foo"] == f"{number}!"


def test_a_batch_on_threads(sdk: Any) -> None:
    thread_id, new_thread = sdk.threads.create()["thread_id"], str(uuid4())
    runs = sdk.runs.create_batch(
        [
            {"assistant_id": "echo", "thread_id": thread_id, "input": {"foo": "1"}},
            {"assistant_id": "echo", "thread_id": thread_id, "input": {"foo": "2"}},
            {
                "assistant_id": "echo",
                "thread_id": new_thread,
                "if_not_exists": "create",
                "input": {"foo": "3"},
            },
        ]
    )
    assert [run["thread_id"] for run in runs] == [thread_id, thread_id, new_thread]
    for run in runs:
        sdk.runs.join(run["thread_id"], run["run_id"])
    assert sdk.threads.get(thread_id)["values"]["foo"] == "2!"
    assert sdk.threads.get(new_thread)["values"]["foo"] == "3!"


GOOD = {"assistant_id": "echo", "input": {"foo": "1"}}


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"assistant_id": "nope"}, 422),
        ({"assistant_id": str(uuid4())}, 404),
        ({"stream_mode": "never"}, 422),
        ({"webhook": "http://127.0.0.1/"}, 422),
        ({"thread_id": "x"}, 422),
        ({"thread_id": str(uuid4())}, 404),
        ({"config": {"configurable": {"a": 1}}, "context": {"a": 1}}, 400),
    ],
)
def test_one_bad_item_and_nothing_is_created(
    server: Server, bad: dict[str, Any], status: int
) -> None:
    with server.http() as http:
        thread_id = http.post("/threads", json={}).json()["thread_id"]
        on_thread = {**GOOD, "thread_id": thread_id}
        answer = http.post("/runs/batch", json=[on_thread, GOOD, {**GOOD, **bad}])
        assert answer.status_code == status, answer.text
        assert http.get(f"/threads/{thread_id}/runs").json() == []


def test_a_run_that_its_thread_rejects_takes_the_others_along(server: Server) -> None:
    with server.http() as http:
        free, busy = (http.post("/threads", json={}).json()["thread_id"] for _ in range(2))
        reject = {**GOOD, "thread_id": busy, "multitask_strategy": "reject"}
        answer = http.post("/runs/batch", json=[{**GOOD, "thread_id": free}, reject, reject])
        assert answer.status_code == 409
        for thread_id in (free, busy):
            assert http.get(f"/threads/{thread_id}/runs").json() == []
            assert http.get(f"/threads/{thread_id}").json()["status"] == "idle"
        # And the threads are free for others.
        assert http.post(f"/threads/{free}/runs/wait", json=GOOD).json()["foo"] == "1!"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b"[1]", b"nonsense"])
def test_bodies_that_are_no_batch(server: Server, body: bytes) -> None:
    with server.http() as http:
        answer = http.post("/runs/batch", content=body)
        assert answer.status_code == 422
        assert isinstance(answer.json()["detail"], str)


def test_keys_as_the_javascript_client_leaves_them(server: Server) -> None:
    item = {
        **GOOD,
        "streamMode": ["updates"],
        "multitaskStrategy": "rollback",
        "interruptBefore": ["nowhere"],
        "onCompletion": "keep",
        "metadata": {"camelCase": 1},
    }
    with server.http() as http:
        [run] = http.post("/runs/batch", json=[item]).json()
        assert run["kwargs"]["stream_mode"] == ["updates"]
        assert run["kwargs"]["interrupt_before"] == ["nowhere"]
        assert run["kwargs"]["temporary"] is False
        assert run["metadata"]["camelCase"] == 1


def test_a_delayed_run_of_a_batch_waits(server: Server) -> None:
    with server.http() as http:
        items = [{**GOOD, "after_seconds": 3600, "on_completion": "keep"}, GOOD]
        delayed, other = http.post("/runs/batch", json=items).json()
        eventually(lambda: _is_gone(http, other))
        path = f"/threads/{delayed['thread_id']}"
        assert http.get(f"{path}/runs/{delayed['run_id']}").json()["status"] == "pending"
        assert http.delete(path).status_code == 204


def _is_gone(http: httpx.Client, run: dict[str, Any]) -> bool:
    return http.get(f"/threads/{run['thread_id']}").status_code == 404


def test_quirk_20_feedback_keys_are_ignored_with_a_warning(server: Server) -> None:
    start = len(server.log.lines)
    with server.http() as http:
        body = {**GOOD, "feedback_keys": ["thumbs"], "langsmith_tracer": {"project_name": "p"}}
        assert http.post("/runs/wait", json=body).json()["foo"] == "1!"

    def warned_of() -> list[list[str]]:
        warnings = (event for event in server.log.events(start) if event["level"] == "warning")
        return [event["keys"] for event in warnings]

    assert eventually(warned_of) == [["thumbs"]]
