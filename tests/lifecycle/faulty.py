"""A storage whose n-th call goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from typing import Any

import trio
from attrs import define

from lgtrio.errors import StorageUnavailable
from lgtrio.storage.interface import Storage

HANG = 40.0
"""Seconds; longer than anybody waits for a write."""


class Fault(StrEnum):
    FAILS = "fails"  # nothing is changed
    HANGS = "hangs"  # and is done much later, as whoever asked may have given up
    ANSWERS_LATE = "answers late"  # is done at once


@define(eq=False)
class FaultyStorage:
    """Passes every call on to `storage`, the n-th with a fault."""

    storage: Storage
    fault: Fault
    at: int
    nursery: trio.Nursery
    """What hangs goes on in it, like a write that is queued."""
    calls: int = 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return partial(self._call, getattr(self.storage, name))

    async def _call(self, method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls != self.at:
            return await method(*args, **kwargs)
        if self.fault is Fault.FAILS:
            await trio.lowlevel.checkpoint()
            raise StorageUnavailable("The database has failed, as the test wants it.")
        if self.fault is Fault.ANSWERS_LATE:
            result = await method(*args, **kwargs)
            await trio.sleep(HANG)
            return result
        return await self._hang(partial(method, *args, **kwargs))

    async def _hang(self, call: Callable[[], Awaitable[Any]]) -> Any:
        results: list[Any] = []
        done = trio.Event()

        async def call_later() -> None:
            await trio.sleep(HANG)
            results.append(await call())
            done.set()

        self.nursery.start_soon(call_later)
        await done.wait()
        return results[0]
