"""The supervisor: owns every run, from the create to its stored end.

The path of a run: `submit` stores it (and settles its lane) in one transaction → a worker place
is free → `claim` → `_run` executes it inside its handle's cancel scope → `conclude` decides from
the stop reason and from what the graph did → `_settle` stores the end → followers are told →
the thread's next run starts. Cancel, displacement, disconnect, deadline and shutdown are all the
same thing: a reason on the handle, then its scope cancelled.

Everything in memory here mirrors the database and can be thrown away: after a crash the next
start finds in the database what was pending or running.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import orjson
import structlog
import trio
from attrs import define, evolve, field, frozen

from lgtrio.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ShuttingDown,
    StorageError,
    StorageUnavailable,
)
from lgtrio.runs import lanes
from lgtrio.runs.alarm import Alarm
from lgtrio.runs.executor import ErrorInfo, Executor, GraphEnd, GraphOutcome, Part
from lgtrio.runs.frames import parse_frame_id
from lgtrio.runs.handles import RunHandle
from lgtrio.runs.results import stored_result
from lgtrio.runs.stops import Act, Conclusion, Stop, StopKind, conclude, error_json
from lgtrio.runs.streams import RunStream, Subscription
from lgtrio.storage.interface import (
    Cause,
    CreatedRun,
    Displacement,
    NewRun,
    NewThread,
    RunRecord,
    Storage,
)
from lgtrio.wire.enums import ACTIVE, CancelAction, RunStatus

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
_RETRY_SECONDS: Final = 1.0
"""Pause before the database is asked again after it failed."""
_STORE_SECONDS: Final = 30.0
"""Deadline of the shielded writes: a create or an end in flight is stored, not torn."""


@frozen
class RunOptions:
    n_jobs: int = 1000
    """Runs that may execute at once; the others wait as pending."""
    run_timeout: float | None = None
    """Seconds a run may take; None for no limit."""
    max_attempts: int = 3
    """Starts of one run over crashes before it is given up with `error`."""
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
    storage: Storage, executor: Executor, options: RunOptions | None = None
) -> AsyncIterator[Supervisor]:
    """Recover what the last process left, then supervise until the block is left.

    Leave it only after `shut_down`: leaving cancels what is left as a crash would, and the next
    start recovers it.
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
        supervisor = Supervisor(storage, executor, options, nursery)
        nursery.start_soon(supervisor.watch_delays)
        await supervisor.resume_pending()
        yield supervisor
        nursery.cancel_scope.cancel(reason="the supervisor closes")


