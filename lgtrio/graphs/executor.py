"""The Trio side of executing graphs: orders a run, waits for its end, and fences what will not end.

The graph loop may be blocked by a node; nothing here depends on it. A run is closed from this
side, its last writes are waited for through the database's own thread, and what it has stored is
read in a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Final

import orjson
import structlog
import trio
from attrs import define, evolve, field

from lgtrio.graphs.door import Door
from lgtrio.graphs.execution import Execution
from lgtrio.graphs.frame_order import FrameOrder
from lgtrio.graphs.loops import GraphLoop, LoopSlot
from lgtrio.graphs.outcomes import stored_outcome
from lgtrio.graphs.served import ServedGraphs
from lgtrio.graphs.stuck import StuckRun, StuckRuns
from lgtrio.graphs.threads import NodeThreads
from lgtrio.runs.executor import ErrorInfo, GraphEnd, GraphOutcome, Part, RunSink
from lgtrio.storage.interface import RunRecord

log = structlog.get_logger(__name__)

_LAST_WRITES: Final = 30.0
"""Seconds that the database gets to finish what a fenced run had handed to it."""
_READ_SECONDS: Final = 10.0
"""Seconds for reading what a fenced run has left."""


class _Fence:
    """Comes through the door behind everything that a run had sent before it was fenced."""


@define(eq=False)
class _Delivery:
    """The receiving end of one execution, on the Trio loop."""

    sink: RunSink
    order: FrameOrder | None = None
    """Is told which parts are logged."""
    received: int = 0
    """Parts, if they are counted; what was sent ahead of them counts as one."""
    outcome: GraphOutcome | None = None
    lost: GraphEnd | None = None
    """No outcome will arrive, since the loop is gone; the end that this is."""
    fenced: bool = False
    """The run was closed from this side, whatever it was doing; an outcome comes too late."""
    emptied: trio.Event = field(factory=trio.Event)
    """Set when what it had sent before it was fenced has arrived: rows behind it are stored, so the
    stream is to have it."""
    changed: trio.Event = field(factory=trio.Event)
    """Set when there is an outcome, or there will be none."""

    def expect_parts(self) -> None:
        """Before the graph starts: what it stores waits for the stream's head, too."""
        if self.order is not None:
            self.order.count()
            self._note_logged(1)

    def receive(self, items: Sequence[Part | GraphOutcome | _Fence]) -> None:
        if self.outcome is not None or self.emptied.is_set():
            return
        parts = [item for item in takewhile(_not_the_fence, items) if isinstance(item, Part)]
        if parts:
            self.sink.parts(parts)
            self._note_logged(len(parts))
        for item in items:
            if isinstance(item, GraphOutcome) and not self.fenced:
                self.end(item)
            if isinstance(item, _Fence):
                self._no_more_parts()
                self.emptied.set()

    def lose(self, end: GraphEnd) -> None:
        self.lost = end
        self.changed.set()

    def fence(self, door: Door) -> None:
        self.fenced = True
        door.send(self, _Fence())

    def end(self, outcome: GraphOutcome) -> None:
        """The first outcome counts; a fenced run's own comes too late."""
        if self.outcome is None:
            if not self.fenced:
                self._no_more_parts()
            self.outcome = outcome
            self.sink.ended(outcome)
            self.changed.set()

    def _note_logged(self, parts: int) -> None:
        if self.order is not None:
            self.received += parts
            self.sink.when_logged(partial(self.order.logged, self.received))

    def _no_more_parts(self) -> None:
        """Rows that are held back wait for what has arrived; what comes now is not received."""
        if self.order is not None:
            self.sink.when_logged(self.order.release)


def _not_the_fence(item: object) -> bool:
    return not isinstance(item, _Fence)


@define(eq=False)
class _Active:
    execution: Execution
    delivery: _Delivery
    slot: LoopSlot
    loop: GraphLoop | None = None
    """Where it was started; None before."""


