"""SIGTERM: the runs stop between two steps, their clients see a break, and all goes on later."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client

from support.database import inconsistencies, journal, run_statuses
from support.server import Server, running, start
from support.waiting import eventually, lines_of

RUNS = 20
STEPS = ["a", "b", "c"]


class Follower:
    """One client that streams one run to its end, whatever happens to the server."""

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.parts: list[Any] = []

    async def follow(self, client: Any, file: Path) -> None:
        async for part in client.runs.stream(
            None,
            "steps",
            input={"seconds": 1, "file": str(file)},
            stream_mode=["updates", "values"],
            stream_resumable=True,
            on_completion="keep",
        ):
            self.parts.append(part)
            if part.event == "metadata":
                self.run_id = part.data["run_id"]

    @property
    def updates(self) -> list[str]:
        return [node for part in self.parts if part.event == "updates" for node in part.data]

    @property
    def attempts(self) -> list[int]:
        return [part.data["attempt"] for part in self.parts if part.event == "metadata"]


class Restart:
    """A server that is stopped while clients stream, and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "steps.txt"
        self.followers = [Follower() for _ in range(RUNS)]
        self.between: dict[str, str] = {}
        self.seconds_to_end = 0.0
        self.status = -1
        self._first = start(folder / "lgtrio.db")
        self.second: Server | None = None

    async def play(self) -> None:
        async with get_client(url=self._first.url) as client, asyncio.TaskGroup() as tasks:
            for follower in self.followers:
                tasks.create_task(follower.follow(client, self.file))
            await asyncio.to_thread(self._restart_in_the_second_step)

    def _restart_in_the_second_step(self) -> None:
        eventually(lambda: count(self.file, "b start") >= RUNS)
        began = time.monotonic()
        self.status = self._first.stop()
        self.seconds_to_end = time.monotonic() - began
        self.between = run_statuses(self.folder / "lgtrio.db")
        self.second = start(self.folder / "lgtrio.db", port=self._first.port)

    def close(self) -> None:
        for server in (self._first, self.second):
            if server is not None and server.alive:
                server.stop()


def count(file: Path, text: str) -> int:
    return sum(line.endswith(text) for line in lines_of(file))


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restart]:
    restart = Restart(tmp_path_factory.mktemp("restart"))
    try:
        asyncio.run(restart.play())
        yield restart
    finally:
        restart.close()


def test_the_server_ends_at_the_next_step(restarted: Restart) -> None:
    assert restarted.status == 0
    assert restarted.seconds_to_end < 15, "steps take 1 s, the grace period is 20 s"


def test_runs_are_pending_in_between(restarted: Restart) -> None:
    assert set(restarted.between.values()) == {"pending"}
    assert len(restarted.between) == RUNS


def test_every_client_sees_the_whole_stream(restarted: Restart) -> None:
    for follower in restarted.followers:
        assert follower.attempts == [1, 2]
        assert follower.updates == STEPS, "neither a gap nor a double"
        assert follower.parts[-1].event == "values"
        assert follower.parts[-1].data["log"] == STEPS
        ids = [part.id for part in follower.parts]
        assert len(set(ids)) == len(ids)


def test_no_step_ran_twice(restarted: Restart) -> None:
    runs = sorted(lines_of(restarted.file))
    for run_id, lines in groupby(runs, key=lambda line: line.split()[0]):
        assert len(list(lines)) == 2 * len(STEPS), run_id


def test_the_runs_end_and_the_journal_says_why(restarted: Restart) -> None:
    database = restarted.folder / "lgtrio.db"
    assert set(run_statuses(database).values()) == {"success"}
    assert list(inconsistencies(database)) == []
    for changes in journal(database).values():
        assert [now for _, now in changes] == ["pending", "running"] * 2 + ["success"]


# -- how long it takes, and what is refused meanwhile --------------------------------------


def test_idle_connections_do_not_hold_it_up(own_process: Path) -> None:
    with running(own_process / "lgtrio.db") as server, ExitStack() as stack:
        for _ in range(3):
            http = stack.enter_context(server.http())
            assert http.get("/ok").status_code == 200  # and its connection stays open
        stack.enter_context(closing(socket.create_connection(("127.0.0.1", server.port))))
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15, "the grace period is 20 s"


def test_a_reader_that_has_stalled_does_not_hold_it_up(own_process: Path) -> None:
    """Its socket is full: nothing that is sent to it ever arrives."""
    with running(own_process / "lgtrio.db", options=["--shutdown-grace", "1"]) as server:
        body = {
            "assistant_id": "emit",
            "input": {"count": 2000, "size": 10_000, "every": 0.001},
            "stream_mode": "custom",
        }
        with server.http() as http, http.stream("POST", "/runs/stream", json=body) as response:
            assert response.status_code == 200
            next(response.iter_raw())
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 10


def test_what_does_not_stop_in_the_grace_period_is_cancelled_and_resumed(
    own_process: Path,
) -> None:
    database, file = own_process / "lgtrio.db", own_process / "steps.txt"
    options = ["--shutdown-grace", "0.5"]
    with running(database, options=options) as server, server.http() as http:
        body = {"assistant_id": "steps", "input": {"seconds": 30, "file": str(file)}}
        thread_id = http.post("/threads", json={}).json()["thread_id"]
        run = http.post(f"/threads/{thread_id}/runs", json=body).json()
        eventually(lambda: count(file, "a start") == 1)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 20, "the step takes 30 s"
    assert run_statuses(database) == {run["run_id"]: "pending"}
    with running(database) as server, server.http() as http:
        eventually(lambda: count(file, "a start") == 2)
        url = f"/threads/{thread_id}/runs/{run['run_id']}"
        assert http.get(url).json()["status"] == "running"
        assert http.post(f"{url}/cancel?wait=true").status_code == 200


def test_creates_are_refused_while_it_ends(own_process: Path) -> None:
    file = own_process / "steps.txt"
    with running(own_process / "lgtrio.db") as server, server.http() as http:
        body = {"assistant_id": "steps", "input": {"seconds": 1.5, "file": str(file)}}
        with http.stream("POST", "/runs/stream", json=body):
            eventually(lambda: count(file, "a start") == 1)
            server.signal(signal.SIGTERM)
            assert eventually(lambda: refused(server))
        assert server.wait() == 0


def refused(server: Server) -> bool:
    """A new client gets no connection, or 503; never a run that is lost."""
    try:
        answer = httpx.post(f"{server.url}/runs", json={"assistant_id": "echo", "input": {}})
    except httpx.TransportError:
        return True
    return answer.status_code == 503


def test_a_second_signal_ends_it_at_once(own_process: Path) -> None:
    database, file = own_process / "lgtrio.db", own_process / "steps.txt"
    with running(database) as server, server.http() as http:
        body = {"assistant_id": "steps", "input": {"seconds": 30, "file": str(file)}}
        run = http.post("/runs", json={**body, "on_completion": "keep"}).json()
        eventually(lambda: count(file, "a start") == 1)
        server.signal(signal.SIGTERM)
        eventually(lambda: refused(server))
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait()
        assert time.monotonic() - began < 15, "the grace period is 20 s"
    assert run_statuses(database)[run["run_id"]] in {"pending", "running"}, "resumed or recovered"
