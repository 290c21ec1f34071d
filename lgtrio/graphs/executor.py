"""The Trio side of executing graphs: orders a run, waits for its end, and fences what will not end.

The graph loop may be blocked by a node; nothing here depends on it. A run is closed from this
side, its last writes are waited for through the database's own thread, and what it has stored is
read in a worker thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from lgtrio.graphs.door import Door
from lgtrio.graphs.execution import Execution
from lgtrio.graphs.loader import LoadedGraph
from lgtrio.graphs.loops import LoopSlot
from lgtrio.graphs.persistence import GraphDatabase
from lgtrio.graphs.threads import NodeThreads
from lgtrio.runs.executor import ErrorInfo, GraphEnd, GraphOutcome, Part, RunSink
from lgtrio.storage.interface import RunRecord

log = structlog.get_logger(__name__)

_LAST_WRITES: Final = 30.0
"""Seconds that the database gets to finish what a fenced run had handed to it."""
_READ_SECONDS: Final = 10.0
"""Seconds for reading what a fenced run has left."""


@frozen
class StuckRun:
    """A closed run of which something is still executing."""

    run_id: str
    nodes: Sequence[str]
    """Nodes known to be stuck in threads; empty when it is a task of the loop."""
    since: float
    """`trio.current_time()` of the closing."""


@define(eq=False)
class _Delivery:
    """The receiving end of one execution, on the Trio loop."""

    sink: RunSink
    outcome: GraphOutcome | None = None
    lost: bool = False
    """The loop has died: no outcome will arrive."""
    fenced: bool = False
    """The run was closed from this side, whatever it was doing."""
    changed: trio.Event = field(factory=trio.Event)
    """Set when there is an outcome, or there will be none."""

    def receive(self, items: Sequence[Part | GraphOutcome]) -> None:
        if self.outcome is not None:
            return
        parts = [item for item in items if isinstance(item, Part)]
        if parts:
            self.sink.parts(parts)
        for item in items:
            if isinstance(item, GraphOutcome):
                self.end(item)

    def lose(self) -> None:
        self.lost = True
        self.changed.set()

    def end(self, outcome: GraphOutcome) -> None:
        """The first outcome counts; a fenced run's own comes too late."""
        if self.outcome is None:
            self.outcome = outcome
            self.sink.ended(outcome)
            self.changed.set()


@frozen
class _Active:
    execution: Execution
    delivery: _Delivery
    slot: LoopSlot


@define(eq=False)
class LanggraphExecutor:
    """Implements `lgtrio.runs.executor.Executor`."""

    door: Door
    graphs: Mapping[str, LoadedGraph]
    slots: Mapping[str, LoopSlot]
    """Graph id to the loop that it stays on."""
    database: GraphDatabase
    threads: NodeThreads
    cancel_grace: float
    """Seconds a cancelled run gets to stop."""
    _active: dict[str, _Active] = field(factory=dict, init=False)
    _closed: dict[str, tuple[Execution, float]] = field(factory=dict, init=False)
    """Runs that were closed while something of them was executing, and since when."""

    async def execute(self, run: RunRecord, sink: RunSink) -> GraphOutcome:
        """See the protocol.

        Raises:
            InternalError: the run's graph is not loaded.
        """
        loaded = self.graphs.get(run.graph_id)
        if loaded is None:
            return self._unknown_graph(run, sink)
        delivery = _Delivery(sink)
        report = partial(self.door.send, delivery)
        execution = Execution(
            run, loaded, self.database, self.threads, report, lambda: sink.wants_parts
        )
        slot = self.slots[run.graph_id]
        self._active[run.run_id] = _Active(execution, delivery, slot)
        try:
            slot.post(execution.start)
            await self._follow(execution, delivery, slot)
        finally:
            del self._active[run.run_id]
            self._keep_if_stuck(execution, delivery)
        assert delivery.outcome is not None
        return delivery.outcome

    def request_drain(self, run_id: str) -> None:
        if active := self._active.get(run_id):
            active.execution.control.request_drain()

    @property
    def stuck(self) -> Sequence[StuckRun]:
        """Closed runs of which a task or thread is still executing, oldest first."""
        self._closed = {
            run_id: closed for run_id, closed in self._closed.items() if closed[0].running
        }
        return [
            StuckRun(run_id, each.stuck_calls, since)
            for run_id, (each, since) in self._closed.items()
        ]

    def lose_runs(self, slot: LoopSlot) -> None:
        """The slot's loop has died, with everything on it."""
        for active in self._active.values():
            if active.slot is slot:
                active.delivery.lose()

    # -- one run -------------------------------------------------------------------------

    async def _follow(self, execution: Execution, delivery: _Delivery, slot: LoopSlot) -> None:
        """Wait for the outcome; make one when none will come."""
        try:
            await delivery.changed.wait()
        except trio.Cancelled:
            slot.post(execution.cancel)
            with trio.move_on_after(self.cancel_grace, shield=True):
                await delivery.changed.wait()
            if delivery.outcome is None:
                end = GraphEnd.FAILED if delivery.lost else GraphEnd.ABANDONED
                await self._close(execution, delivery, end)  # noqa: ASYNC102 - shields itself
            raise
        if delivery.outcome is None:
            await self._close(execution, delivery, GraphEnd.FAILED)

    async def _close(self, execution: Execution, delivery: _Delivery, end: GraphEnd) -> None:
        """Fence a run that does not end by itself, and say what it has left."""
        execution.fence()
        delivery.fenced = True
        error = None
        if end is GraphEnd.FAILED:
            error = ErrorInfo("InternalError", "The event loop of the run's graph died.")
        else:
            log.warning(
                "a cancelled run did not stop and was closed; what it still does is not stored",
                run_id=execution.run.run_id,
                graph_id=execution.run.graph_id,
                nodes=execution.stuck_calls,
                grace=self.cancel_grace,
            )
        outcome = GraphOutcome(end, None, error=error)
        with trio.move_on_after(_LAST_WRITES, shield=True):
            await self._drained(execution)
        with trio.move_on_after(_READ_SECONDS, shield=True):
            outcome = await self._read_outcome(execution, end, error) or outcome
        delivery.end(outcome)

    async def _drained(self, execution: Execution) -> None:
        drained = trio.Event()
        token = trio.lowlevel.current_trio_token()
        execution.persistence.access.when_drained(partial(token.run_sync_soon, drained.set))
        await drained.wait()

    async def _read_outcome(
        self, execution: Execution, end: GraphEnd, error: ErrorInfo | None
    ) -> GraphOutcome | None:
        read = partial(execution.outcome_from_storage, end, error)
        try:
            return await trio.to_thread.run_sync(read, abandon_on_cancel=True)
        except Exception:  # LangGraph's code over the user's channels; the run ends all the same
            log.exception("the state of a closed run could not be read")
            return None

    def _keep_if_stuck(self, execution: Execution, delivery: _Delivery) -> None:
        if delivery.fenced or execution.stuck_calls:
            self._closed[execution.run.run_id] = (execution, trio.current_time())
            log.info("stuck runs", count=len(self.stuck))  # forgets those that have ended

    def _unknown_graph(self, run: RunRecord, sink: RunSink) -> GraphOutcome:
        """The run was stored by a server with another langgraph.json."""
        message = f"There is no graph {run.graph_id!r} on this server."
        outcome = GraphOutcome(GraphEnd.FAILED, None, error=ErrorInfo("GraphLoadFailed", message))
        sink.ended(outcome)
        return outcome
