"""Out of the lane: runs that end, go back, are undone or deleted."""

from __future__ import annotations

from attrs import evolve

from lgtrio.errors import IllegalTransition
from lgtrio.storage.interface import (
    Cause,
    FinishedRun,
    RunRecord,
    SettleWrites,
    ThreadOutcome,
    ThreadRecord,
)
from lgtrio.storage.sqlite import journal, kept_streams, runs, threads, webhooks
from lgtrio.storage.sqlite.journal import Change
from lgtrio.storage.sqlite.lane import undo
from lgtrio.storage.sqlite.stops import stop_of
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import TERMINAL, RunStatus, ThreadStatus


def finish_run(
    tx: Tx,
    run_id: str,
    status: RunStatus,
    thread: ThreadOutcome | None,
    *,
    cause: Cause,
    actor: str | None,
    asked: float | None,
    only: RunStatus | None,
    last_writes: SettleWrites | None,
) -> FinishedRun | None:
    run = _active(tx, run_id, only)
    if run is None:
        return None
    if status not in TERMINAL:
        raise IllegalTransition(run_id, run.record.status, status)
    thread_goes = run.record.temporary and run.sole
    if last_writes is not None:
        last_writes(tx.connection, thread_goes=thread_goes)
    if thread_goes:
        return _end_with_thread(
            tx, run.record, status, thread, cause=cause, actor=actor, asked=asked
        )
    ended = runs.move(tx, run.record, status, cause=cause, actor=actor, asked=asked)
    if thread is None:
        left = threads.settle(tx, ended.thread_id)
    else:
        left = threads.leave_outcome(tx, ended.thread_id, thread)
    webhooks.queue_end(tx, run.record, ended, thread, left)
    if _goes_with_thread(ended, left):
        kept_streams.keep(tx, ended)
    return _finished(tx, ended, left, cause=cause)


def _end_with_thread(
    tx: Tx,
    run: RunRecord,
    status: RunStatus,
    thread: ThreadOutcome | None,
    *,
    cause: Cause,
    actor: str | None,
    asked: float | None,
) -> FinishedRun:
    """The end of nearly every stateless run: no row is written that is deleted at once."""
    runs.check_move(run, status)
    reason = journal.cancel_reason(status, cause, actor)
    ended = evolve(run, status=status, updated_at=tx.at, cancel_reason=reason)
    journal.append(
        tx,
        Change(run, run.status, status, cause, actor, asked),
        Change(run, status, None, cause, _thread_of(run)),
    )
    kept_streams.keep(tx, ended)
    threads.delete_row(tx, run.thread_id)
    webhooks.queue_end(tx, run, ended, thread, None)
    return FinishedRun(thread=None, next_pending=False)


def requeue_run(
    tx: Tx, run_id: str, *, cause: Cause, actor: str | None, asked: float | None
) -> bool:
    run = _active(tx, run_id, RunStatus.RUNNING)
    if run is None or stop_of(tx, run_id) is not None:
        return False
    runs.move(tx, run.record, RunStatus.PENDING, cause=cause, actor=actor, asked=asked)
    threads.settle(tx, run.record.thread_id)
    return True


def rollback_run(
    tx: Tx,
    run_id: str,
    *,
    cause: Cause,
    actor: str | None,
    asked: float | None,
    only: RunStatus | None,
) -> FinishedRun | None:
    run = _active(tx, run_id, only)
    if run is None:
        return None
    undo(tx, run, cause=cause, actor=actor, asked=asked)
    left = threads.settle(tx, run.record.thread_id)
    return _finished(tx, run.record, left, cause=cause)


def delete_run(tx: Tx, run_id: str, *, actor: str | None) -> bool:
    run = runs.find(tx.connection, run_id)
    if run is None or run.record.status is RunStatus.RUNNING:
        return False
    if run.active:
        undo(tx, run, cause=Cause.CLIENT, actor=actor)
    else:
        runs.remove(tx, run.record, cause=Cause.CLIENT, actor=actor)
    left = threads.settle(tx, run.record.thread_id)
    _finished(tx, run.record, left, cause=Cause.CLIENT)
    return True


def _active(tx: Tx, run_id: str, only: RunStatus | None) -> runs.StoredRun | None:
    run = runs.find_to_end(tx.connection, run_id)
    if run is None or not run.active:
        return None
    if only is not None and run.record.status is not only:
        return None
    return run


def _finished(tx: Tx, run: RunRecord, thread: ThreadRecord | None, *, cause: Cause) -> FinishedRun:
    """
    Args:
        thread: as settled after the run has left the lane.
    """
    if _goes_with_thread(run, thread):
        threads.remove(tx, run.thread_id, cause=cause, actor=_thread_of(run))
        return FinishedRun(thread=None, next_pending=False)
    busy = thread is not None and thread.status is ThreadStatus.BUSY
    others = threads.active_runs(tx.connection, run.thread_id) if busy else []
    waiting = any(other.status is RunStatus.PENDING for other in others)
    return FinishedRun(thread=thread, next_pending=waiting)


def _goes_with_thread(run: RunRecord, thread: ThreadRecord | None) -> bool:
    """Whether its thread was made for this run, and no other run needs it."""
    return run.temporary and (thread is None or thread.status is not ThreadStatus.BUSY)


def _thread_of(run: RunRecord) -> str:
    """The actor of what is deleted because its thread was made for this run."""
    return f"thread of the stateless run {run.run_id}"
