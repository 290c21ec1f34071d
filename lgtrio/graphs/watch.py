"""Says which node blocks a loop, and for how long: a graph loop, or the one of the Trio nodes.

A daemon thread asks each loop for a sign of life. A loop that does not give one is inside a node
that does not await; the context of the step it is at says which one, and of which run. As long
as it stays at that step, the Trio side is told again and again: see `lgtrio.graphs.keeper`.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from types import FrameType
from typing import ClassVar, Protocol

import structlog
import trio
from attrs import define, field, frozen
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from lgtrio.graphs.calls import CALLS_OF_RUN
from lgtrio.graphs.loops import GraphLoop

log = structlog.get_logger(__name__)


class Watched(Protocol):
    """A loop in a thread of its own."""

    kind: ClassVar[str]
    """What it is called in the log."""
    advice: ClassVar[str]
    """What to do about a node that blocks it."""

    @property
    def name(self) -> str: ...

    @property
    def thread(self) -> threading.Thread: ...

    def post(self, order: Callable[[], None]) -> None:
        """Have a function called on the loop; nothing happens if the loop has ended."""
        ...


@frozen
class Blocker:
    run_id: str | None
    node: str | None
    """With the names of the subgraphs around it: `outer:inner`."""
    place: str
    """File and line where the loop's thread is."""
    step: object = field(eq=False, repr=False)
    """Identity of the loop's step, the same as long as the loop has not come to the next one; of a
    Trio loop the task that it is at."""


@frozen
class Blocked:
    """A loop that is at one step for long."""

    loop: Watched
    blocker: Blocker
    seconds: float
    """Since the watch saw it at this step for the first time."""


def node_of_context() -> str | None:
    """The node that the calling task executes."""
    return _node_of(var_child_runnable_config.get())


def find_blocker(frame: FrameType) -> Blocker:
    """
    Args:
        frame: the innermost frame of a loop's thread.
    """
    step = _step(frame)
    context = Context() if step is None else _context(step)
    calls = context.get(CALLS_OF_RUN)
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    node = _node_of(context.get(var_child_runnable_config))
    return Blocker(None if calls is None else calls.run_id, node, place, step)


def nodes_of(run_id: str, loop: GraphLoop) -> set[str]:
    """The nodes that a run has under way as tasks of a loop; may be called from any thread."""
    contexts = [*map(_context_of_waiting, asyncio.all_tasks(loop.asyncio_loop))]
    if frame := sys._current_frames().get(loop.thread.ident or 0):
        step = _step(frame)
        contexts.append(None if step is None else _context(step))
    nodes = {
        _node_of(context.get(var_child_runnable_config))
        for context in contexts
        if context is not None and _run_of(context) == run_id
    }
    return {node for node in nodes if node}


def _run_of(context: Context) -> str | None:
    calls = context.get(CALLS_OF_RUN)
    return None if calls is None else calls.run_id


def _step(frame: FrameType) -> asyncio.Handle | trio.lowlevel.Task | None:
    """The step that a loop's thread is executing, found from its innermost frame.

    Nodes run in tasks of their own, so LangGraph's frames are not below the node's. But the
    loop's own is, with the handle of the step or the Trio task, and that has the task's context.
    """
    outer: FrameType | None = frame
    outermost: trio.lowlevel.Task | None = None  # further in it may be a variable of the node
    while outer is not None:
        handle, task = outer.f_locals.get("self"), outer.f_locals.get("task")
        if isinstance(handle, asyncio.Handle):
            return handle
        if isinstance(task, trio.lowlevel.Task):
            outermost = task
        outer = outer.f_back
    return outermost


def _context(step: asyncio.Handle | trio.lowlevel.Task) -> Context:
    if isinstance(step, trio.lowlevel.Task):
        return step.context
    context: Context = step._context  # type: ignore[attr-defined]
    return context


def _context_of_waiting(task: asyncio.Task[object]) -> Context | None:
    """The context of a task that waits; found by what will wake it, for Python 3.11's sake."""
    waits_for = getattr(task, "_fut_waiter", None)
    callbacks = getattr(waits_for, "_callbacks", None) or ()
    for callback, context in callbacks:
        if getattr(callback, "__self__", None) is task:
            found: Context = context
            return found
    return None


def _node_of(config: RunnableConfig | None) -> str | None:
    namespace = (config or {}).get("metadata", {}).get("langgraph_checkpoint_ns")
    if not isinstance(namespace, str):
        return None
    names = (part.partition(":")[0] for part in namespace.split("|"))
    return ":".join(name for name in names if not name.isdigit())


@define(eq=False)
class LoopWatch:
    loops: Callable[[], Sequence[Watched]]
    """The loops as they are now; a loop that died has been replaced."""
    blocked_after: float
    """Seconds without a sign of life after which a loop is called blocked."""
    on_blocked: Callable[[Blocked], None] = lambda _blocked: None
    """Called in the watch's thread, several times in each `blocked_after`."""
    _stop: threading.Event = field(factory=threading.Event, init=False)
    _thread: threading.Thread = field(init=False)
    _pulses: dict[Watched, _Pulse] = field(factory=dict, init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="lgtrio-loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    @property
    def lags(self) -> dict[str, float]:
        """Name of each loop to the seconds that it took to give its last sign of life, or has
        been taking to give the next."""
        return {pulse.loop.name: pulse.lag for pulse in list(self._pulses.values())}

    def _watch(self) -> None:
        while not self._stop.wait(self.blocked_after / 4):
            known, current = self._pulses, self.loops()
            self._pulses = {loop: known.get(loop) or _Pulse(loop) for loop in current}
            for pulse in self._pulses.values():
                if blocked := pulse.check(self.blocked_after):
                    self.on_blocked(blocked)


@define(eq=False)
class _Pulse:
    loop: Watched
    _asked: float | None = field(default=None, init=False)
    """When the sign of life was asked for that has not been given yet."""
    _last_lag: float = field(default=0.0, init=False)
    _reported: Blocker | None = field(default=None, init=False)
    _seen: tuple[Blocker, float] | None = field(default=None, init=False)
    """The blocker as it was seen last, and since when it has been at that step."""

    @property
    def lag(self) -> float:
        asked = self._asked
        return self._last_lag if asked is None else max(self._last_lag, time.monotonic() - asked)

    def check(self, blocked_after: float) -> Blocked | None:
        asked = self._asked
        if asked is None:
            self._reported = self._seen = None
            self._asked = time.monotonic()
            self.loop.post(self._give)
        elif time.monotonic() - asked > blocked_after:
            return self._look(time.monotonic() - asked)
        return None

    def _give(self) -> None:
        """On the loop."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        self._last_lag = time.monotonic() - asked
        if self._reported is not None:
            log.warning(
                f"the {self.loop.kind} is free again",
                loop=self.loop.name,
                run_id=self._reported.run_id,
                node=self._reported.node,
                blocked_for=round(self._last_lag, 3),
            )

    def _look(self, silent_for: float) -> Blocked | None:
        frame = sys._current_frames().get(self.loop.thread.ident or 0)
        if frame is None:
            return None
        blocker, now = find_blocker(frame), time.monotonic()
        if self._seen is None or self._seen[0].step is not blocker.step:
            self._seen = (blocker, now)
        if self._reported is None:
            self._reported = blocker
            log.warning(
                f"a node blocks its {self.loop.kind}; {self.loop.advice}",
                loop=self.loop.name,
                run_id=blocker.run_id,
                node=blocker.node,
                place=blocker.place,
                blocked_for=round(silent_for, 3),
            )
        return Blocked(self.loop, blocker, now - self._seen[1])
