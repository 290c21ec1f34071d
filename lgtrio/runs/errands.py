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


async def carry_out(nursery: trio.Nursery, operation: Operation[T]) -> T:
    """Run a write, and what has to follow from it, in a nursery that outlives the caller.

    Raises:
        What `operation` raises.

    Cancellation: only the waiting ends; the operation goes on.
    """
    errand = _Errand(operation)
    nursery.start_soon(errand.run)
    return await errand.answer()


async def carry_out_shielded(nursery: trio.Nursery, operation: Operation[T]) -> T:
    """`carry_out`, where a caller who is cancelled still waits for the answer.

    Raises:
        StorageUnavailable: no answer for 30 s; the operation goes on.
    """
    with trio.move_on_after(STORE_SECONDS, shield=True):
        return await carry_out(nursery, operation)
    raise StorageUnavailable("The database did not answer in time; the change may be stored.")
