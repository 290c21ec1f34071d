"""Cancel an operation at its n-th checkpoint, for every n until it gets through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio
from attrs import define

from lgtrio.storage.interface import Storage


@define(eq=False)
class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when a task waits for the n-th time."""

    task: trio.lowlevel.Task | None
    """Whose steps count; None for those of all tasks."""
    scope: trio.CancelScope
    at: int
    steps: int = 0

    @property
    def hit(self) -> bool:
        return self.steps >= self.at

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.task in (None, task):
            self.steps += 1
            if self.steps == self.at:
                self.scope.cancel()


async def cancelled_at(n: int, operation: Callable[[], Awaitable[Any]]) -> bool:
    """Run the operation and cancel it as soon as it waits for the n-th time.

    Returns:
        Whether that came to pass; False if it got through with fewer waits.
    """
    with trio.CancelScope() as scope:
        instrument = CancelAtStep(trio.lowlevel.current_task(), scope, n)
        trio.lowlevel.add_instrument(instrument)
        try:
            await operation()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return instrument.hit


@define(eq=False)
class ForgetfulStorage:
    """A cancel may hit when a write is done and its answer under way, as with a writer's thread
    (run inline the answer would always arrive)."""

    storage: Storage

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return partial(_call_and_wait, getattr(self.storage, name))


async def _call_and_wait(method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
    answer = await method(*args, **kwargs)
    await trio.lowlevel.checkpoint()
    return answer
