"""The supervisor: owns every run, from the create to its stored end.

The path of a run: `submit` stores it (and settles its lane) in one transaction → a worker place
is free → it is claimed → `Execution` executes it inside its handle's cancel scope, decides its end
from the stop reason and from what the graph did, stores it and tells the followers → the thread's
next run starts. Cancel, displacement, disconnect, deadline and shutdown are all the same thing: a
reason on the handle, then its scope cancelled.

Everything in memory here mirrors the database and can be thrown away: after a crash the next
start finds in the database what was pending or running.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import partial

import structlog
import trio
from attrs import define, field, frozen

from lgtrio.errors import (
    Conflict,
    ShuttingDown,
)
from lgtrio.runs import lanes
from lgtrio.runs.alarm import wall_now
from lgtrio.runs.census import Census
from lgtrio.runs.errands import STORE_SECONDS, Errands
from lgtrio.runs.execution import Execution
from lgtrio.runs.executor import Executor
from lgtrio.runs.following import Following
from lgtrio.runs.handles import Handles, RunHandle
from lgtrio.runs.places import Place, Places
from lgtrio.runs.starting import Starter
from lgtrio.runs.stopping import Stopper
from lgtrio.runs.streams import Subscription
from lgtrio.runs.thread_streams import ThreadStreams
from lgtrio.storage.interface import (
    Cause,
    CreatedRun,
    NewRun,
    NewThread,
    RunOrder,
    RunRecord,
    Stop,
    StopKind,
    StoppedRun,
    Storage,
)
from lgtrio.wire.enums import ACTIVE

log = structlog.get_logger(__name__)


@frozen
class RunOptions:
    n_jobs: int = 1000
    """Runs that may execute at once; the others wait as pending."""
    max_runs_per_graph: int | None = None
    """How many of them may be runs of one graph; None for no limit."""
    max_runs_per_assistant: int | None = None
    """How many of them may be runs of one assistant; None for no limit."""
    run_timeout: float | None = None
    """Seconds a run may take; None for no limit."""
    max_attempts: int = 3
    """Deaths of the server under one run before it is given up with `error`."""
    shutdown_grace: float = 20.0
    """Seconds running graphs get to reach their next step when the server goes down."""
    subscriber_buffer: int = 1024
    """Batches a stream's reader may be behind before it is sent back to the log or ended."""


@frozen
class Submitted:
    run: RunRecord
    handle: RunHandle
    """For `join`: it has the result also of a run that has ended and is deleted."""
    subscription: Subscription | None


@asynccontextmanager
async def open_supervisor(
    storage: Storage,
    executor: Executor,
    options: RunOptions | None = None,
    *,
    now: Callable[[], datetime] = wall_now,
) -> AsyncIterator[Supervisor]:
    """Recover what the last process left, then supervise until the block is left.

    Leave it only after `shut_down`: leaving cancels what is left as a crash would, and the next
    start recovers it.

    Args:
        now: the wall clock, the same as the storage's.
    """
    options = options or RunOptions()
    recovered = await storage.recover(max_attempts=options.max_attempts)
    if recovered.requeued or recovered.failed or recovered.stopped:
        log.warning(
            "recovered runs of the last process",
            requeued=len(recovered.requeued),
            given_up=len(recovered.failed),
            stopped=len(recovered.stopped),
        )
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(storage, executor, options, nursery, now)
        await supervisor.begin(recovered.stopped)
        yield supervisor
        nursery.cancel_scope.cancel(reason="the supervisor closes")


