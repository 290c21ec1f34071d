"""One claimed run, from its start to its stored end."""

from __future__ import annotations

from typing import Final

import orjson
import structlog
import trio
from attrs import define, evolve, field

from lgtrio.errors import StorageError
from lgtrio.runs.errands import STORE_SECONDS
from lgtrio.runs.executor import (
    ErrorInfo,
    Executor,
    GraphEnd,
    GraphOutcome,
    LastWritesFailed,
    Part,
)
from lgtrio.runs.handles import Handles, RunHandle
from lgtrio.runs.stops import Act, Conclusion, conclude, error_json
from lgtrio.runs.thread_streams import ThreadStreams
from lgtrio.storage.interface import (
    Cause,
    Frame,
    RunRecord,
    SettleWrites,
    Stop,
    StopKind,
    Storage,
)

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 1.0
"""Pause before the database is asked again after it failed."""


@define(eq=False)
class Execution:
    """Executes runs; what all of them need."""

    storage: Storage
    executor: Executor
    handles: Handles
    threads: ThreadStreams
    run_timeout: float | None
    stopping: bool = field(default=False, init=False)
    """The server goes down: the end of a run that cannot be stored is left to the next start."""

    async def run(self, run: RunRecord, handle: RunHandle) -> bool:
        """Execute a claimed run to its stored end.

        Returns:
            Whether another run of the thread may be waiting.

        Cancellation: as a crash; the next start of the server recovers the run. An end that is
        being stored is stored.
        """
        await self._execute(run, handle)
        return await self._settle(run, handle)

    async def end_stopped(self, run: RunRecord, handle: RunHandle) -> bool:
        """End a run as its handle's stop wants, where the process that was executing it has died.

        Returns, cancellation: as `run`.
        """
        if run.resumable:
            await _continue_numbering(handle)
        handle.outcome = await self._stored_outcome(run)
        return await self._settle(run, handle)

    async def _stored_outcome(self, run: RunRecord) -> GraphOutcome:
        try:
            return await self.executor.stored_outcome(run)
        except Exception:  # as in `_execute_graph`
            log.exception("the executor failed", run_id=run.run_id)
            return GraphOutcome(GraphEnd.CANCELLED, values=None)

    async def _execute(self, run: RunRecord, handle: RunHandle) -> None:
        """The run's nursery: execution, deadline, stream log.

        The log task is outside the run's cancel scope: what the graph sent before a cancel is
        still stored and delivered.
        """
        if not run.resumable:
            await self._execute_within_limits(run, handle, log=None)
            return
        async with trio.open_nursery() as nursery:
            await self._execute_within_limits(run, handle, log=nursery)
            handle.stream.close_log()

    async def _execute_within_limits(
        self, run: RunRecord, handle: RunHandle, *, log: trio.Nursery | None
    ) -> None:
        """Under the run's cancel scope and its deadline.

        Args:
            log: for the task that stores what is streamed.
        """
        if self.run_timeout is None:
            await self._execute_in_scope(run, handle, log)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_after, self.run_timeout, handle)
            await self._execute_in_scope(run, handle, log)
            nursery.cancel_scope.cancel(reason="the run has ended")

    async def _stop_after(self, seconds: float, handle: RunHandle) -> None:
        """Stop a run that takes too long; outside its scope, so that the stop can be stored."""
        await trio.sleep(seconds)
        stop = Stop(StopKind.DEADLINE, Cause.DEADLINE)
        if handle.scope.cancel_called or not handle.request_stop(stop):
            return  # it is being stopped already
        try:
            await self.storage.stop_runs([handle.run_id], stop)
        except StorageError:  # a start of the server in its grace time gives it the time again
            log.exception("a deadline could not be stored", run_id=handle.run_id)

    async def _execute_in_scope(
        self, run: RunRecord, handle: RunHandle, log: trio.Nursery | None
    ) -> None:
        with handle.scope:
            if log is not None:
                await _continue_numbering(handle)
                log.start_soon(_log_frames, handle)
            await self._execute_graph(run, handle)

    async def _execute_graph(self, run: RunRecord, handle: RunHandle) -> None:
        self.threads.run_started(handle)
        started = orjson.dumps({"run_id": run.run_id, "attempt": run.attempt})
        handle.stream.send([Part("metadata", "metadata", started)])
        try:
            handle.outcome = await self.executor.execute(run, handle)
        except Exception:
            # The executor's contract is to report, never to raise: this is our bug.
            # It ends this run and nothing else.
            log.exception("the executor failed", run_id=run.run_id)
            handle.outcome = _internal_error()

    # -- storing the end -----------------------------------------------------------------

    async def _settle(self, run: RunRecord, handle: RunHandle) -> bool:
        """Store the run's end, then tell it; a database that fails is asked again."""
        handle.settling = True
        conclusion, last = _end_of(handle)
        give_up_at = trio.current_time() + STORE_SECONDS
        while not (self.stopping and trio.current_time() >= give_up_at):
            with trio.move_on_after(STORE_SECONDS, shield=True):
                try:
                    return await self._store_end(run, handle, conclusion, last)
                except LastWritesFailed as lost:
                    log.exception("a run's last writes failed", run_id=run.run_id)
                    handle.outcome = await _outcome_without(lost, handle)
                    conclusion, last = _end_of(handle, last)
                    continue
                except StorageError:
                    log.exception("the end of a run could not be stored", run_id=run.run_id)
            await trio.sleep(RETRY_SECONDS)
        log.critical("gave up storing the end of a run", run_id=run.run_id)
        self.handles.break_off(handle)
        return False

    async def _store_end(
        self, run: RunRecord, handle: RunHandle, conclusion: Conclusion, last: Frame | None
    ) -> bool:
        """Each write may be repeated: the second time it finds the run ended, and that is all."""
        cause, actor = conclusion.cause, conclusion.actor
        asked = None if cause is Cause.GRAPH else handle.stop_asked
        if conclusion.act is Act.REQUEUE:
            await self.storage.requeue_run(run.run_id, cause=cause, actor=actor, asked=asked)
            self.handles.break_off(handle)
            return False
        if conclusion.act is Act.ROLLBACK:
            finished = await self.storage.rollback_run(
                run.run_id, cause=cause, actor=actor, asked=asked
            )
        else:
            if last is not None:
                await handle.stream.log_last(last)
            finished = await self.storage.finish_run(
                run.run_id,
                conclusion.status,
                conclusion.thread,
                cause=cause,
                actor=actor,
                asked=asked,
                last_writes=_last_writes_of(handle),
            )
        if last is not None:
            handle.stream.publish_last(last)
        self.handles.end(run.run_id, conclusion.result)
        if finished is not None and finished.thread is None:
            self.threads.thread_deleted(run.thread_id)
        return finished is None or finished.next_pending


