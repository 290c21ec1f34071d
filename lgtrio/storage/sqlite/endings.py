"""Out of the lane: runs that end, go back, are undone or deleted."""

from __future__ import annotations

from lgtrio.errors import IllegalTransition
from lgtrio.storage.interface import Cause, FinishedRun, RunRecord, ThreadOutcome
from lgtrio.storage.sqlite import runs, threads
from lgtrio.storage.sqlite.lane import undo
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import TERMINAL, RunStatus


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
) -> FinishedRun | None:
    run = _active(tx, run_id, only)
    if run is None:
        return None
    if status not in TERMINAL:
        raise IllegalTransition(run_id, run.record.status, status)
    ended = runs.move(tx, run.record, status, cause=cause, actor=actor, asked=asked)
    if thread is not None:
        threads.leave_outcome(tx, ended.thread_id, thread)
    return _finished(tx, ended, cause=cause)


def requeue_run(
    tx: Tx, run_id: str, *, cause: Cause, actor: str | None, asked: float | None
) -> bool:
    run = _active(tx, run_id, RunStatus.RUNNING)
    if run is None:
        return False
    runs.move(tx, run.record, RunStatus.PENDING, cause=cause, actor=actor, asked=asked)
    threads.settle_status(tx, run.record.thread_id)
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
    return _finished(tx, run.record, cause=cause)


def delete_run(tx: Tx, run_id: str, *, actor: str | None) -> bool:
    run = runs.find(tx.connection, run_id)
    if run is None or run.record.status is RunStatus.RUNNING:
        return False
    if run.active:
        undo(tx, run, cause=Cause.CLIENT, actor=actor)
    else:
        runs.remove(tx, run.record, cause=Cause.CLIENT, actor=actor)
    _finished(tx, run.record, cause=Cause.CLIENT)
    return True


def _active(tx: Tx, run_id: str, only: RunStatus | None) -> runs.StoredRun | None:
    run = runs.find(tx.connection, run_id)
    if run is None or not run.active:
        return None
    if only is not None and run.record.status is not only:
        return None
    return run


def _finished(tx: Tx, run: RunRecord, *, cause: Cause) -> FinishedRun:
    others = threads.active_runs(tx.connection, run.thread_id)
    if run.temporary and not others:
        actor = f"thread of the stateless run {run.run_id}"
        threads.remove(tx, run.thread_id, cause=cause, actor=actor)
        return FinishedRun(run=run, thread=None, next_pending=False)
    thread = threads.refresh(tx, run.thread_id)
    waiting = any(other.status is RunStatus.PENDING for other in others)
    return FinishedRun(run=run, thread=thread, next_pending=waiting)
