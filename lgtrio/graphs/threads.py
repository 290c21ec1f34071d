"""Threads for sync nodes: made on demand, as many as runs may execute, never waited for at exit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

import outcome
import trio
from attrs import define, field

from lgtrio.graphs.calls import CALLS_OF_RUN, RunCalls

P = ParamSpec("P")
T = TypeVar("T")


@define(eq=False)
class _Call:
    future: Future[Any]
    function: Callable[[], Any]
    owner: RunCalls | None
    node: str | None


@define(eq=False)
class NodeThreads(Executor):
    """The default executor of the graph loops.

    Trio's thread cache supplies the threads: they are daemons, so one that hangs cannot keep the
    process alive, and idle ones end by themselves.
    """

    limit: int
    """Calls that may be under way at once, those of abandoned runs not counted."""
    _busy: int = field(default=0, init=False)
    _waiting: deque[_Call] = field(factory=deque, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        owner = CALLS_OF_RUN.get()
        node = owner.node() if owner is not None else None
        call = _Call(future, partial(fn, *args, **kwargs), owner, node)
        with self._lock:
            if self._busy >= self.limit:
                self._waiting.append(call)
                return future
            self._claim(call)
        self._start(call)
        return future

    @property
    def busy(self) -> int:
        """Places in use."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._waiting)

    def abandon(self, owner: RunCalls) -> None:
        """The owner's run has been closed: its stuck threads no longer take up places."""
        with self._lock:
            owner.abandoned = True
            self._busy -= owner.places
            ready = self._claim_waiting()
        for call in ready:
            self._start(call)

    def _claim_waiting(self) -> list[_Call]:
        ready: list[_Call] = []
        while self._waiting and self._busy < self.limit:
            call = self._waiting.popleft()
            self._claim(call)
            ready.append(call)
        return ready

    def _claim(self, call: _Call) -> None:
        owner = call.owner
        if owner is not None:
            owner.begin(call.future, call.node)
            owner.places += 1
        if owner is None or not owner.abandoned:
            self._busy += 1

    def _start(self, call: _Call) -> None:
        if call.future.set_running_or_notify_cancel():
            finished = partial(self._finished, call)
            trio.lowlevel.start_thread_soon(call.function, finished, "lgtrio-node")
        else:
            self._release(call)

    def _finished(self, call: _Call, result: outcome.Outcome[Any]) -> None:
        self._release(call)
        if isinstance(result, outcome.Error):
            call.future.set_exception(result.error)
        else:
            call.future.set_result(result.unwrap())

    def _release(self, call: _Call) -> None:
        owner = call.owner
        with self._lock:
            if owner is not None:
                owner.places -= 1
            if owner is None or not owner.abandoned:
                self._busy -= 1
            ready = self._claim_waiting()
        if owner is not None:
            owner.end(call.future)
        for each in ready:
            self._start(each)
