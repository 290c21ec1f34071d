"""One run on its graph loop, from the order to the outcome.

Two asyncio tasks: one executes the graph, and only that one is ever cancelled, once. The other
waits for it, lets everything the run has under way come to an end, closes the run's access to the
database, reads what is stored and reports. So an end is reported whatever a cancel hit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Final

import structlog
from attrs import define, field
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained, NodeCancelledError, UnknownInterruptError
from langgraph.runtime import RunControl

from lgtrio.errors import StorageError
from lgtrio.graphs.calls import CALLS_OF_RUN, RunCalls
from lgtrio.graphs.failures import error_info
from lgtrio.graphs.frame_order import FrameOrder
from lgtrio.graphs.inputs import node_names, run_config, run_context, unknown_context
from lgtrio.graphs.last_writes import last_writes
from lgtrio.graphs.loader import LoadedGraph
from lgtrio.graphs.outcomes import finished, from_snapshot, stored_outcome, thread_config
from lgtrio.graphs.persistence import Graph, GraphDatabase, Persistence
from lgtrio.graphs.resumption import starting_input
from lgtrio.graphs.runtimes import execution_runtime
from lgtrio.graphs.tap import StreamTap
from lgtrio.graphs.threads import NodeThreads
from lgtrio.graphs.watch import node_of_context
from lgtrio.runs.executor import (
    ErrorInfo,
    GraphEnd,
    GraphOutcome,
    LastWrites,
    Part,
)
from lgtrio.storage.interface import RunRecord
from lgtrio.wire.enums import StreamMode
from lgtrio.wire.kwargs import RunKwargs

log = structlog.get_logger(__name__)

Report = Callable[["Part | GraphOutcome"], None]

_LEFTOVERS: Final = 5.0
"""Seconds that LangGraph's own exit gets when a cancel has hit it."""


