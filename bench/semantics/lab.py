"""What a scenario has in its hands: a thread on one server, and runs of the watched graph."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from attrs import define, field

from bench.semantics.disconnects import Caller
from bench.semantics.events import Event, events_of
from bench.semantics.pulse import Pulse
from bench.semantics.runs import Run

SHORT = {"work": {"ticks": 40, "seconds": 0.005}}
"""A fifth of a second of work in the middle node."""
LONG = {"work": {"ticks": 200, "seconds": 0.005}}
"""A second of it: something to cancel."""
_REST_SECONDS = 2


class Refused(Exception):
    """A create that was not accepted."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


@define(eq=False)
class Lab:
    url: str
    http: aiohttp.ClientSession
    pulse: Pulse
    group: asyncio.TaskGroup
    thread_id: str = ""
    """The scenario's thread; its state and history are part of what is found."""
    runs: list[Run] = field(factory=list)
    notes: dict[str, str] = field(factory=dict)
    expected: dict[str, str] = field(factory=dict)

    def note(self, name: str, value: object) -> None:
        """Add a fact of the scenario's own."""
        self.notes[name] = str(value)

    def expect(self, **facts: object) -> None:
        """Say which facts are to be judged and what they should be; underscores are spaces."""
        self.expected |= {name.replace("_", " "): str(fact) for name, fact in facts.items()}

    # -- threads -------------------------------------------------------------------------
    async def new_thread(self) -> str:
        async with self.http.post("/threads", json={}) as answer:
            answer.raise_for_status()
            return str((await answer.json())["thread_id"])

    async def thread(self) -> dict[str, Any] | None:
        """The thread's row; None if it is gone."""
        return await self._get(f"/threads/{self.thread_id}")

    async def thread_status(self) -> str:
        row = await self.thread()
        return str(row["status"]) if row else "gone"

    async def thread_status_at_rest(self) -> str:
        """The thread's status when no run is active; a server may take some time to tell."""
        end = time.perf_counter() + _REST_SECONDS
        while (  # noqa: ASYNC110 - another process
            time.perf_counter() < end and await self.thread_status() == "busy"
        ):
            await asyncio.sleep(0.02)
        return await self.thread_status()

    async def state(self) -> dict[str, Any] | None:
        return await self._get(f"/threads/{self.thread_id}/state")

    async def history(self) -> list[dict[str, Any]]:
        """All checkpoints, newest first."""
        path = f"/threads/{self.thread_id}/history"
        async with self.http.post(path, json={"limit": 1000}) as answer:
            return [] if answer.status == 404 else await answer.json()

    async def delete_thread(self) -> int:
        for run in self.runs:
            run.stop_is_asked()
        async with self.http.delete(f"/threads/{self.thread_id}") as answer:
            return answer.status

    async def _get(self, path: str) -> dict[str, Any] | None:
        async with self.http.get(path) as answer:
            if answer.status == 404:
                return None
            answer.raise_for_status()
            return dict(await answer.json())

    # -- runs ----------------------------------------------------------------------------
    def order(
        self,
        work: Mapping[str, Any] | None = None,
        *,
        graph: str = "probe",
        strategy: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """The body of a create.

        Args:
            work: node to what it does; see `graphs.Work`.
            fields: further fields of the body; a `command` takes the place of the input.
        """
        body: dict[str, Any] = {"assistant_id": graph, "stream_mode": ["custom"], **fields}
        if strategy:
            body["multitask_strategy"] = strategy
        if "command" not in body:
            body.setdefault("input", {"sink": self.pulse.sink, "work": work or {}})
        return body

    async def start(self, work: Mapping[str, Any] | None = None, **order: Any) -> Run:
        """Create a run in the background.

        Raises:
            Refused: the server did not accept it.
        """
        body = self.order(work, **order)
        if body.get("multitask_strategy") in ("interrupt", "rollback"):
            self._others_are_asked_to_stop()
        created_at = time.perf_counter()
        async with self.http.post(f"/threads/{self.thread_id}/runs", json=body) as answer:
            if not answer.ok:
                raise Refused(answer.status, await answer.text())
            return self.met((await answer.json())["run_id"], created_at)

    async def attempt(self, work: Mapping[str, Any] | None = None, **order: Any) -> int:
        """Create a run or be refused.

        Returns:
            The status of the answer.
        """
        try:
            await self.start(work, **order)
        except Refused as refused:
            return refused.status
        return 200

    def met(self, run_id: str, created_at: float, thread_id: str | None = None) -> Run:
        """Take note of a run that has come into being."""
        run = Run(
            f"r{len(self.runs) + 1}",
            run_id,
            thread_id or self.thread_id,
            created_at,
            self.http,
            self.pulse,
            self.group,
        )
        self.runs.append(run)
        return run

    def _others_are_asked_to_stop(self) -> None:
        for run in self.runs:
            run.stop_is_asked()

    # -- streams -------------------------------------------------------------------------
    @asynccontextmanager
    async def stream(
        self, work: Mapping[str, Any] | None = None, **order: Any
    ) -> AsyncIterator[tuple[Run, AsyncIterator[Event]]]:
        """Create a run by its stream."""
        created_at = time.perf_counter()
        path, body = f"/threads/{self.thread_id}/runs/stream", self.order(work, **order)
        async with self.http.post(path, json=body) as answer:
            answer.raise_for_status()
            run_id = answer.headers["Content-Location"].rsplit("/", 1)[1]
            yield self.met(run_id, created_at), events_of(answer)

    @asynccontextmanager
    async def join(
        self, run: Run, *, after: str | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Join a run's stream.

        Args:
            after: what `Last-Event-ID` says.
        """
        headers = {"Last-Event-ID": after} if after else {}
        async with self.http.get(f"{run.path}/stream", headers=headers) as answer:
            answer.raise_for_status()
            yield events_of(answer)

    async def call(self, method: str, path: str, body: object = None) -> Caller:
        """Send a request on a connection of its own, which can be broken off."""
        return await Caller.dial(self.url, method, path, body)

    async def newest_run(self, created_at: float) -> Run:
        """The run that somebody has just created on the thread."""
        known = {run.run_id for run in self.runs}
        async with asyncio.timeout(20):
            while True:
                async with self.http.get(f"/threads/{self.thread_id}/runs") as answer:
                    found = [each["run_id"] for each in await answer.json()]
                if new := [run_id for run_id in found if run_id not in known]:
                    return self.met(new[0], created_at)
                await asyncio.sleep(0.01)


@asynccontextmanager
async def lab(url: str, pulse: Pulse) -> AsyncIterator[Lab]:
    """A lab with an empty thread."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=90)
    async with (
        aiohttp.ClientSession(url, connector=connector, timeout=timeout) as http,
        asyncio.TaskGroup() as group,
    ):
        made = Lab(url, http, pulse, group)
        made.thread_id = await made.new_thread()
        yield made
