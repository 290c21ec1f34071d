"""Signs of life: connections of quiet streams and long waits stay open, and clients unharmed.

The server's heartbeat is shortened, so that a test sees many within a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.sdk import open_sdk
from support.server import Server, running

HEARTBEAT = 0.1
SLEEP = {"seconds": 1.5}


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    folder: Path = tmp_path_factory.mktemp("keepalive")
    with running(folder / "lgtrio.db", options=["--heartbeat", str(HEARTBEAT)]) as server:
        yield server


@pytest.fixture(params=["async", "sync"])
def sdk(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    with open_sdk(request.param, server.url) as client:
        yield client


def impatient(server: Server) -> httpx.Client:
    """A client that gives up when nothing arrives for a second, which the runs take longer than."""
    return httpx.Client(base_url=server.url, timeout=httpx.Timeout(10, read=1))


def test_wait_sends_line_ends_and_stays_json(server: Server) -> None:
    body = {"assistant_id": "sleeps_in_thread", "input": SLEEP}
    with impatient(server) as http:
        answer = http.post("/runs/wait", json=body)
    assert answer.text.startswith("\n" * 5)
    assert answer.json() == {"seconds": 1.5, "blocked_for": 1.5}


def test_join_sends_line_ends_and_stays_json(server: Server) -> None:
    with impatient(server) as http:
        body = {"assistant_id": "sleeps_in_thread", "input": SLEEP, "on_completion": "keep"}
        run = http.post("/runs", json=body).json()
        answer = http.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}/join")
    assert answer.text.startswith("\n" * 5)
    assert answer.json()["blocked_for"] == 1.5


@pytest.mark.alone
def test_a_quiet_stream_has_a_regular_heartbeat(server: Server) -> None:
    body = {"assistant_id": "sleeps_in_thread", "input": SLEEP}
    times = []
    rest = b""
    with impatient(server) as http, http.stream("POST", "/runs/stream", json=body) as answer:
        for chunk in answer.iter_raw():
            times += [time.monotonic()] * chunk.count(b": heartbeat\r\n")
            rest += chunk.replace(b": heartbeat\r\n", b"")
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) >= 10
    assert sum(gaps) / len(gaps) == pytest.approx(HEARTBEAT, rel=0.3)
    # What is left when heartbeats are taken out is frames only: no stray blank line.
    assert all(frame.startswith(b"event: ") for frame in rest.split(b"\r\n\r\n")[:-1])


def test_a_busy_stream_has_heartbeats_between_its_frames(server: Server) -> None:
    body = {
        "assistant_id": "emit",
        "input": {"count": 100, "every": 0.01},
        "stream_mode": "custom",
    }
    with server.http() as http, http.stream("POST", "/runs/stream", json=body) as answer:
        raw = b"".join(answer.iter_raw())
    assert raw.count(b": heartbeat\r\n") >= 5
    frames = raw.replace(b": heartbeat\r\n", b"").split(b"\r\n\r\n")[:-1]
    assert len(frames) == 101
    assert frames[-1] == b'event: custom\r\ndata: {"n":99}'


@pytest.mark.parametrize("resumable", [False, True])
def test_heartbeats_are_invisible_to_clients(sdk: Any, resumable: bool) -> None:
    parts = list(
        sdk.runs.stream(
            None, "steps", input={"seconds": 0.3}, stream_mode="updates", stream_resumable=resumable
        )
    )
    assert [part.event for part in parts] == ["metadata", "updates", "updates", "updates"]
