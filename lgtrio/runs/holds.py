"""Holding a thread's lane, so that no run of it starts while something else is done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio
from attrs import define, field


@define(eq=False)
class Holds:
    """Who holds threads, and who is just about to start a run on one."""

    let_go: Callable[[str], None]
    """Called with the thread's id when nobody holds it any more."""
    _held: Counter[str] = field(factory=Counter, init=False)
    _starting: Counter[str] = field(factory=Counter, init=False)
    _started: dict[str, trio.Event] = field(factory=dict, init=False)
    _turns: dict[str, trio.Lock] = field(factory=dict, init=False)
    """Of the threads that are held by some who take turns."""

    def is_held(self, thread_id: str) -> bool:
        return thread_id in self._held

    @contextmanager
    def starting(self, thread_id: str) -> Iterator[None]:
        """Around a transaction that may start a run of the thread, and what makes it known."""
        self._starting[thread_id] += 1
        try:
            yield
        finally:
            _drop_one(self._starting, thread_id)
            if thread_id not in self._starting and thread_id in self._started:
                self._started.pop(thread_id).set()

    @asynccontextmanager
    async def hold(self, thread_id: str) -> AsyncIterator[None]:
        """Hold the thread's lane; inside the block every run that has started is known.

        Whoever starts runs asks `is_held` first. A start that was under way is waited for.
        """
        self._held[thread_id] += 1
        try:
            if thread_id in self._starting:
                await self._started.setdefault(thread_id, trio.Event()).wait()
            yield
        finally:
            _drop_one(self._held, thread_id)
            if thread_id not in self._held:
                self.let_go(thread_id)

    @asynccontextmanager
    async def in_turn(self, thread_id: str) -> AsyncIterator[None]:
        """Inside a `hold`: one after the other, for those who change what the hold protects."""
        lock = self._turns.setdefault(thread_id, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():  # nobody waits
                self._turns.pop(thread_id, None)


def _drop_one(counter: Counter[str], key: str) -> None:
    """One less; keys that are down to nothing are forgotten."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
