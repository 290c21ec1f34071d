"""A graph that ends the server's process: it is tried again, but not for ever."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.sdk import open_sdk
from support.server import Server, comes_up, running, serve_arguments, start, start_process
from support.waiting import lines_of

CONFIG = Path(__file__).with_name("exiting.json")
THREAD = "11111111-1111-4111-8111-111111111111"
ATTEMPTS = 2
OPTIONS = ("--max-attempts", str(ATTEMPTS))
STATUS = 3
"""What the node ends the process with."""


@pytest.fixture
def database(own_process: Path) -> Path:
    return own_process / "lgtrio.db"


def die(server: Server) -> None:
    assert server.wait() == STATUS, server.log.tail()


def first_death(database: Path, times: int, **fields: Any) -> Path:
    """Create a run whose node ends the process so many times; its ledger."""
    ledger = database.with_name("starts")
    server = start(database, config=CONFIG, options=OPTIONS)
    body = {
        "assistant_id": "exits",
        "input": {"file": str(ledger), "times": times},
        "if_not_exists": "create",
        "durability": "sync",
        **fields,
    }
    # The process may be gone before it has answered.
    with server.http() as http, suppress(httpx.TransportError):
        http.post(f"/threads/{THREAD}/runs", json=body)
    die(server)
    return ledger


def only_run(client: Any) -> Any:
    (run,) = client.runs.list(THREAD)
    return run


def test_it_cannot_loop_the_server(database: Path) -> None:
    ledger = first_death(database, times=100)
    # The second server goes on with the run, which may well be before it has said where it is.
    second = start_process(serve_arguments(database, config=CONFIG, options=OPTIONS))
    comes_up(second)
    die(second)
    with running(database, config=CONFIG, options=OPTIONS) as third:
        with open_sdk("sync", third.url) as client:
            run = only_run(client)
            assert run["status"] == "error"
            error = client.threads.get(THREAD)["error"]
            assert error["error"] == "RunGivenUp"
            assert "server died 2 times" in error["message"]
            assert client.runs.wait(None, "polite", input={}) == {"done": True}
            after = client.runs.wait(THREAD, "polite", input={})
            assert after["done"] is True
        with third.http() as http:
            journal = http.get(f"/threads/{THREAD}/runs/{run['run_id']}/journal").json()
    assert len(lines_of(ledger)) == ATTEMPTS
    moves = [(line["to"], line["cause"]) for line in journal]
    assert moves == [
        ("pending", "client"),
        ("running", "scheduler"),
        ("pending", "recovery"),
        ("running", "scheduler"),
        ("error", "recovery"),
    ]


def test_one_that_does_it_once_comes_to_its_end(database: Path) -> None:
    ledger = first_death(database, times=1, stream_resumable=True, stream_mode="updates")
    with (
        running(database, config=CONFIG, options=OPTIONS) as second,
        open_sdk("sync", second.url) as client,
    ):
        run_id = only_run(client)["run_id"]
        assert client.runs.join(THREAD, run_id)["done"] is True
        parts = list(client.runs.join_stream(THREAD, run_id, last_event_id="-1"))
    attempts = [part.data["attempt"] for part in parts if part.event == "metadata"]
    assert attempts == [1, 2]
    updates = [part.data for part in parts if part.event == "updates"]
    assert updates == [{"first": {"done": False}}, {"leaves": {"done": True}}]
    assert lines_of(ledger) == ["start", "start"]