@define(eq=False)
class Supervisor:
    storage: Storage
    executor: Executor
    options: RunOptions
    nursery: trio.Nursery
    stopping: bool = field(default=False, init=False)
    """The stop flag: from here on a closed connection is shutdown, never a client's
    disconnect, and creates are refused."""
    _handles: dict[str, RunHandle] = field(factory=dict, init=False)
    _ready: dict[str, None] = field(factory=dict, init=False)
    """Threads that may have a run to start (an ordered set). First come first served, and a
    thread with many runs queues again behind the others after each of them."""
    _held: dict[str, int] = field(factory=dict, init=False)
    """Threads whose lane is held (state update, delete): no run of theirs starts."""
    _places: int = field(default=0, init=False)
    """Worker places in use."""
    _alarm: Alarm = field(factory=Alarm, init=False)

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

        Cancellation: shielded while the transaction is in flight (at most 30 s), so either
        nothing is stored or the run is stored and taken care of.
        """
        if self.stopping:
            raise ShuttingDown
        claim = (
            self._places < self.options.n_jobs
            and new.thread_id not in self._held
            and new.not_before is None
        )
        self._places += claim
        handle = self._handle(new.run_id, new.thread_id, resumable=new.resumable)
        subscription = Subscription(new.run_id, self.storage, handle.stream) if follow else None
        created: CreatedRun | None = None
        try:
            with trio.move_on_after(_STORE_SECONDS, shield=True):
                created = await self.storage.create_run(
                    new, decide=lanes.admit, thread=thread, claim=claim, actor=actor
                )
        finally:
            if created is None or created.claimed is None:
                self._places -= claim
            if created is None:
                self._handles.pop(new.run_id, None)
        if created is None:
            raise StorageUnavailable("The database did not answer in time; the run may be stored.")
        self._after_create(created)
        return Submitted(created.run, handle, subscription)

    def _after_create(self, created: CreatedRun) -> None:
        run = created.run
        for settled in created.settled:
            self._end_handle(settled.run_id, b"{}")
        for run_id, displacement in created.to_cancel.items():
            kind = _DISPLACED[displacement]
            message = f"displaced by run {run.run_id} (multitask_strategy={displacement})"
            stop = Stop(kind, Cause.DISPLACED, run.run_id, message)
            self._active_handle(run_id, run.thread_id).request_stop(stop)
        if created.claimed is not None:
            self.nursery.start_soon(self._run, created.claimed)
        elif run.not_before is not None:
            self._alarm.set(run.not_before, run.thread_id)
        else:
            self._mark_ready(run.thread_id)

    # -- following -----------------------------------------------------------------------

    async def follow(
        self,
        run: RunRecord,
        *,
        modes: frozenset[str] | None = None,
        last_event_id: str | None = None,
    ) -> Subscription:
        """Join a run's stream (spec 04, joining a run).

        Args:
            run: as read from the storage.
            modes: keep only frames of these modes (`metadata` and `error` always).
            last_event_id: the client's `Last-Event-ID`; only resumable runs can honour it.
        """
        handle = await self.handle_of(run)
        after = parse_frame_id(last_event_id) if last_event_id is not None else None
        if last_event_id is not None and run.resumable and after is None:
            raise InvalidRequest(
                f"Invalid Last-Event-ID {last_event_id!r}: send an id of this stream, or -1."
            )
        replay = run.resumable and after is not None
        return Subscription(
            run.run_id,
            self.storage,
            handle.stream if handle else None,
            modes=modes,
            after=after if replay and after is not None else 0,
            reading_log=replay,
        )

    async def join(self, run: RunRecord, handle: RunHandle | None = None) -> bytes:
        """Wait for the run's real end.

        Args:
            handle: as `submit` or `handle_of` gave it; None looks for it now.

        Returns:
            JSON as `wait` answers it (spec 03, result of wait / join).

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

        The status is read again after the handle stands: an end that is stored from then on
        finds the handle and ends it.
        """
        if run.status not in ACTIVE:
            return None
        known = run.run_id in self._handles
        handle = self._handle(run.run_id, run.thread_id, resumable=run.resumable)
        if known:
            return handle
        latest = await self.storage.get_run(run.run_id)
        if latest is None or latest.status not in ACTIVE:
            self._end_handle(run.run_id, None)
            return None
        return handle

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
        runs = [await self.storage.get_run(run_id) for run_id in run_ids]
        found = [run for run in runs if run is not None and run.thread_id == thread_id]
        if not found:
            raise NotFound(NO_RUNS)
        message = f"{action} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"
        stop = Stop(_STOP_KINDS[action], Cause.CLIENT, actor, message)
        cancelled = [run for run in found if await self._stop(run, stop)]
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
            self.nursery.start_soon(self._stop_disconnected, run_id)

    async def _stop_disconnected(self, run_id: str) -> None:
        message = "client disconnected from the run stream (on_disconnect=cancel)"
        if run := await self.storage.get_run(run_id):
            await self._stop(run, Stop(StopKind.INTERRUPT, Cause.DISCONNECT, None, message))

    async def _stop(self, run: RunRecord, stop: Stop) -> bool:
        """Stop one run, whatever it is doing; False if it had ended.

        A pending run is settled in the database, guarded by its status: if it was claimed in
        the meantime it is running, and its scope is cancelled instead.
        """
        if run.status not in ACTIVE:
            return False
        handle = self._handles.get(run.run_id)
        if not (handle and handle.started):
            if run.status is RunStatus.PENDING:
                with trio.move_on_after(_STORE_SECONDS, shield=True):
                    if await self._settle_pending(run, stop):
                        return True
            # `run` may be out of date: a handle made for a run that has ended would never end.
            latest = await self.storage.get_run(run.run_id)
            if latest is None or latest.status not in ACTIVE:
                return False
        return self._active_handle(run.run_id, run.thread_id).request_stop(stop)

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
        self._end_handle(run.run_id, b"{}")
        if finished.next_pending:
            self._mark_ready(run.thread_id)
        return True

    # -- deleting and holding a thread ---------------------------------------------------

    async def delete_run(self, run: RunRecord, *, actor: str | None = None) -> None:
        """Delete a run and what it wrote; a running one is stopped first.

        Raises:
            NotFound: it is gone already.
        """
        if await self._stop(run, Stop(StopKind.DELETE, Cause.CLIENT, actor)):
            await self.wait_ended(run.run_id)
            return
        if not await self.storage.delete_run(run.run_id, actor=actor):
            raise NotFound("Run not found")

    async def delete_thread(self, thread_id: str, *, actor: str | None = None) -> bool:
        """Stop the thread's run, then delete the thread with all it has; False if unknown."""
        with self._holding(thread_id):
            stop = Stop(StopKind.DELETE, Cause.CLIENT, actor)
            for handle in self._of_thread(thread_id):
                if handle.started:
                    handle.request_stop(stop)
                    await handle.done.wait()
            active = await self.storage.delete_thread(thread_id)
            for run in active or ():
                self._end_handle(run.run_id, b"{}")
            return active is not None

    @asynccontextmanager
    async def quiet(self, thread_id: str) -> AsyncIterator[None]:
        """Hold a thread's lane for a state update: no run of it starts inside the block.

        Raises:
            Conflict: a run is pending or running.
        """
        with self._holding(thread_id):
            busy = await self.storage.list_runs(thread_id, limit=1, offset=0, status="running")
            busy = busy or await self.storage.list_runs(
                thread_id, limit=1, offset=0, status="pending"
            )
            if busy:
                raise Conflict(
                    f"Thread {thread_id} has a run that is pending or running. Wait for it to"
                    " finish or cancel it before you update the state."
                )
            yield

    def _holding(self, thread_id: str) -> _Hold:
        return _Hold(self, thread_id)

    # -- starting ------------------------------------------------------------------------

    async def resume_pending(self) -> None:
        """Take up what is pending in the database (called once, after recovery)."""
        for pending in await self.storage.claimable(limit=1_000_000):
            if pending.not_before is not None:
                self._alarm.set(pending.not_before, pending.thread_id)
            else:
                self._mark_ready(pending.thread_id)

    async def watch_delays(self) -> None:
        """Task: mark threads ready when the delay of one of their runs has passed."""
        while True:
            for thread_id in await self._alarm.due():
                self._mark_ready(thread_id)

    def _mark_ready(self, thread_id: str) -> None:
        self._ready.setdefault(thread_id)
        self._dispatch()

    def _dispatch(self) -> None:
        """Offer free worker places to threads that are ready. Sync: nothing can come between
        the decision and the reservation."""
        while self._ready and self._places < self.options.n_jobs and not self.stopping:
            thread_id = next(iter(self._ready))
            del self._ready[thread_id]
            if thread_id not in self._held:
                self._places += 1
                self.nursery.start_soon(self._start_next, thread_id)

    async def _start_next(self, thread_id: str) -> None:
        """Claim the thread's next run and execute it; owns one worker place from the start."""
        try:
            run = await self.storage.claim_next(thread_id)
            if run is None:
                await self._await_delay(thread_id)
        except StorageError:
            log.exception("a run could not be claimed; trying again", thread_id=thread_id)
            self._alarm.set_in(_RETRY_SECONDS, thread_id)
            run = None
        if run is None:
            self._release_place()
        else:
            await self._run(run)

    async def _await_delay(self, thread_id: str) -> None:
        """Nothing of the thread may start now: if that is for a delay, ring when it is over."""
        now = self._alarm.now()
        for run in await self.storage.list_runs(
            thread_id, limit=1000, offset=0, status=RunStatus.PENDING
        ):
            if run.not_before is not None and datetime.fromisoformat(run.not_before) > now:
                self._alarm.set(run.not_before, thread_id)

    def _release_place(self) -> None:
        self._places -= 1
        self._dispatch()

    # -- one run -------------------------------------------------------------------------

    async def _run(self, run: RunRecord) -> None:
        """Execute a claimed run to its stored end; owns one worker place."""
        handle = self._active_handle(run.run_id, run.thread_id, resumable=run.resumable)
        handle.started = True
        if self.stopping:
            # Claimed while the stop flag was being set: it goes back without having started.
            handle.request_stop(Stop(StopKind.SHUTDOWN, Cause.SHUTDOWN))
        try:
            await self._execute(run, handle)
            await self._settle(run, handle)
        finally:
            self._release_place()

    async def _execute(self, run: RunRecord, handle: RunHandle) -> None:
        """The run's nursery: execution, deadline, stream log.

        The log task is outside the run's cancel scope: what the graph sent before a cancel is
        still stored and delivered.
        """
        started = orjson.dumps({"run_id": run.run_id, "attempt": run.attempt})
        stream = handle.stream
        await stream.continue_numbering()
        async with trio.open_nursery() as nursery:
            if run.resumable:
                nursery.start_soon(self._log_frames, handle)
            stream.send([Part("metadata", "metadata", started)])
            with handle.scope, _deadline(self.options.run_timeout) as deadline:
                try:
                    handle.outcome = await self.executor.execute(run, handle)
                except Exception:
                    # The executor's contract is to report, never to raise: this is our bug.
                    # It ends this run and nothing else.
                    log.exception("the executor failed", run_id=run.run_id)
                    handle.outcome = _internal_error()
            if deadline.cancelled_caught:
                handle.request_stop(Stop(StopKind.DEADLINE, Cause.DEADLINE), cancel=False)
            stream.close_log()

    async def _log_frames(self, handle: RunHandle) -> None:
        try:
            await handle.stream.log_frames()
        except StorageError:
            log.exception("the log of a resumable stream failed", run_id=handle.run_id)
            handle.broken = ErrorInfo("StorageError", "The stream's log could not be written.")
            handle.scope.cancel(reason="stream log failed")

    async def _settle(self, run: RunRecord, handle: RunHandle) -> None:
        """Store the run's end, then tell it; a database that fails is asked again."""
        handle.settling = True
        outcome = handle.outcome or GraphOutcome(GraphEnd.CANCELLED, values=None)
        if handle.broken is not None:
            outcome = evolve(outcome, end=GraphEnd.FAILED, error=handle.broken)
        conclusion = conclude(handle.stop, outcome)
        with trio.move_on_after(_STORE_SECONDS, shield=True):
            while handle.run_id in self._handles:
                try:
                    await self._store_end(run, handle, conclusion)
                except StorageError:
                    log.exception("the end of a run could not be stored", run_id=run.run_id)
                    await trio.sleep(_RETRY_SECONDS)
        if handle.run_id in self._handles:
            # Followers see a break, and the next start of the server recovers the run.
            log.critical("gave up storing the end of a run", run_id=run.run_id)
            handle.stream.break_off()
            self._forget(handle)

    async def _store_end(self, run: RunRecord, handle: RunHandle, conclusion: Conclusion) -> None:
        if conclusion.act is Act.REQUEUE:
            await self.storage.requeue_run(
                run.run_id, cause=conclusion.cause, actor=conclusion.actor
            )
            handle.stream.break_off()
            self._forget(handle)
            return
        if conclusion.act is Act.ROLLBACK:
            finished = await self.storage.rollback_run(
                run.run_id, cause=conclusion.cause, actor=conclusion.actor
            )
        else:
            last = None
            if conclusion.error is not None:
                error = Part("error", "error", error_json(conclusion.error))
                last = await handle.stream.log_last(error)
            finished = await self.storage.finish_run(
                run.run_id,
                conclusion.status,
                conclusion.thread,
                cause=conclusion.cause,
                actor=conclusion.actor,
            )
            if last is not None:
                handle.stream.publish_last(last)
        self._end_handle(run.run_id, conclusion.result)
        if finished is not None and finished.next_pending:
            self._mark_ready(run.thread_id)

    # -- shutting down -------------------------------------------------------------------

    async def shut_down(self) -> None:
        """Stop in good order; returns when every run has ended or is pending again.

        Running graphs are asked to stop at their next step, their streams still open; after
        the grace period the rest is cancelled. Nothing of it counts as the client's doing.
        """
        self.stopping = True
        running = [handle for handle in self._handles.values() if handle.started]
        for handle in running:
            handle.request_stop(Stop(StopKind.SHUTDOWN, Cause.SHUTDOWN), cancel=False)
            self.executor.request_drain(handle.run_id)
        with trio.move_on_after(self.options.shutdown_grace):
            await _all_ended(running)
        for handle in list(self._handles.values()):
            if handle.started:
                handle.scope.cancel(reason="shutdown grace is over")
            else:
                handle.stream.break_off()
                self._forget(handle)
        await _all_ended(running)

    # -- handles -------------------------------------------------------------------------

    @property
    def executing(self) -> Mapping[str, RunHandle]:
        """Run id to handle of the runs that have been started and have not ended."""
        return {run_id: handle for run_id, handle in self._handles.items() if handle.started}

    def _handle(self, run_id: str, thread_id: str, *, resumable: bool) -> RunHandle:
        handle = self._handles.get(run_id)
        if handle is None:
            stream = RunStream(run_id, resumable, self.storage, self.options.subscriber_buffer)
            handle = self._handles[run_id] = RunHandle(run_id, thread_id, stream)
        return handle

    def _active_handle(self, run_id: str, thread_id: str, *, resumable: bool = False) -> RunHandle:
        """The handle of a run that is known to be running.

        A stop may come between the claim's commit and the first step of `_run`; it is then
        left on the handle, which `_run` finds.
        """
        handle = self._handle(run_id, thread_id, resumable=resumable)
        handle.stream.resumable = handle.stream.resumable or resumable
        return handle

    def _of_thread(self, thread_id: str) -> Iterable[RunHandle]:
        return [handle for handle in self._handles.values() if handle.thread_id == thread_id]

    def _end_handle(self, run_id: str, result: bytes | None) -> None:
        if handle := self._handles.get(run_id):
            handle.stream.end(result)
            self._forget(handle)

    def _forget(self, handle: RunHandle) -> None:
        self._handles.pop(handle.run_id, None)
        handle.done.set()


class _Hold:
    """Holds a thread's lane; when the last hold is gone the thread may start runs again."""

    def __init__(self, supervisor: Supervisor, thread_id: str) -> None:
        self._supervisor = supervisor
        self._thread_id = thread_id

    def __enter__(self) -> None:
        held = self._supervisor._held
        held[self._thread_id] = held.get(self._thread_id, 0) + 1

    def __exit__(self, *exc: object) -> None:
        held = self._supervisor._held
        held[self._thread_id] -= 1
        if not held[self._thread_id]:
            del held[self._thread_id]
            self._supervisor._mark_ready(self._thread_id)


def _deadline(seconds: float | None) -> trio.CancelScope:
    return trio.CancelScope() if seconds is None else trio.move_on_after(seconds)


def _internal_error() -> GraphOutcome:
    error = ErrorInfo("InternalError", "An internal error occurred")
    return GraphOutcome(GraphEnd.FAILED, values=None, error=error)


async def _all_ended(handles: Iterable[RunHandle]) -> None:
    for handle in handles:
        await handle.done.wait()
