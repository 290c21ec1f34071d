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
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from lgtrio.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ShuttingDown,
    StorageError,
)
from lgtrio.runs import lanes
from lgtrio.runs.alarm import wall_now
from lgtrio.runs.census import Census
from lgtrio.runs.errands import STORE_SECONDS, Errands, Operation
from lgtrio.runs.execution import RETRY_SECONDS, Execution
from lgtrio.runs.executor import Executor
from lgtrio.runs.frames import parse_frame_id
from lgtrio.runs.handles import Handles, RunHandle
from lgtrio.runs.places import Place, Places
from lgtrio.runs.results import stored_result
from lgtrio.runs.starting import Starter
from lgtrio.runs.stops import Stop, StopKind
from lgtrio.runs.streams import Subscription
from lgtrio.runs.thread_streams import ThreadFollower, ThreadStreams
from lgtrio.storage.interface import (
    Cause,
    CreatedRun,
    Displacement,
    NewRun,
    NewThread,
    RunOrder,
    RunRecord,
    Storage,
)
from lgtrio.wire.enums import ACTIVE, CancelAction, RunStatus, ThreadStreamMode

log = structlog.get_logger(__name__)

NO_RUNS: Final = "No runs found to cancel."
NO_MATCHING: Final = (
    "No matching runs to cancel. Please verify the thread ID and run IDs are correct, and the"
    " runs haven't been deleted or completed."
)
_STOP_KINDS: Final = {
    CancelAction.INTERRUPT: StopKind.INTERRUPT,
    CancelAction.ROLLBACK: StopKind.ROLLBACK,
}
_DISPLACED: Final = {
    Displacement.INTERRUPT: StopKind.INTERRUPT,
    Displacement.ROLLBACK: StopKind.ROLLBACK,
}


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
    if recovered.requeued or recovered.failed:
        log.warning(
            "recovered runs of the last process",
            requeued=len(recovered.requeued),
            given_up=len(recovered.failed),
        )
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(storage, executor, options, nursery, now)
        await supervisor.begin()
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

    @property
    def stopping(self) -> bool:
        """The stop flag: from here on a closed connection is shutdown, never a client's
        disconnect, and creates are refused."""
        return self._execution.stopping

    async def begin(self) -> None:
        """Take up what is pending in the database, then what its delays bring."""
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
        for run_id, displacement in created.to_cancel.items():
            self._displace(run_id, displacement, by=run.run_id)
        if created.claimed is not None and place is not None:
            self._starter.start(created.claimed, place)
        elif self.stopping:
            self._handles.break_off(handle)
        elif run.not_before is not None:
            self._starter.ring_at(run.not_before, run.thread_id)
        elif place is None:
            self._starter.mark_ready(run.thread_id, run.assistant_id)
        # Else the lane is occupied, and the end of the run before this one starts it.

    def _displace(self, run_id: str, displacement: Displacement, *, by: str) -> None:
        message = f"displaced by run {by} (multitask_strategy={displacement})"
        stop = Stop(_DISPLACED[displacement], Cause.DISPLACED, by, message)
        if handle := self._handles.get(run_id):
            handle.request_stop(stop)
        else:
            # Its claim has not been heard of yet, or its end has: the database knows.
            self.nursery.start_soon(self._stop_by_id, run_id, stop)

    # -- following -----------------------------------------------------------------------

    async def follow(
        self,
        run: RunRecord,
        *,
        modes: frozenset[str] | None = None,
        last_event_id: str | None = None,
    ) -> Subscription:
        """Join a run's stream.

        Args:
            run: as read from the storage.
            modes: keep only frames of these modes (`metadata` and `error` always).
            last_event_id: the client's `Last-Event-ID`; only resumable runs can honour it. None
                for what happens from now on.

        Returns:
            The subscription; of a resumable run its `after` is where it starts.

        Raises:
            InvalidRequest: that is no id of a resumable run's stream.
        """
        after = await self._place_in_log(run, last_event_id) if run.resumable else 0
        handle = await self.handle_of(run)
        return Subscription(
            run.run_id,
            self.storage,
            handle.stream if handle else None,
            modes=modes,
            after=after,
            reading_log=run.resumable,
        )

    async def _place_in_log(self, run: RunRecord, last_event_id: str | None) -> int:
        if last_event_id is None:
            return await self.storage.last_frame(run.run_id)
        after = parse_frame_id(last_event_id)
        if after is None:
            raise InvalidRequest(
                f"Invalid Last-Event-ID {last_event_id!r}: send an id of this stream, or -1."
            )
        return after

    async def follow_thread(
        self,
        thread_id: str,
        modes: frozenset[ThreadStreamMode],
        *,
        last_event_id: str | None = None,
    ) -> ThreadFollower:
        """Join the stream of a thread that exists; see `ThreadStreams.follow`."""
        running = self._handles.claimed_of(thread_id)
        return await self.threads.follow(
            thread_id, modes, running=running, last_event_id=last_event_id
        )

    async def join(self, run: RunRecord, handle: RunHandle | None = None) -> bytes:
        """Wait for the run's real end.

        Args:
            handle: as `submit` or `handle_of` gave it; None looks for it now.

        Returns:
            JSON as `wait` answers it.

        Raises:
            StreamCut: the server is going down before the run's end.
        """
        handle = handle or await self.handle_of(run)
        result = None if handle is None else await handle.result()
        if result is not None:
            return result
        latest = await self.storage.get_run(run.run_id) or run
        return stored_result(latest, await self.storage.get_thread(run.thread_id))

    async def wait_ended(self, run_id: str) -> None:
        """Return when the run is not active any more (at once for unknown runs)."""
        if handle := self._handles.get(run_id):
            await handle.done.wait()

    async def handle_of(self, run: RunRecord) -> RunHandle | None:
        """The handle of an active run, made if nobody has needed one yet.

        Raises:
            ShuttingDown: the run is left to the next start of the server.
        """
        if run.status not in ACTIVE:
            return None
        handle = self._handles.get(run.run_id)
        if handle is not None:
            return handle
        if self.stopping:
            raise ShuttingDown
        # The status is read again after the handle stands: an end that is stored from then on
        # finds the handle and ends it.
        handle = self._handles.of(run.run_id, run.thread_id, resumable=run.resumable)
        try:
            active = await self._is_active(run.run_id)
        except BaseException:
            self.nursery.start_soon(self._persist, partial(self._end_if_over, run.run_id))
            raise
        if not active:
            self._handles.end(run.run_id, None)
            return None
        return handle

    async def _end_if_over(self, run_id: str) -> None:
        if not await self._is_active(run_id):
            self._handles.end(run_id, None)

    async def _is_active(self, run_id: str) -> bool:
        run = await self.storage.get_run(run_id)
        return run is not None and run.status in ACTIVE

    # -- cancelling ----------------------------------------------------------------------

    async def cancel(
        self,
        thread_id: str,
        run_ids: Sequence[str],
        *,
        action: CancelAction,
        wait: bool,
        actor: str | None = None,
    ) -> int:
        """Cancel runs of one thread.

        Returns:
            How many were active and are being cancelled; with `wait` they have ended.

        Raises:
            NotFound: none of the runs exists on the thread, or all have ended.
        """
        found = [run for run in await self._stored(run_ids) if run.thread_id == thread_id]
        return await self._cancel(found, action, wait=wait, actor=actor)

    async def cancel_all(
        self, status: RunStatus | None, *, action: CancelAction, wait: bool, actor: str | None
    ) -> int:
        """Cancel the runs of all threads that are pending or running, or in one of the two.

        Returns, raises: as `cancel`.
        """
        found = await self._stored(await self.storage.active_runs(status))
        return await self._cancel(found, action, wait=wait, actor=actor)

    async def _stored(self, run_ids: Sequence[str]) -> Sequence[RunRecord]:
        runs = [await self.storage.get_run(run_id) for run_id in run_ids]
        return [run for run in runs if run is not None]

    async def _cancel(
        self, runs: Sequence[RunRecord], action: CancelAction, *, wait: bool, actor: str | None
    ) -> int:
        if not runs:
            raise NotFound(NO_RUNS)
        message = f"{action} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"
        stop = Stop(_STOP_KINDS[action], Cause.CLIENT, actor, message)
        # Those that wait go first, or one could start when the one before it has ended.
        in_order = sorted(runs, key=lambda run: run.status is not RunStatus.PENDING)
        cancelled = [run for run in in_order if await self._stop(run, stop)]
        if not cancelled:
            raise NotFound(NO_MATCHING)
        if wait:
            for run in cancelled:
                await self.wait_ended(run.run_id)
        return len(cancelled)

    def disconnected(self, run_id: str) -> None:
        """The client of a run with `on_disconnect=cancel` went away.

        Sync, because the request's own task is being cancelled when it learns of it.
        """
        if not self.stopping:
            message = "client disconnected from the run stream (on_disconnect=cancel)"
            stop = Stop(StopKind.INTERRUPT, Cause.DISCONNECT, None, message)
            self.nursery.start_soon(self._stop_by_id, run_id, stop)

    async def _stop_by_id(self, run_id: str, stop: Stop) -> None:
        """Task: stop a run that nobody waits for."""

        async def find_and_stop() -> None:
            if run := await self.storage.get_run(run_id):
                await self._stop(run, stop)

        await self._persist(find_and_stop)

    async def _stop(self, run: RunRecord, stop: Stop) -> bool:
        """Stop one run, whatever it is doing; False if it had ended.

        A pending run is settled in the database, guarded by its status: if it was claimed in
        the meantime it is running, and its scope is cancelled instead.
        """
        handle = self._handles.get(run.run_id)
        if run.status is RunStatus.PENDING and not (handle and handle.claimed):
            settle = partial(self._settle_pending, run, stop)
            if await self._errands.carry_out_shielded(settle):
                return True
        handle = await self.handle_of(run)
        return handle is not None and handle.request_stop(stop)

    async def _settle_pending(self, run: RunRecord, stop: Stop) -> bool:
        """End a run that has not been claimed; False if it is not pending any more."""
        if stop.kind >= StopKind.ROLLBACK:
            finished = await self.storage.rollback_run(
                run.run_id, cause=stop.cause, actor=stop.actor, only=RunStatus.PENDING
            )
        else:
            finished = await self.storage.finish_run(
                run.run_id,
                RunStatus.INTERRUPTED,
                None,
                cause=stop.cause,
                actor=stop.actor,
                only=RunStatus.PENDING,
            )
        if finished is None:
            return False
        self._handles.end(run.run_id, b"{}")
        if finished.thread is None:
            self.threads.thread_deleted(run.thread_id)
        if finished.next_pending:
            self._starter.mark_ready(run.thread_id, run.assistant_id)
        return True

    # -- deleting and holding a thread ---------------------------------------------------

    async def delete_run(self, run: RunRecord, *, actor: str | None = None) -> None:
        """Delete a run and what it wrote; a running one is stopped first.

        Raises:
            NotFound: it is gone already.
        """
        stopped = await self._stop(run, Stop(StopKind.DELETE, Cause.CLIENT, actor))
        await self.wait_ended(run.run_id)
        if not stopped and not await self.storage.delete_run(run.run_id, actor=actor):
            raise NotFound("Run not found")

    async def delete_thread(self, thread_id: str, *, actor: str | None = None) -> bool:
        """Stop the thread's run, then delete the thread with all it has; False if unknown.

        Cancellation: the delete goes on.
        """
        return await self._errands.carry_out(partial(self._delete_thread, thread_id, actor))

    async def _delete_thread(self, thread_id: str, actor: str | None) -> bool:
        async with self._starter.holds.hold(thread_id):
            claimed = self._handles.claimed_of(thread_id)
            for handle in claimed:
                handle.request_stop(Stop(StopKind.DELETE, Cause.CLIENT, actor))
                await handle.done.wait()
            active = await self.storage.delete_thread(thread_id, actor=actor)
            for run in active or ():
                self._handles.end(run.run_id, b"{}")
            self.threads.thread_deleted(thread_id)
            # The thread of a stateless run goes with its run.
            return active is not None or bool(claimed)

    @asynccontextmanager
    async def quiet(self, thread_id: str) -> AsyncIterator[None]:
        """Hold a thread's lane for a state update: no run of it starts inside the block.

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
            yield

    # -- in the background ---------------------------------------------------------------

    async def _persist(self, operation: Operation[None]) -> None:
        """Task: do what nobody waits for, again and again if the database fails."""
        while True:
            try:
                await operation()
            except StorageError:
                log.exception("the database failed; trying again")
                await trio.sleep(RETRY_SECONDS)
            except ShuttingDown:
                break
            else:
                break

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
