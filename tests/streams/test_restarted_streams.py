"""A server is killed under its streams: clients come back to the next one and have the log."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_client

from support.server import Server, running, start
from support.waiting import eventually, lines_of

CLIENTS = 6

# It comes back before it has had an event with an id, if it is killed that early.
pytestmark = pytest.mark.filterwarnings("ignore:Reconnecting without a Last-Event-ID")


class Follower:
    """Streams a run, and beside it the run's whole thread, whatever happens to the server."""

    def __init__(self) -> None:
        self.thread_id = ""
        self.run: list[Any] = []
        self.thread: list[Any] = []

    async def follow(self, client: Any, file: Path) -> None:
        self.thread_id = (await client.threads.create())["thread_id"]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_thread(client))
            tasks.create_task(self._follow_run(client, file))

    async def _follow_run(self, client: Any, file: Path) -> None:
        async for part in client.runs.stream(
            self.thread_id,
            "steps",
            input={"seconds": 0.6, "file": str(file)},
            stream_mode=["updates", "tasks"],
            stream_resumable=True,
            durability="sync",  # no step begins before the one before it is stored
        ):
            self.run.append((part.id, part.event, part.data))

    async def _follow_thread(self, client: Any) -> None:
        # From the start, as it may come later than the run.
        stream = await client.threads.join_stream(self.thread_id, last_event_id="-1")
        async for part in stream:
            self.thread.append((part.id, part.event, part.data))
            if part.event == "metadata" and part.data.get("status") == "run_done":
                break
        await stream.aclose()

    async def read_again(self, client: Any) -> Follower:
        """The same two, undisturbed."""
        again = Follower()
        again.thread_id = self.thread_id
        await again._follow_thread(client)
        run_id = self.run[0][2]["run_id"]
        stream = client.runs.join_stream(self.thread_id, run_id, last_event_id="-1")
        again.run = [(part.id, part.event, part.data) async for part in stream]
        return again


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_clients_have_seen_is_the_log(own_process: Path, how: signal.Signals) -> None:
    database, file = own_process / "lgtrio.db", own_process / "steps.txt"
    followers = [Follower() for _ in range(CLIENTS)]
    first = start(database)

    def restart() -> Server:
        eventually(lambda: sum("b start" in line for line in lines_of(file)) >= CLIENTS)
        first.signal(how)
        first.wait()
        return start(database, port=first.port)

    async def play() -> tuple[Server, list[Follower]]:
        async with get_client(url=first.url) as client:
            async with asyncio.TaskGroup() as tasks:
                for follower in followers:
                    tasks.create_task(follower.follow(client, file))
                second = await asyncio.to_thread(restart)
            return second, [await follower.read_again(client) for follower in followers]

    second, logs = asyncio.run(play())
    assert second.stop() == 0
    for follower, log in zip(followers, logs, strict=True):
        run, thread = log.run, log.thread
        assert (follower.run, follower.thread) == (run, thread)
        attempts = [data["attempt"] for _, event, data in run if event == "metadata"]
        assert attempts == [1, 2]
        updates = [node for _, event, data in run if event == "updates" for node in data]
        assert updates == ["a", "b", "c"]
        assert [(event, data) for _, event, data in thread[:-1]] == [part[1:] for part in run]


def test_a_run_without_a_log_goes_on_and_tells_what_follows(own_process: Path) -> None:
    database, file = own_process / "lgtrio.db", own_process / "steps.txt"
    first = start(database)
    with first.http() as http:
        thread_id = http.post("/threads", json={}).json()["thread_id"]
        given = {"seconds": 1, "file": str(file)}
        body = {"assistant_id": "steps", "input": given, "durability": "sync"}
        run_id = http.post(f"/threads/{thread_id}/runs", json=body).json()["run_id"]
        eventually(lambda: any("b start" in line for line in lines_of(file)))
    first.kill()
    with running(database) as second, second.http() as http:
        eventually(lambda: sum("b start" in line for line in lines_of(file)) == 2)
        path = f"/threads/{thread_id}/runs/{run_id}/stream"
        text = http.get(path, headers={"Last-Event-ID": "-1"}).text
        events = [line for line in text.split("\r\n") if line.startswith("event")]
        assert events == ["event: values"] * 2, "after b and after c"
        assert "id:" not in text