@define(eq=False)
class Execution:
    """Made on the Trio loop; `start` and `cancel` are orders to the graph loop; `fence`,
    `outcome_from_storage` and the properties may be used from any thread."""

    run: RunRecord
    loaded: LoadedGraph
    database: GraphDatabase
    threads: NodeThreads
    report: Report
    """Called with parts and at last with the outcome, from any thread."""
    wants_parts: Callable[[], bool]
    """Whether a part would reach anybody."""
    kwargs: RunKwargs = field(init=False)
    persistence: Persistence = field(init=False)
    tap: StreamTap = field(init=False)
    calls: RunCalls = field(init=False)
    control: RunControl = field(factory=RunControl, init=False)
    closed: bool = field(default=False, init=False)
    """Whatever it still does is refused."""
    loop_is_gone: bool = field(default=False, init=False)
    """The loop has died or was left behind: the tasks will not come to an end that we hear of."""
    _cancelled: bool = field(default=False, init=False)
    _executing: asyncio.Task[None] | None = field(default=None, init=False)
    _driving: asyncio.Task[None] | None = field(default=None, init=False)
    _exits: list[asyncio.Task[Any]] = field(factory=list, init=False)
    """LangGraph's own exit, where a cancel has hit it: it goes on by itself."""
    _graph: Graph | None = field(default=None, init=False)
    """With the run's persistence; None until a factory has made it."""
    _end: GraphEnd = field(default=GraphEnd.CANCELLED, init=False)
    _error: BaseException | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.kwargs = RunKwargs.from_json(self.run.kwargs)
        self.calls = RunCalls(self.run.run_id, node_of_context)
        self.persistence = self.database.for_run(
            self.run.run_id,
            self.kwargs.durability,
            temporary=self.run.temporary,
            fresh=self._fresh_thread(),
            behind_frames=self.run.resumable,
        )
        self.tap = StreamTap(
            self.run.run_id,
            frozenset(self.kwargs.stream_mode),
            self.kwargs.subgraphs,
            self.run.resumable,
            self.report if self.order is None else partial(_counted, self.report, self.order),
            self.wants_parts,
        )

    @property
    def order(self) -> FrameOrder | None:
        """Holds back what the run stores for what it streams; None if that is not logged."""
        return self.persistence.access.order

    # -- orders --------------------------------------------------------------------------

    def start(self) -> None:
        if self.closed:  # while the loop was blocked
            return
        loop = asyncio.get_running_loop()
        context = copy_context()
        context.run(CALLS_OF_RUN.set, self.calls)
        self._executing = loop.create_task(self._execute(), context=context)
        self._driving = loop.create_task(self._drive())

    def cancel(self) -> None:
        """Takes effect once: LangGraph's way out must not be cancelled again."""
        if not self._cancelled and self._executing is not None:
            self._cancelled = True
            self._executing.cancel()

    # -- from any thread -----------------------------------------------------------------

    def fence(self) -> None:
        """Close the run: whatever it still does is refused, and its threads are replaced."""
        self.closed = self.tap.closed = True
        self.persistence.access.close()
        self.threads.abandon(self.calls)
        self.calls.cancel()

    @property
    def running(self) -> bool:
        """Whether anything of the run is still executing, fenced or not."""
        driving = self._driving
        on_loop = driving is not None and not driving.done() and not self.loop_is_gone
        return on_loop or bool(self.calls.running)

    def tell_when_at_rest(self, callback: Callable[[], None]) -> None:
        """Have a function called once nothing of the run executes any more: now, or later from
        another thread; it may be called twice."""

        def check(*_: object) -> None:
            if not self.running:
                callback()

        self.calls.on_idle = check
        if self._driving is not None and not self.loop_is_gone:
            add = partial(self._driving.add_done_callback, check)
            with suppress(RuntimeError):  # the loop has been closed, its tasks with it
                self._driving.get_loop().call_soon_threadsafe(add)
        check()

    @property
    def stuck_calls(self) -> list[str]:
        """Nodes that are executing elsewhere than on the loop: in threads, or as Trio nodes."""
        return [node or "?" for node in self.calls.running.values()]

    def outcome_from_storage(self, end: GraphEnd, error: ErrorInfo | None) -> GraphOutcome:
        """What is stored now, read on the calling thread, which it blocks."""
        graph = self._graph or self.loaded.sample
        return stored_outcome(self.database, graph, self.run.thread_id, end, error)

    # -- executing -----------------------------------------------------------------------

    async def _execute(self) -> None:
        try:
            await self._run_graph()
            self._end = GraphEnd.FINISHED
        except GraphDrained:
            self._end = GraphEnd.DRAINED
        except asyncio.CancelledError as error:  # noqa: ASYNC103 - the task ends here
            self._exits = [each for each in error.args if isinstance(each, asyncio.Task)]
            if not self._cancelled:
                self._failed(NodeCancelledError("?", "The graph cancelled itself"))
        except BaseException as error:  # the user's code may raise anything, `SystemExit` too
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        # After a cancel nobody can tell a failure from a node's way to react to it.
        if not self._cancelled:
            refused = isinstance(error, UnknownInterruptError)
            self._end = GraphEnd.REFUSED if refused else GraphEnd.FAILED
            self._error = error

    async def _run_graph(self) -> None:
        schema = self.loaded.sample.context_schema
        kwargs, store = self.kwargs, self.persistence.store
        config = run_config(self.run, kwargs, unknown_context(schema, kwargs))
        runtime = execution_runtime(store=store, context=kwargs.context)
        async with self.loaded.open(config, runtime) as graph:
            self._graph = self.persistence.give_to(graph, name=self.loaded.graph_id)
            context = run_context(graph.context_schema, kwargs)
            given = await starting_input(self.run, kwargs, self._graph, config, self.persistence)
            self.tap.attach(config, store)
            await self._stream(self._graph, given, config, context)

    async def _stream(self, graph: Graph, given: Any, config: RunnableConfig, context: Any) -> None:
        """Execute to the end. The tap hears everything; only `events` come by iteration."""
        options: dict[str, Any] = {
            "context": context,
            "stream_mode": [],
            "interrupt_before": node_names(self.kwargs.interrupt_before),
            "interrupt_after": node_names(self.kwargs.interrupt_after),
            "control": self.control,
        }
        if graph.checkpointer is not False:
            options["durability"] = self.kwargs.durability.value
        if StreamMode.EVENTS in self.kwargs.stream_mode:
            async for event in graph.astream_events(given, config, version="v2", **options):
                self.tap.send_event(event)
            return
        async for _ in graph.astream(given, config, **options):
            pass

    # -- ending --------------------------------------------------------------------------

    async def _drive(self) -> None:
        assert self._executing is not None
        await asyncio.wait([self._executing])
        try:
            await self._come_to_rest()
            outcome = await self._outcome()
        except BaseException as error:  # noqa: ASYNC103 - an end is reported in any case
            log.exception("the end of a run could not be read", run_id=self.run.run_id)
            outcome = GraphOutcome(GraphEnd.FAILED, None, error=error_info(self._error or error))
        if self._error is not None:
            log.warning("a run failed", run_id=self.run.run_id, exc_info=self._error)
        self.report(outcome)

    async def _come_to_rest(self) -> None:
        """Let what the run has under way end, then close it and wait for its last write.

        After a cancel a sync node may still be at work in its thread: it is waited for as long
        as the Trio side has patience (then it fences the run without us).
        """
        if self._exits:
            await asyncio.wait(self._exits, timeout=_LEFTOVERS)
        if self._cancelled:
            calls = self.calls.running
            if calls:
                await asyncio.wait([asyncio.wrap_future(call) for call in calls])
        self.fence()
        if self._ran_through():
            return  # its last writes and its end are stored together
        try:
            await self.persistence.access.wait_drained()
        except Exception as error:  # a write in the background: the run is not what it seems
            self._end, self._error = GraphEnd.FAILED, self._error or error

    async def _outcome(self) -> GraphOutcome:
        if self._ran_through():
            return finished(self.tap, self._last_writes())
        error = error_info(self._error) if self._error is not None else None
        persistence = self.database.for_state()
        graph = persistence.give_to(self._graph or self.loaded.sample)
        if graph.checkpointer is False:
            return GraphOutcome(self._end, self.tap.values_json(), error=error)
        try:
            snapshot = await graph.aget_state(thread_config(self.run.thread_id))
        except StorageError:
            raise
        except Exception as unread:  # the graph's channels do not take what was written to them
            log.warning("the state of a run cannot be read", run_id=self.run.run_id, exc_info=True)
            return GraphOutcome(GraphEnd.FAILED, None, error=error or error_info(unread))
        return from_snapshot(self._end, snapshot, error)

    def _last_writes(self) -> LastWrites | None:
        access = self.persistence.access
        # Of a thread that goes with its run nothing has to be stored, if it has not been yet.
        held = access.withdraw(self.run.thread_id) if self.run.temporary else ()
        access.hurry_up()  # what is left there, of other threads, is stored before the end
        if not held and not access.in_flight and access.failure is None:
            return None
        graph, thread_id = self._graph or self.loaded.sample, self.run.thread_id
        # Nothing of it leads back to this object, which leads to whoever gets the outcome: runs
        # would go in circles, and stay until the garbage collector looks at them.
        failed = partial(stored_outcome, self.database, graph, thread_id, GraphEnd.FAILED)
        return last_writes(access, held, failed)

    def _fresh_thread(self) -> str | None:
        """The run's thread, if it was made for the run and nothing can have run on it before."""
        run = self.run
        overtaken = run.not_before is not None  # a delayed run may have been
        return run.thread_id if run.temporary and run.attempt == 1 and not overtaken else None

    def _ran_through(self) -> bool:
        """Whether the graph is known to have nothing left to do, without asking the database."""
        graph = self._graph
        return (
            self._end is GraphEnd.FINISHED
            and graph is not None
            and self.tap.last_values is not None
            and not self.tap.interrupted
            and not (self.kwargs.interrupt_before or self.kwargs.interrupt_after)
            and not (graph.interrupt_before_nodes or graph.interrupt_after_nodes)
        )


def _counted(report: Report, order: FrameOrder, part: Part) -> None:
    order.count()  # first: the part may be logged before `report` returns
    report(part)
