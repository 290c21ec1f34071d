"""Work that is done to its end, whatever becomes of the request that asked for it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

import outcome
import structlog
import trio
from attrs import define, field

from lgtrio.errors import StorageUnavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
Operation = Callable[[], Coroutine[Any, Any, T]]

STORE_SECONDS: Final = 30.0
"""Deadline of shielded waits for the database."""


@define(eq=False)
class _Errand(Generic[T]):
    operation: Operation[T]
    result: outcome.Outcome[T] | None = None
    ended: trio.Event = field(factory=trio.Event)
    awaited: bool = True

    async def run(self) -> None:
        try:
            self.result = outcome.Value(await self.operation())
        except Exception as error:  # whoever waits raises it
            self.result = outcome.Error(error)
            if not self.awaited:
                log.exception("nobody waited any more for what has failed")
        finally:
            self.ended.set()

    async def answer(self) -> T:
        try:
            await self.ended.wait()
        finally:
            self.awaited = self.ended.is_set()
        if self.result is None:
            raise StorageUnavailable("The server ended before the database had answered.")
        return self.result.unwrap()


@define(eq=False)
class Errands:
    """All errands of a supervisor; they run in its nursery."""

    nursery: trio.Nursery
    _under_way: int = field(default=0, init=False)
    _all_done: trio.Event = field(factory=trio.Event, init=False)

    async def carry_out(self, operation: Operation[T]) -> T:
        """Run a write, and what has to follow from it; the caller may go away.

        Raises:
            What `operation` raises.

        Cancellation: only the waiting ends; the operation goes on.
        """
        errand = _Errand(operation)
        self._under_way += 1
        self.nursery.start_soon(self._run, errand)
        return await errand.answer()

    async def carry_out_shielded(self, operation: Operation[T]) -> T:
        """`carry_out`, where a caller who is cancelled still waits for the answer.

        Raises:
            StorageUnavailable: no answer for 30 s; the operation goes on.
        """
        with trio.move_on_after(STORE_SECONDS, shield=True):
            return await self.carry_out(operation)
        raise StorageUnavailable("The database did not answer in time; the change may be stored.")

    async def _run(self, errand: _Errand[Any]) -> None:
        try:
            await errand.run()
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._all_done.set()

    async def all_done(self) -> None:
        """Wait until no errand is under way."""
        while self._under_way:
            self._all_done = trio.Event()
            await self._all_done.wait()
