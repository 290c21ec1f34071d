"""Trio → asyncio: a Trio node awaits something of asyncio on the loop that executes its graph."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, overload

import outcome
import trio
from attrs import define, field

from lgtrio.graphs.trio_nodes.node_call import GRAPH_LOOP

P = ParamSpec("P")
T = TypeVar("T")


@overload
async def graph_side(work: Awaitable[T], /) -> T: ...


@overload
async def graph_side(
    work: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> T: ...


async def graph_side(work: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Await something of asyncio from a Trio node: `await graph_side(model.ainvoke, messages)`.

    Args:
        work: a function that gives an awaitable, called on the asyncio loop that executes the
            graph; or a coroutine. It runs in a task of its own with the caller's context variables.
            What needs a running loop when it is called (a LangGraph `@task`) has to be given as
            the function.

    Returns:
        What the awaitable gives.

    Raises:
        RuntimeError: not in a Trio node, or the loop of its graph has been closed.
        TypeError: `work` is neither of the two.
        BaseException: what the awaitable raises, as it is.

    Cancellation: cancels the asyncio task once and waits until it has ended. What it raises then
    is raised; a value it returns all the same is returned.
    """
    call = _GraphCall(_as_function(work, args, kwargs), _graph_loop(work))
    try:
        return await call.result()
    finally:
        _close(work)


def _as_function(
    work: Awaitable[T] | Callable[..., Awaitable[T]], args: Any, kwargs: Any
) -> Callable[[], Awaitable[T]]:
    if callable(work):
        return partial(work, *args, **kwargs)
    if not inspect.isawaitable(work):
        raise TypeError(f"graph_side needs an async function or a coroutine, not {work!r}.")
    if args or kwargs:
        _close(work)
        raise TypeError("graph_side takes arguments only for a function, not for a coroutine.")
    return lambda: work


def _graph_loop(work: Any) -> asyncio.AbstractEventLoop:
    loop = GRAPH_LOOP.get(None)
    if loop is not None and trio.lowlevel.in_trio_task():
        return loop
    _close(work)
    raise RuntimeError(
        "graph_side works only in a Trio node that a graph executes: an async function with"
        " the decorator @trio_node. Elsewhere in a graph use a plain `await`."
    )


def _close(work: Any) -> None:
    """So that Python does not complain of a coroutine that nobody came to await."""
    if isinstance(work, Coroutine):
        work.close()


@define(eq=False)
class _GraphCall(Generic[T]):
    """One awaitable that one Trio task waits for."""

    function: Callable[[], Awaitable[T]]
    _loop: asyncio.AbstractEventLoop
    _caller: trio.lowlevel.Task = field(factory=trio.lowlevel.current_task, init=False)
    _trio: trio.lowlevel.TrioToken = field(factory=trio.lowlevel.current_trio_token, init=False)
    _task: asyncio.Task[outcome.Outcome[T]] = field(init=False)
    _raise_cancelled: Callable[[], Any] | None = field(default=None, init=False)
    """What Trio wants called when the caller has been cancelled."""
    _abandoned: bool = field(default=False, init=False)

    # -- in Trio -------------------------------------------------------------------------

    async def result(self) -> T:
        """
        Raises:
            RuntimeError: the asyncio loop has been closed.
        """
        try:
            # Carries the context variables, for itself and so for the task that it makes.
            self._loop.call_soon_threadsafe(self._start)
        except RuntimeError as error:
            raise RuntimeError("The event loop of the node's graph has been closed.") from error
        ended: outcome.Outcome[T] = await trio.lowlevel.wait_task_rescheduled(self._abort)
        if self._raise_cancelled is not None and _was_cancelled(ended):
            self._raise_cancelled()
        return ended.unwrap()

    def _abort(self, raise_cancelled: Callable[[], Any]) -> trio.lowlevel.Abort:
        self._raise_cancelled = raise_cancelled
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop has been closed: there is no end to wait for
            self._abandoned = True
            return trio.lowlevel.Abort.SUCCEEDED
        return trio.lowlevel.Abort.FAILED  # the task's end will wake the caller

    def _wake(self, ended: outcome.Outcome[T]) -> None:
        if not self._abandoned:
            trio.lowlevel.reschedule(self._caller, outcome.Value(ended))

    # -- in asyncio ----------------------------------------------------------------------

    def _start(self) -> None:
        self._task = self._loop.create_task(self._work())
        self._task.add_done_callback(self._ended)

    def _cancel(self) -> None:
        self._task.cancel()

    async def _work(self) -> outcome.Outcome[T]:
        # Also `SystemExit`, which would otherwise stop the graph's loop on its way.
        return await outcome.acapture(self._await)

    async def _await(self) -> T:
        return await self.function()

    def _ended(self, task: asyncio.Task[outcome.Outcome[T]]) -> None:
        ended: outcome.Outcome[T]
        # Cancelled before its first step, a task has captured nothing.
        ended = outcome.Error(asyncio.CancelledError()) if task.cancelled() else task.result()
        with suppress(trio.RunFinishedError):  # the Trio loop has ended, the caller with it
            self._trio.run_sync_soon(self._wake, ended)


def _was_cancelled(ended: outcome.Outcome[Any]) -> bool:
    return isinstance(ended, outcome.Error) and isinstance(ended.error, asyncio.CancelledError)
