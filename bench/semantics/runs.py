"""A run as its client sees it, and as its own work shows it."""

from __future__ import annotations

import asyncio
import time

import aiohttp
from attrs import define

from bench.semantics.pulse import Pulse, Sign

GONE = "gone"
_ACTIVE = ("pending", "running")
_GLANCE = 0.003
"""Seconds between two looks at a run that was asked to stop."""
_LOOK = 0.02
_BETWEEN_NODES = 0.1
_PATIENCE = 60.0
"""Seconds until a run that does not end fails the scenario."""


@define(eq=False)
class Run:
    label: str
    """`r1`, `r2` … in the order of creation."""
    run_id: str
    thread_id: str
    created_at: float
    """When its request was sent, like all times here on `time.perf_counter`."""
    http: aiohttp.ClientSession
    pulse: Pulse
    group: asyncio.TaskGroup
    asked_at: float | None = None
    """When it was first asked to stop, by whatever."""
    ended_at: float | None = None
    """When it was first seen ended."""
    status: str | None = None
    """What it ended as; `gone` if it is no more."""
    _watching: asyncio.Task[None] | None = None

    @property
    def path(self) -> str:
        return f"/threads/{self.thread_id}/runs/{self.run_id}"

    @property
    def signs(self) -> list[Sign]:
        return self.pulse.of(self.run_id)

    async def entered(self, node: str = "work", *, seconds: float = _PATIENCE) -> None:
        await self.pulse.until(
            lambda: any((each.node, each.what) == (node, "enter") for each in self.signs),
            seconds=seconds,
        )

    async def ticked(self, number: int) -> None:
        await self.pulse.until(
            lambda: any(each.what == "tick" and each.number >= number for each in self.signs),
            seconds=_PATIENCE,
        )

    async def look(self) -> str:
        """Its status now."""
        async with self.http.get(self.path) as answer:
            if answer.status == 404:
                return GONE
            answer.raise_for_status()
            return str((await answer.json())["status"])

    def stop_is_asked(self) -> None:
        """From now on its end is waited for and timed."""
        if self.ended_at is None and self.asked_at is None:
            self.asked_at = time.perf_counter()
            self._watch()

    async def cancel(self, action: str = "interrupt", *, wait: bool = False) -> int:
        """
        Returns:
            The status of the answer.
        """
        self.stop_is_asked()
        query = {"action": action, "wait": str(wait).lower()}
        async with self.http.post(f"{self.path}/cancel", params=query) as answer:
            await answer.read()
            if wait and answer.ok:
                await self._is_said_to_have_ended(time.perf_counter())
            return answer.status

    async def delete(self) -> int:
        """
        Returns:
            The status of the answer.
        """
        self.stop_is_asked()
        async with self.http.delete(self.path) as answer:
            return answer.status

    async def ended(self) -> None:
        """
        Raises:
            TimeoutError: it does not end.
        """
        await self._watch()

    def _watch(self) -> asyncio.Task[None]:
        if self._watching is None:
            self._watching = self.group.create_task(self._watch_its_end())
        return self._watching

    async def _watch_its_end(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            while (status := await self.look()) in _ACTIVE:  # noqa: ASYNC110 - another process
                await asyncio.sleep(_GLANCE if self.asked_at else _LOOK)
        self.status = status
        self.ended_at = self.ended_at or time.perf_counter()

    async def _is_said_to_have_ended(self, at: float) -> None:
        if await self.look() not in _ACTIVE:
            self.ended_at = min(at, self.ended_at or at)

    async def quiet(self) -> None:
        """Wait until its work has really stopped, whatever the server says.

        Raises:
            TimeoutError: it goes on and on.
        """
        async with asyncio.timeout(_PATIENCE):
            while self._is_at_work():  # noqa: ASYNC110 - silence is nothing to wait for
                await asyncio.sleep(_LOOK)

    def _is_at_work(self) -> bool:
        signs = self.signs
        if not signs:
            return False
        # Between two nodes there is a moment in which it seems to be over.
        return signs[-1].what != "leave" or time.perf_counter() - signs[-1].at < _BETWEEN_NODES
