"""The Trio loop that nodes run in: one thread for the process, started by the first node.

It belongs to the process and not to a server, because the decorator stands in modules that also
run without a server, and is applied before one exists.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import ClassVar, Final, Protocol

import structlog
import trio
from attrs import define, field

from lgtrio.errors import InternalError

log = structlog.get_logger(__name__)

_LAST_WORDS: Final = 2.0
"""Seconds that nodes get to end when the process does."""


class Visitor(Protocol):
    """Something that wants to run in the loop, in a task of its own."""

    context: Context
    """The context variables to run with; entered by nobody else."""

    async def run(self) -> None:
        """Must not raise, except where the loop ends: cancellation that is not its own."""

    def lose(self) -> None:
        """The loop has ended before `run` returned, and no task runs any more; or it has been
        left behind. From any thread."""


@define(eq=False)
class TrioThread:
    """One `trio.run`; all methods without an underscore may be called from any thread."""

    name: str = "lgtrio-trio-nodes"
    kind: ClassVar[str] = "Trio loop"
    advice: ClassVar[str] = "use await, or `trio.to_thread.run_sync`"

    on_end: Callable[[], None] = lambda: None
    """Called in the thread when the loop has ended."""
    _waiting: set[Visitor] = field(factory=set, init=False)
    """Admitted, but not in the loop yet."""
    _visitors: set[Visitor] = field(factory=set, init=False)
    """Those that have not come to their end; changed by the Trio thread only."""
    _left: bool = field(default=False, init=False)
    """Left behind: admits nobody."""
    _admitting: threading.Lock = field(factory=threading.Lock, init=False)
    _token: trio.lowlevel.TrioToken | None = field(default=None, init=False)
    _nursery: trio.Nursery = field(init=False)
    _settled: threading.Event = field(factory=threading.Event, init=False)
    """The loop runs, or has failed to."""
    thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    @property
    def alive(self) -> bool:
        """False also in a forked child, where the thread does not exist."""
        return self.thread.is_alive()

    def start(self) -> None:
        """
        Raises:
            InternalError: Trio did not start; the log says why.
        """
        self.thread.start()
        self._settled.wait()
        if self._token is None:
            raise InternalError("The Trio loop of the nodes did not start; the log says why.")

    def admit(self, visitor: Visitor) -> None:
        """Have the visitor run in the loop soon.

        Raises:
            trio.RunFinishedError: the loop has ended or was left behind; nothing of the visitor
                was run.
        """
        assert self._token is not None
        with self._admitting:
            if self._left:
                raise trio.RunFinishedError("the loop was left behind")
            self._token.run_sync_soon(self._spawn, visitor)
            self._waiting.add(visitor)

    def leave(self) -> Sequence[Visitor]:
        """Leave the loop behind: it admits nobody any more.

        Returns:
            Those who have not come to their end in it.
        """
        with self._admitting:
            self._left = True
            return [*self._waiting.copy(), *self._visitors.copy()]

    def give_up(self, visitors: Sequence[Visitor]) -> None:
        """Lose visitors of a loop that was left behind, and have it end when it comes free."""
        for visitor in visitors:
            self._waiting.discard(visitor)
            visitor.lose()
        self.cancel(self._nursery.cancel_scope, "the loop was left behind")

    def cancel(self, scope: trio.CancelScope, reason: str) -> None:
        """Cancel a scope of the loop soon; nothing happens if the loop has ended."""
        self.post(lambda: scope.cancel(reason=reason))

    def post(self, order: Callable[[], None]) -> None:
        """Have a function called in the loop soon; nothing happens if the loop has ended."""
        assert self._token is not None
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(order)

    def close(self) -> None:
        """End the loop and wait for it, though not for a node that blocks it. Blocks."""
        self.cancel(self._nursery.cancel_scope, "the process ends")
        self.thread.join(_LAST_WORDS)
        if self.alive:
            log.warning("a Trio node blocks its loop and was left behind")

    # -- the loop's thread ---------------------------------------------------------------

    def _work(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: ASYNC103  (no Trio task: the loop is gone)
            log.critical("the Trio loop of the nodes died", exc_info=error)
        finally:
            self._settled.set()
            for visitor in list(self._visitors):
                visitor.lose()
            self.on_end()

    async def _serve(self) -> None:
        async with trio.open_nursery() as self._nursery:
            self._token = trio.lowlevel.current_trio_token()
            self._settled.set()
            await trio.sleep_forever()

    def _spawn(self, visitor: Visitor) -> None:
        with self._admitting:
            if visitor not in self._waiting:  # given up while a node blocked the loop
                return
            self._waiting.discard(visitor)
            self._visitors.add(visitor)
        # A closed nursery refuses: the loop is about to end, and then `_work` tells the visitor.
        with suppress(RuntimeError):
            visitor.context.run(self._nursery.start_soon, self._host, visitor)

    async def _host(self, visitor: Visitor) -> None:
        await visitor.run()
        self._visitors.discard(visitor)  # not when it raises: then `_work` has to tell it


@define(eq=False)
class TrioThreadKeeper:
    """Has the process's Trio thread; a new one where the last one has died."""

    _current: TrioThread | None = field(default=None, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def admit(self, visitor: Visitor) -> TrioThread:
        """Have the visitor run in the loop soon. Blocks for some milliseconds to start the loop.

        Returns:
            Where it runs; to be asked to cancel its scope.

        Raises:
            InternalError: the loop could not be started.
        """
        while True:
            thread = self._running()
            try:
                thread.admit(visitor)
            except trio.RunFinishedError:  # it has just died
                self._forget(thread)
            else:
                return thread

    @property
    def running(self) -> TrioThread | None:
        """The thread, if one has been started and has not ended."""
        current = self._current
        return current if current is not None and current.alive else None

    def leave(self, thread: TrioThread) -> Sequence[Visitor]:
        """See `TrioThread.leave`; the next `admit` starts another thread."""
        self._forget(thread)
        return thread.leave()

    def close(self) -> None:
        """End the thread, if there is one; the next `admit` starts another. Blocks."""
        with self._lock:
            thread, self._current = self._current, None
        if thread is not None and thread.alive:
            thread.close()

    def _forget(self, thread: TrioThread) -> None:
        with self._lock:
            if self._current is thread:
                self._current = None

    def _running(self) -> TrioThread:
        with self._lock:
            if self._current is None or not self._current.alive:
                thread = TrioThread()
                thread.start()
                self._current = thread
            return self._current


TRIO_THREAD: Final = TrioThreadKeeper()
atexit.register(TRIO_THREAD.close)
