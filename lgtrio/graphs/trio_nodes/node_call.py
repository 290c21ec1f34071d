"""asyncio → Trio: one call of a Trio node, awaited by the graph until its last task has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, Generic, TypeVar

import outcome
import trio
from attrs import define, field

from lgtrio.errors import InternalError
from lgtrio.graphs.calls import CALLS_OF_RUN, RunCalls
from lgtrio.graphs.trio_nodes.failures import exception_of_node
from lgtrio.graphs.trio_nodes.thread import TRIO_THREAD, TrioThread

T = TypeVar("T")

GRAPH_LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("lgtrio_graph_loop")
"""In a Trio node and everything below it: the loop that executes its graph."""

_CANCEL_REASON: Final = "the graph cancelled the node"

_END_OF_LOOP: Final = (trio.Cancelled, GeneratorExit)
"""Outside of the call's own scope these say that the Trio loop ends, or has crashed."""


async def call_in_trio(function: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an async function of Trio in the nodes' Trio loop, from an asyncio task.

    Raises:
        Exception: what the function raised, see `exception_of_node`.
        InternalError: the Trio loop died, or was ended with the process.

    Cancellation: the first one cancels the function's scope; later ones change nothing. The
    function's end is waited for, however long it takes. What it then raises is raised; otherwise
    the cancellation is, also when it returned a value after all.
    """
    return await _NodeCall(function).result()


@define(eq=False)
class _NodeCall(Generic[T]):
    """One task of the Trio loop that one asyncio task waits for."""

    function: Callable[[], Coroutine[Any, Any, T]]
    context: Context = field(factory=copy_context, init=False)
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.get_running_loop, init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _ended: outcome.Outcome[T] | None = field(default=None, init=False)
    """Touched in asyncio's thread only."""
    _waking: asyncio.Future[None] = field(init=False)
    _thread: TrioThread | None = field(default=None, init=False)
    _calls: RunCalls | None = field(factory=CALLS_OF_RUN.get, init=False)
    """Of the run that the graph is executed for, where a server executes it."""
    _call: Future[None] = field(factory=Future, init=False)
    """Stands for this call there; resolved when the function has ended."""

    # -- in asyncio ----------------------------------------------------------------------

    async def result(self) -> T:
        self.context.run(GRAPH_LOOP.set, self._loop)
        self._admit()
        try:
            await self._end()
        except BaseException as error:
            self._cancel()
            if isinstance(error, asyncio.CancelledError):
                await self._end_in_spite_of_cancels()  # noqa: ASYNC102  (the node's end is owed)
                self._raise_if_failed()
            raise  # without a wait where the loop was closed under us
        assert self._ended is not None
        return self._ended.unwrap()

    def _admit(self) -> None:
        if self._calls is not None:
            self._calls.begin(self._call, self._calls.node(), self._cancel)
        try:
            self._thread = TRIO_THREAD.admit(self)
        except BaseException:
            self._resolve()
            raise

    def _cancel(self) -> None:
        """From any thread."""
        if self._thread is not None:
            self._thread.cancel(self._scope, _CANCEL_REASON)

    async def _end(self) -> None:
        # A new future each time: cancelling a task cancels the one it waits for.
        self._waking = self._loop.create_future()
        await self._waking

    async def _end_in_spite_of_cancels(self) -> None:
        while self._ended is None:
            with suppress(asyncio.CancelledError):
                await self._end()

    def _raise_if_failed(self) -> None:
        """Raise what the function raised of its own accord."""
        if isinstance(self._ended, outcome.Error):
            with suppress(asyncio.CancelledError):
                self._ended.unwrap()

    def _finish(self, ended: outcome.Outcome[T]) -> None:
        if self._ended is None:
            self._ended = ended
        if not self._waking.done():
            self._waking.set_result(None)

    # -- in Trio -------------------------------------------------------------------------

    async def run(self) -> None:
        ended: outcome.Outcome[T] = outcome.Error(asyncio.CancelledError())
        try:
            # Nobody but the graph's cancel ever cancels this scope.
            with self._scope:
                ended = outcome.Value(await self.function())
        except BaseException as error:  # noqa: ASYNC103  (raised in the graph instead)
            of_loop, own = BaseExceptionGroup("", [error]).split(_END_OF_LOOP)
            if own is not None:
                self._report(outcome.Error(exception_of_node(own.exceptions[0])))
            if of_loop is not None:
                raise
        else:
            self._report(ended)

    def lose(self) -> None:
        """The Trio loop died while the function was running in it."""
        self._report(outcome.Error(InternalError("The Trio loop of the nodes has ended.")))

    def _report(self, ended: outcome.Outcome[T]) -> None:
        self._resolve()
        with suppress(RuntimeError):  # the graph's loop has been closed: nobody is waiting
            self._loop.call_soon_threadsafe(self._finish, ended)

    def _resolve(self) -> None:
        if not self._call.done():
            if self._calls is not None:
                self._calls.end(self._call)
            self._call.set_result(None)
