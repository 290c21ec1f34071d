"""What a run has under way beside its graph loop: calls in threads, and in the nodes' Trio loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

from attrs import define, field

CancelCall = Callable[[], object]


@define(eq=False)
class RunCalls:
    """The calls of one run; every method may be called from any thread."""

    run_id: str
    node: Callable[[], str | None]
    """Name of the node that the calling task executes."""
    on_idle: Callable[[], None] | None = None
    """Called in the thread of a call that ends, when it was the last one."""
    places: int = field(default=0, init=False)
    """Worker threads in use. This and the next are kept by `NodeThreads`, under its lock."""
    abandoned: bool = field(default=False, init=False)
    """The run has been closed: its threads do not count any more."""
    _running: dict[Future[Any], tuple[str | None, CancelCall | None]] = field(
        factory=dict, init=False
    )
    """Call to the node that made it, and to what cancels it, where anything can."""
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def begin(self, call: Future[Any], node: str | None, cancel: CancelCall | None = None) -> None:
        """
        Args:
            call: resolved when the call has ended; `end` is called as well.
        """
        with self._lock:
            self._running[call] = (node, cancel)

    def end(self, call: Future[Any]) -> None:
        with self._lock:
            del self._running[call]
            idle = not self._running
        if idle and self.on_idle is not None:
            self.on_idle()

    def cancel(self) -> None:
        """Cancel those that can be; the end of none is waited for."""
        with self._lock:
            cancels = [cancel for _, cancel in self._running.values() if cancel is not None]
        for cancel in cancels:
            cancel()

    @property
    def running(self) -> dict[Future[Any], str | None]:
        """The calls that have started and not ended, with the node that made each."""
        with self._lock:
            return {call: node for call, (node, _) in self._running.items()}


CALLS_OF_RUN: ContextVar[RunCalls | None] = ContextVar("lgtrio_calls_of_run", default=None)
"""In everything that a run executes: its calls."""