@define(eq=False)
class LanggraphExecutor:
    """Implements `lgtrio.runs.executor.Executor`."""

    door: Door
    served: ServedGraphs
    threads: NodeThreads
    cancel_grace: float
    """Seconds a cancelled run gets to stop."""
    _active: dict[str, _Active] = field(factory=dict, init=False)
    _stuck: StuckRuns = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._stuck = StuckRuns(self.door)

    async def execute(self, run: RunRecord, sink: RunSink) -> GraphOutcome:
        """See the protocol.

        A run whose graph is not loaded has failed.
        """
        if run.graph_id not in self.served.graphs:
            return self._unknown_graph(run, sink)
        active = self._make(run, sink)
        while True:
            await self._execute(active)
            if active.delivery.outcome is not None:
                return active.delivery.outcome
            active = self._next_attempt(active)

    async def stored_outcome(self, run: RunRecord) -> GraphOutcome:
        """See the protocol; of a graph that is not loaded nothing can be read."""
        left = None
        if loaded := self.served.graphs.get(run.graph_id):
            read = partial(
                stored_outcome,
                self.served.database,
                loaded.sample,
                run.thread_id,
                GraphEnd.CANCELLED,
            )
            with trio.move_on_after(_READ_SECONDS):
                left = await _read_in_thread(read)
        return left or GraphOutcome(GraphEnd.CANCELLED, None)

    def request_drain(self, run_id: str) -> None:
        if active := self._active.get(run_id):
            active.execution.control.request_drain()

    def is_open(self, run_id: str) -> bool:
        """Whether a run is being executed and has not been closed."""
        active = self._active.get(run_id)
        return active is not None and not active.delivery.fenced

    @property
    def slots(self) -> Mapping[str, LoopSlot]:
        """Graph id to the loop that it stays on."""
        return self.served.slot_of

    @property
    def executing(self) -> int:
        """How many runs are being executed."""
        return len(self._active)

    @property
    def stuck(self) -> Sequence[StuckRun]:
        """Closed runs of which a task or call is still executing, oldest first."""
        return self._stuck.listed

    def lose_runs(self, slot: LoopSlot) -> None:
        """The slot's loop has died: the runs on it fail."""
        for active in self._open_runs_on(slot):
            active.execution.loop_is_gone = True
            active.delivery.lose(GraphEnd.FAILED)

    def move_runs(self, slot: LoopSlot) -> int:
        """The slot's loop is about to be replaced: the runs on it go on upon the new one.

        Returns:
            How many.
        """
        moved = self._open_runs_on(slot)
        for active in moved:
            active.execution.loop_is_gone = True
            active.delivery.lose(GraphEnd.CANCELLED)
        return len(moved)

    def move_calls(self, run_ids: Collection[str]) -> Collection[str]:
        """The loop of these runs' Trio nodes is about to be left behind: they go on upon a new one.

        Returns:
            The ids of those that do: the open ones.
        """
        moved = [self._active[run_id] for run_id in run_ids if self.is_open(run_id)]
        moved = [active for active in moved if active.delivery.outcome is None]
        for active in moved:
            self._fence(active)  # at once: what its lost node raises is no outcome
            if active.loop is not None:
                active.loop.post(active.execution.cancel)
            active.delivery.lose(GraphEnd.CANCELLED)
        return {active.execution.run.run_id for active in moved}

    def _open_runs_on(self, slot: LoopSlot) -> Sequence[_Active]:
        return [
            active
            for active in self._active.values()
            if active.loop is slot.loop
            and active.delivery.outcome is None
            and not active.delivery.fenced
        ]

    # -- attempts ------------------------------------------------------------------------

    def _make(self, run: RunRecord, sink: RunSink) -> _Active:
        delivery = _Delivery(sink)
        execution = Execution(
            run,
            self.served.graphs[run.graph_id],
            self.served.database,
            self.threads,
            partial(self.door.send, delivery),
            lambda: sink.wants_parts,
        )
        delivery.order = execution.order
        active = _Active(execution, delivery, self.served.slot_of[run.graph_id])
        self._active[run.run_id] = active
        return active

    def _next_attempt(self, before: _Active) -> _Active:
        """As after a crash of the server, but that the database need not hear of it."""
        run = before.execution.run
        run = evolve(run, attempt=run.attempt + 1)
        log.warning("a run goes on upon another graph loop", run_id=run.run_id, attempt=run.attempt)
        active = self._make(run, before.delivery.sink)
        if before.execution.control.drain_requested:
            active.execution.control.request_drain()
        started = orjson.dumps({"run_id": run.run_id, "attempt": run.attempt})
        active.delivery.sink.parts([Part("metadata", "metadata", started)])
        return active

    async def _execute(self, active: _Active) -> None:
        """Execute one attempt to its end; without an outcome it is to be followed by another."""
        try:
            await self._follow(active)
        finally:
            del self._active[active.execution.run.run_id]
            self._list_if_stuck(active)

    # -- one attempt ---------------------------------------------------------------------

    async def _follow(self, active: _Active) -> None:
        """Start the run and wait for its outcome; make one when none will come."""
        execution, delivery = active.execution, active.delivery
        try:
            execution.loaded = await self.served.current(execution.run.graph_id)
            # A run that is cancelled already must not begin: it could end before it hears of it.
            await trio.lowlevel.checkpoint_if_cancelled()
            delivery.expect_parts()
            active.loop = active.slot.loop
            active.loop.post(execution.start)
            await delivery.changed.wait()
        except trio.Cancelled:
            end = await self._cancel(active)  # noqa: ASYNC102 - shields itself
            if delivery.outcome is None:
                await self._close(active, end)  # noqa: ASYNC102 - shields itself
            raise
        if delivery.outcome is not None:
            return
        if delivery.lost is GraphEnd.CANCELLED:
            self._fence(active)
            with trio.move_on_after(_LAST_WRITES, shield=True):
                await self._drained(active)
        else:
            await self._close(active, GraphEnd.FAILED)

    async def _cancel(self, active: _Active) -> GraphEnd:
        """Give a run the grace time to stop.

        Returns:
            What its end is if it has no outcome then.
        """
        if active.loop is None:
            return GraphEnd.CANCELLED
        active.loop.post(active.execution.cancel)
        with trio.move_on_after(self.cancel_grace, shield=True):
            await active.delivery.changed.wait()
        return active.delivery.lost or GraphEnd.ABANDONED

    def _fence(self, active: _Active) -> None:
        active.execution.fence()
        active.delivery.fence(self.door)

    async def _close(self, active: _Active, end: GraphEnd) -> None:
        """Fence a run that does not end by itself, and say what it has left."""
        execution = active.execution
        self._fence(active)
        error = None
        if end is GraphEnd.FAILED:
            error = ErrorInfo("InternalError", "The event loop of the run's graph died.")
        outcome = GraphOutcome(end, None, error=error)
        with trio.move_on_after(_LAST_WRITES, shield=True):
            await self._drained(active)
        with trio.move_on_after(_READ_SECONDS, shield=True):
            read = partial(execution.outcome_from_storage, end, error)
            outcome = await _read_in_thread(read) or outcome
        active.delivery.end(outcome)

    async def _drained(self, active: _Active) -> None:
        """Wait for what a fenced run had sent, and had handed to the database."""
        await active.delivery.emptied.wait()
        drained = trio.Event()
        token = trio.lowlevel.current_trio_token()
        active.execution.persistence.access.when_drained(partial(token.run_sync_soon, drained.set))
        await drained.wait()

    def _list_if_stuck(self, active: _Active) -> None:
        execution, loop, fenced = active.execution, active.loop, active.delivery.fenced
        if loop is None or not (execution.stuck_calls or (fenced and execution.running)):
            return
        stuck = self._stuck.add(execution, loop)
        log.warning(
            "a run is closed and something of it is still executing; what it does is not stored",
            run_id=stuck.run_id,
            graph_id=stuck.graph_id,
            nodes=stuck.nodes,
            grace=self.cancel_grace if fenced else None,
            stuck_runs=len(self.stuck),
        )

    def _unknown_graph(self, run: RunRecord, sink: RunSink) -> GraphOutcome:
        """The run was stored by a server with another langgraph.json."""
        message = f"There is no graph {run.graph_id!r} on this server."
        outcome = GraphOutcome(GraphEnd.FAILED, None, error=ErrorInfo("GraphLoadFailed", message))
        sink.ended(outcome)
        return outcome


async def _read_in_thread(read: Callable[[], GraphOutcome]) -> GraphOutcome | None:
    try:
        return await trio.to_thread.run_sync(read, abandon_on_cancel=True)
    except Exception:  # LangGraph's code over the user's channels; the run ends all the same
        log.exception("the state of a closed run could not be read")
        return None
