"""Webhooks of a real server, configured by langgraph.json, through the official clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.receiver import Receiver, receiver
from support.sdk import open_sdk
from support.server import GRAPHS, Server, running, start
from support.waiting import eventually

WEBHOOKS = {
    "env_prefix": "HOOK_",
    "url": {"disable_loopback": False, "allowed_domains": ["localhost"]},
    "headers": {"Authorization": "Bearer ${{ env.HOOK_TOKEN }}"},
}


def config_in(folder: Path) -> Path:
    graphs = {
        name: f"{GRAPHS.parent / file}"
        for name, file in {
            "echo": "echo.py:graph",
            "fails": "failing.py:fails",
            "ask": "asking.py:ask",
            "steps": "steps.py:steps",
        }.items()
    }
    path = folder / "langgraph.json"
    content = {
        "graphs": graphs,
        "dependencies": [str(GRAPHS.parent)],
        "env": {"HOOK_TOKEN": "secret"},
        "webhooks": WEBHOOKS,
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


@pytest.fixture(scope="module")
def calling_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("webhooks")
    with running(folder / "lgtrio.db", config=config_in(folder)) as server:
        yield server


@pytest.fixture(params=["async", "sync"])
def sdk(request: pytest.FixtureRequest, calling_server: Server) -> Iterator[Any]:
    with open_sdk(request.param, calling_server.url) as client:
        yield client


def told(there: Receiver, run_id: str) -> Any:
    eventually(lambda: there.of_run(run_id))
    [received] = there.of_run(run_id)
    return received


def test_a_run_on_a_thread(sdk: Any, there: Receiver) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    run = sdk.runs.create(thread_id, "echo", input={"foo": "1"}, webhook=there.url("/on-thread"))
    received = told(there, run["run_id"])
    assert received.path == "/on-thread"
    assert received.headers["authorization"] == "Bearer secret"
    stored = sdk.runs.get(thread_id, run["run_id"])
    body = received.body
    assert {name: body[name] for name in stored} == stored
    assert body["kwargs"]["webhook"] == there.url("/on-thread")
    assert body["values"] == sdk.threads.get_state(thread_id)["values"]
    assert body["run_started_at"] <= body["run_ended_at"] <= body["webhook_sent_at"]
    assert "error" not in body


def test_quirk_21_a_stateless_run_tells_its_values(sdk: Any, there: Receiver) -> None:
    values = sdk.runs.wait(None, "echo", input={"foo": "1"}, webhook=there.url("/stateless"))
    [received] = eventually(lambda: [each for each in there.received if each.path == "/stateless"])
    there.received.clear()
    assert received.body["values"] == values


def test_a_stream_that_ends_at_an_interrupt(sdk: Any, there: Receiver) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    list(sdk.runs.stream(thread_id, "ask", input={"foo": "1"}, webhook=there.url()))
    [run] = sdk.runs.list(thread_id)
    body = told(there, run["run_id"]).body
    assert body["status"] == "success"
    assert "__interrupt__" not in body["values"]
    assert body["values"]["log"] == ["before"]


def test_a_run_that_fails(sdk: Any, there: Receiver) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    run = sdk.runs.create(thread_id, "fails", input={}, webhook=there.url())
    body = told(there, run["run_id"]).body
    assert body["status"] == "error"
    assert body["error"] == sdk.threads.get(thread_id)["error"]


def test_runs_of_crons(sdk: Any, there: Receiver) -> None:
    cron = sdk.crons.create("echo", schedule="* * * * * *", webhook=there.url("/cron"))
    eventually(lambda: [each for each in there.received if each.path == "/cron"])
    sdk.crons.delete(cron["cron_id"])


def test_a_batch(sdk: Any, there: Receiver) -> None:
    payloads = [{"assistant_id": "echo", "input": {"foo": "1"}, "webhook": there.url()}] * 2
    for run in sdk.runs.create_batch(payloads):
        assert told(there, run["run_id"]).body["status"] == "success"


def test_ends_are_told_by_the_next_server_if_this_one_dies(own_process: Path) -> None:
    config, database = config_in(own_process), own_process / "lgtrio.db"
    with receiver() as there:
        there.status = 500
        # Dies when the first attempt has failed and is to be noted.
        fault = {"LGTRIO_FAULT": "before-op:postpone_webhook"}
        server = start(database, config=config, environment=fault)
        try:
            with server.http() as http:
                body = {"assistant_id": "echo", "input": {"foo": "1"}, "webhook": there.url()}
                run_id = http.post("/runs", json=body).json()["run_id"]
            server.wait()
        finally:
            server.kill()
        assert len(there.of_run(run_id)) == 1
        there.status = 200
        with running(database, config=config):
            eventually(lambda: len(there.of_run(run_id)) == 2)
        first, second = there.of_run(run_id)
        assert first.body["webhook_sent_at"] < second.body["webhook_sent_at"]
        assert first.body["values"] == second.body["values"]
