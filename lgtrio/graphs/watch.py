"""Says which node blocks a graph loop, and for how long.

A daemon thread asks each loop for a sign of life. A loop that does not give one is inside a node
that does not await; the context of the step it is at says which one, and of which run.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from types import FrameType

import structlog
from attrs import define, field, frozen
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from lgtrio.graphs.loops import GraphLoop

log = structlog.get_logger(__name__)


@frozen
class Blocker:
    run_id: str | None
    node: str | None
    """With the names of the subgraphs around it: `outer:inner`."""
    place: str
    """File and line where the loop's thread is."""


def node_of_context() -> str | None:
    """The node that the calling task executes."""
    return _node_of(var_child_runnable_config.get())


def find_blocker(frame: FrameType) -> Blocker:
    """
    Args:
        frame: the innermost frame of a loop's thread.
    """
    config = _config_of_step(frame)
    run_id = (config or {}).get("configurable", {}).get("run_id")
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return Blocker(None if run_id is None else str(run_id), _node_of(config), place)


def _config_of_step(frame: FrameType) -> RunnableConfig | None:
    """The config in the context of the step that a loop's thread is executing.

    Nodes run in tasks of their own, so LangGraph's frames are not below the node's. But the
    loop's own is, with the handle of the step, and that has the task's context.
    """
    outer: FrameType | None = frame
    while outer is not None:
        handle = outer.f_locals.get("self")
        if isinstance(handle, asyncio.Handle):
            context: Context = handle._context  # type: ignore[attr-defined]
            return context.get(var_child_runnable_config)
        outer = outer.f_back
    return None


def _node_of(config: RunnableConfig | None) -> str | None:
    namespace = (config or {}).get("metadata", {}).get("langgraph_checkpoint_ns")
    if not isinstance(namespace, str):
        return None
    names = (part.partition(":")[0] for part in namespace.split("|"))
    return ":".join(name for name in names if not name.isdigit())


@define(eq=False)
class LoopWatch:
    loops: Callable[[], Sequence[GraphLoop]]
    """The loops as they are now; a loop that died has been replaced."""
    blocked_after: float
    """Seconds without a sign of life after which a loop is called blocked."""
    _stop: threading.Event = field(factory=threading.Event, init=False)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="lgtrio-loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _watch(self) -> None:
        pulses: dict[GraphLoop, _Pulse] = {}
        while not self._stop.wait(self.blocked_after / 4):
            current = self.loops()
            pulses = {loop: pulses.get(loop) or _Pulse(loop) for loop in current}
            for pulse in pulses.values():
                pulse.check(self.blocked_after)


@define(eq=False)
class _Pulse:
    loop: GraphLoop
    _asked: float | None = field(default=None, init=False)
    """When the sign of life was asked for that has not been given yet."""
    _reported: Blocker | None = field(default=None, init=False)

    def check(self, blocked_after: float) -> None:
        asked = self._asked
        if asked is None:
            self._reported = None
            self._asked = time.monotonic()
            self.loop.post(self._give)
        elif time.monotonic() - asked > blocked_after and self._reported is None:
            self._report(time.monotonic() - asked)

    def _give(self) -> None:
        """On the loop."""
        asked, self._asked = self._asked, None
        if self._reported is not None and asked is not None:
            blocker = self._reported
            log.warning(
                "the graph loop is free again",
                loop=self.loop.name,
                run_id=blocker.run_id,
                node=blocker.node,
                blocked_for=round(time.monotonic() - asked, 3),
            )

    def _report(self, seconds: float) -> None:
        frame = sys._current_frames().get(self.loop.thread.ident or 0)
        if frame is None:
            return
        self._reported = blocker = find_blocker(frame)
        log.warning(
            "a node blocks its graph loop; use await, or make it a plain `def`",
            loop=self.loop.name,
            run_id=blocker.run_id,
            node=blocker.node,
            place=blocker.place,
            blocked_for=round(seconds, 3),
        )
