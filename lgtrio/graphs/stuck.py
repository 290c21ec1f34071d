"""Closed runs of which something is still executing: listed, and logged until the end of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
import trio
from attrs import define, field, frozen

from lgtrio.graphs.door import Door
from lgtrio.graphs.execution import Execution
from lgtrio.graphs.loops import GraphLoop
from lgtrio.graphs.watch import nodes_of

log = structlog.get_logger(__name__)


@frozen
class StuckRun:
    """A closed run of which something is still executing."""

    run_id: str
    graph_id: str
    nodes: Sequence[str]
    """Nodes known to be stuck, in threads or on the loop."""
    since: datetime
    """Of the closing; in UTC."""


@define(eq=False)
class _Entry:
    execution: Execution
    loop: GraphLoop
    seen: StuckRun
    """As it was when it was closed."""
    began: float
    """`trio.current_time()` of the closing."""


@define(eq=False)
class StuckRuns:
    """Used on the Trio loop."""

    door: Door
    _entries: dict[Execution, _Entry] = field(factory=dict, init=False)

    def add(self, execution: Execution, loop: GraphLoop) -> StuckRun:
        """List a closed run until nothing of it executes any more."""
        seen = StuckRun(
            execution.run.run_id,
            execution.run.graph_id,
            _nodes(execution, loop),
            datetime.now(UTC),
        )
        self._entries[execution] = _Entry(execution, loop, seen, trio.current_time())
        execution.tell_when_at_rest(lambda: self.door.send(self, execution))
        return seen

    @property
    def listed(self) -> Sequence[StuckRun]:
        """Oldest first."""
        return [
            StuckRun(seen.run_id, seen.graph_id, _nodes(entry.execution, entry.loop), seen.since)
            for entry in self._entries.values()
            if entry.execution.running
            for seen in [entry.seen]
        ]

    def receive(self, items: Sequence[Execution]) -> None:
        """Of these runs nothing executes any more."""
        for execution in items:
            if entry := self._entries.pop(execution, None):
                log.warning(
                    "a stuck run has ended",
                    run_id=entry.seen.run_id,
                    graph_id=entry.seen.graph_id,
                    nodes=entry.seen.nodes,
                    stuck_for=round(trio.current_time() - entry.began, 3),
                )


def _nodes(execution: Execution, loop: GraphLoop) -> Sequence[str]:
    on_loop = set() if execution.loop_is_gone else nodes_of(execution.run.run_id, loop)
    return sorted(on_loop | set(execution.stuck_calls))