async def _continue_numbering(handle: RunHandle) -> None:
    """Go on after the frames of earlier attempts, once the database tells how many they are."""
    while True:
        try:
            return await handle.stream.continue_numbering()
        except StorageError:
            log.exception("the log of a resumable stream failed", run_id=handle.run_id)
            await trio.sleep(RETRY_SECONDS)


async def _log_frames(handle: RunHandle) -> None:
    try:
        await handle.stream.log_frames()
    except StorageError:
        log.exception("the log of a resumable stream failed", run_id=handle.run_id)
        handle.fail(ErrorInfo("StorageError", "The stream's log could not be written."))


def _last_writes_of(handle: RunHandle) -> SettleWrites | None:
    outcome = handle.outcome
    return None if outcome is None or outcome.last_writes is None else outcome.last_writes.settle


async def _outcome_without(lost: LastWritesFailed, handle: RunHandle) -> GraphOutcome:
    """What a run has left whose last writes have failed."""
    assert handle.outcome is not None
    assert handle.outcome.last_writes is not None
    try:
        return await trio.to_thread.run_sync(
            handle.outcome.last_writes.outcome, abandon_on_cancel=True
        )
    except Exception:  # LangGraph's code over the user's channels; the run ends all the same
        log.exception("the state of a run could not be read", run_id=handle.run_id)
        error = ErrorInfo("StorageError", str(lost.__cause__))
        return GraphOutcome(GraphEnd.FAILED, values=None, error=error)


def _end_of(handle: RunHandle, last: Frame | None = None) -> tuple[Conclusion, Frame | None]:
    """How the run ends, and the last frame of its stream if it ends with an error.

    Args:
        last: what was to be that frame when the end was tried to be stored before. It may be in
            the log, and is not followed by another.
    """
    conclusion = _conclude(handle)
    if conclusion.error is None or last is not None:
        return conclusion, last
    error = Part("error", "error", error_json(conclusion.error))
    return conclusion, handle.stream.number(error)


def _conclude(handle: RunHandle) -> Conclusion:
    outcome = handle.outcome or GraphOutcome(GraphEnd.CANCELLED, values=None)
    if handle.broken is not None:
        outcome = evolve(outcome, end=GraphEnd.FAILED, error=handle.broken)
    return conclude(handle.stop, outcome)


def _internal_error() -> GraphOutcome:
    error = ErrorInfo("InternalError", "An internal error occurred")
    return GraphOutcome(GraphEnd.FAILED, values=None, error=error)