@define(eq=False)
class Supervisor:
    storage: Storage
    executor: Executor
    options: RunOptions
    nursery: trio.Nursery
    now: Callable[[], datetime] = wall_now
    threads: ThreadStreams = field(init=False)
    """Those who follow whole threads; they hear of runs from here."""
    following: Following = field(init=False)
    """Reading their streams, waiting for their ends."""
    stopper: Stopper = field(init=False)
    """Cancelling and deleting runs."""
    _handles: Handles = field(init=False)
    _execution: Execution = field(init=False)
    _starter: Starter = field(init=False)
    _errands: Errands = field(init=False)

    def __attrs_post_init__(self) -> None:
        options = self.options
        self._handles = Handles(self.storage, options.subscriber_buffer)
        self.threads = ThreadStreams(self.storage)
        self._execution = Execution(
            self.storage, self.executor, self._handles, self.threads, options.run_timeout
        )
        places = Places(options.n_jobs, options.max_runs_per_graph, options.max_runs_per_assistant)
        self._starter = Starter(
            self.storage, self._handles, self._execution, places, self.nursery, self.now
        )
        self._errands = Errands(self.nursery)
        self.following = Following(
            self.storage, self._handles, self.threads, self._execution, self.nursery
        )
        self.stopper = Stopper(
            self.storage,
            self._handles,
            self.threads,
            self._execution,
            self._starter,
            self.following,
            self._errands,
            self.nursery,
        )

    @property
    def stopping(self) -> bool:
        """The stop flag: from here on a closed connection is shutdown, never a client's
        disconnect, and creates are refused."""
        return self._execution.stopping

    async def begin(self, stopped: Sequence[StoppedRun]) -> None:
        """Take up what is pending in the database, then what its delays bring.

        Args:
            stopped: runs whose stop the last process did not bring to its end.
        """
        for each in stopped:
            self._starter.end_stopped(each)
        self.nursery.start_soon(self._starter.watch_delays)
        await self._starter.resume_pending()

    # -- creating ------------------------------------------------------------------------

    async def submit(
        self,
        new: NewRun,
        *,
        thread: NewThread | None,
        follow: bool = False,
        actor: str | None = None,
    ) -> Submitted:
        """Store a run and start it as soon as its lane and a worker place are free.

        Args:
            thread: created if the thread does not exist; None means it must exist.
            follow: open a subscription before the run can start, so that nothing is missed.

        Raises:
            NotFound: no such thread. ThreadBusy: strategy reject. ShuttingDown: stop flag.
            StorageUnavailable: no answer for 30 s; if the run is stored after all, it runs.

        Cancellation: shielded while the transaction is in flight (at most 30 s), so either
        nothing is stored or the run is stored and taken care of.
        """
        if self.stopping:
            raise ShuttingDown
        handle = self._handles.of(new.run_id, new.thread_id, resumable=new.resumable)
        subscription = Subscription(new.run_id, self.storage, handle.stream) if follow else None
        create = partial(self._create, new, handle, thread=thread, actor=actor)
        created = await self._errands.carry_out_shielded(create)
        return Submitted(created.run, handle, subscription)

    async def _create(
        self, new: NewRun, handle: RunHandle, *, thread: NewThread | None, actor: str | None
    ) -> CreatedRun:
        place = self._starter.place_for(new)
        try:
            with self._starter.holds.starting(new.thread_id):
                created = await self.storage.create_run(
                    new, decide=lanes.admit, thread=thread, claim=place is not None, actor=actor
                )
                handle.claimed = created.claimed is not None
        except BaseException:
            self._handles.drop(handle)  # nobody else can know the run
            raise
        finally:
            if place is not None and not handle.claimed:
                self._starter.release(place)
        self._after_create(created, handle, place)
        return created

    async def submit_all(
        self, orders: Sequence[RunOrder], *, actor: str | None = None
    ) -> Sequence[RunRecord]:
        """Store several runs in one transaction, all or none, and start them as `submit` does.

        Raises, cancellation: as `submit`.
        """
        if self.stopping:
            raise ShuttingDown
        created = await self._errands.carry_out_shielded(partial(self._create_all, orders, actor))
        return [each.run for each in created]

    async def _create_all(
        self, orders: Sequence[RunOrder], actor: str | None
    ) -> Sequence[CreatedRun]:
        news = [order.run for order in orders]
        handles = [self._handles.of(n.run_id, n.thread_id, resumable=n.resumable) for n in news]
        try:
            with ExitStack() as starting:
                for new in news:
                    starting.enter_context(self._starter.holds.starting(new.thread_id))
                created = await self.storage.create_runs(orders, decide=lanes.admit, actor=actor)
        except BaseException:
            for handle in handles:
                self._handles.drop(handle)
            raise
        for each, handle in zip(created, handles, strict=True):
            self._after_create(each, handle, place=None)
        return created

    def _after_create(self, created: CreatedRun, handle: RunHandle, place: Place | None) -> None:
        run = created.run
        for settled in created.settled:
            self._handles.end(settled.run_id, b"{}")
        for run_id, stop in created.to_cancel.items():
            self.stopper.displace(run_id, stop)
        if created.claimed is not None and place is not None:
            self._starter.start(created.claimed, place)
        elif self.stopping:
            self._handles.break_off(handle)
        elif run.not_before is not None:
            self._starter.ring_at(run.not_before, run.thread_id)
        elif place is None:
            self._starter.mark_ready(run.thread_id, run.assistant_id)
        # Else the lane is occupied, and the end of the run before this one starts it.

    # -- holding a thread -----------------------------------------------------------------

    @asynccontextmanager
    async def quiet(self, thread_id: str) -> AsyncIterator[None]:
        """Hold a thread's lane for a state update: no run of it starts inside the block, and no
        other update is inside its own.

        A run that is created meanwhile starts afterwards.

        Raises:
            Conflict: a run is pending or running.
        """
        async with self._starter.holds.hold(thread_id):
            for status in ACTIVE:
                if await self.storage.list_runs(thread_id, limit=1, offset=0, status=status):
                    raise Conflict(
                        f"Thread {thread_id} has a run that is pending or running. Wait for it to"
                        " finish or cancel it before you update the state."
                    )
            async with self._starter.holds.in_turn(thread_id):
                yield

    # -- shutting down -------------------------------------------------------------------

    async def shut_down(self) -> None:
        """Stop in good order; returns when every run has ended or is pending again.

        Running graphs are asked to stop at their next step, their streams still open; after
        the grace period the rest is cancelled. Nothing of it counts as the client's doing.
        """
        self._execution.stopping = True
        for handle in self._handles.claimed():
            handle.request_stop(Stop(StopKind.SHUTDOWN, Cause.SHUTDOWN), cancel=False)
            self.executor.request_drain(handle.run_id)
        with trio.move_on_after(self.options.shutdown_grace):
            await self._starter.places.all_free()
        for handle in self._handles.claimed():
            handle.scope.cancel(reason="shutdown grace is over")
        for handle in self._handles.claimed():
            await handle.done.wait()
        with trio.move_on_after(STORE_SECONDS):  # what the database does not answer
            await self._starter.places.all_free()
            await self._errands.all_done()
        for handle in self._handles.all():
            self._handles.break_off(handle)
        self.threads.break_off()

    @property
    def executing(self) -> Mapping[str, RunHandle]:
        """Run id to handle of the runs that have been started and have not ended."""
        return {handle.run_id: handle for handle in self._handles.claimed()}

    def census(self) -> Census:
        """How much of everything there is now."""
        handles, places = self._handles.all(), self._starter.places
        return Census(
            places=places.total,
            places_in_use=places.taken,
            threads_waiting=places.waiting,
            executing=len(self._handles.claimed()),
            lanes=len({handle.thread_id for handle in handles}),
            subscribers=sum(handle.stream.subscribers for handle in handles),
            frames=self._handles.handed_out,
        )
