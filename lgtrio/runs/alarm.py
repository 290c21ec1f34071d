"""Wakes the supervisor when the delay of a run has passed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime

import trio
from attrs import define, field


def wall_now() -> datetime:
    return datetime.now(UTC)


@define(eq=False)
class Alarm:
    """A heap of wall-clock times; one task waits for the earliest.

    The wait is measured on Trio's clock, so that tests can run it in virtual time.
    """

    now: Callable[[], datetime] = wall_now
    _times: list[tuple[float, str]] = field(factory=list, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)

    def set(self, not_before: str, thread_id: str) -> None:
        """Ring for `thread_id` at the ISO time `not_before` (at once if it has passed)."""
        self.set_in((datetime.fromisoformat(not_before) - self.now()).total_seconds(), thread_id)

    def set_in(self, delay: float, thread_id: str) -> None:
        """Ring for `thread_id` in `delay` seconds."""
        heapq.heappush(self._times, (trio.current_time() + max(delay, 0.0), thread_id))
        self._changed.set()

    async def due(self) -> list[str]:
        """Wait until at least one time has come; the ids of its threads, earliest first."""
        while not self._times or self._times[0][0] > trio.current_time():
            self._changed = trio.Event()
            deadline = self._times[0][0] if self._times else float("inf")
            with trio.move_on_at(deadline):
                await self._changed.wait()
        due = []
        while self._times and self._times[0][0] <= trio.current_time():
            due.append(heapq.heappop(self._times)[1])
        return due
