"""Into the lane and into RUNNING: creating and claiming runs.

A lane is a thread's active runs in order of creation; at most one of them runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from lgtrio.errors import NotFound, ThreadBusy
from lgtrio.storage.interface import (
    Cause,
    CreatedRun,
    Decide,
    Displacement,
    LaneRun,
    NewRun,
    NewThread,
    RunOrder,
    RunRecord,
)
from lgtrio.storage.sqlite import crons, runs, threads, webhooks
from lgtrio.storage.sqlite.marks import mark, unmark
from lgtrio.storage.sqlite.stops import stop_runs
from lgtrio.storage.sqlite.thread_ttl import give_ttl
from lgtrio.storage.sqlite.threads import ThreadHead
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import RunStatus

NO_THREAD = "Thread or assistant not found."


def create_run(
    tx: Tx,
    new: NewRun,
    *,
    decide: Decide,
    thread: NewThread | None,
    claim: bool,
    actor: str | None,
) -> CreatedRun:
    if new.firing is not None:
        crons.fire(tx, new.firing)
    head = _head(tx, new, thread)
    active = threads.active_runs(tx.connection, new.thread_id) if head.busy else []
    decision = decide(active, new.multitask_strategy)
    if decision.rejected:
        raise ThreadBusy
    settled = [
        _displace_pending(tx, lane_run, decision.displace[lane_run.run_id], by=new.run_id)
        for lane_run in active
        if lane_run.run_id in decision.displace and lane_run.status is RunStatus.PENDING
    ]
    if settled:  # undoing one may have changed the thread's row
        head = threads.find_head(tx, new.thread_id) or head
    claimed: RunRecord | None
    may_start = claim and (new.not_before is None or new.not_before <= tx.at)
    if may_start and len(settled) == len(active):
        created, claimed = _insert_running(tx, new, head, actor=actor)
    else:
        created = runs.insert(tx, new, actor=actor)
        threads.occupy(tx, new.thread_id, head)
        claimed = claim_next(tx, new.thread_id, only=new.run_id) if may_start else None
    to_cancel = {
        lane_run.run_id: decision.displace[lane_run.run_id].stop(by=new.run_id)
        for lane_run in active
        if lane_run.run_id in decision.displace and lane_run.status is RunStatus.RUNNING
    }
    for run_id, stop in to_cancel.items():
        stop_runs(tx, [run_id], stop)
    return CreatedRun(run=created, claimed=claimed, settled=settled, to_cancel=to_cancel)


def create_runs(
    tx: Tx, orders: Sequence[RunOrder], *, decide: Decide, actor: str | None
) -> Sequence[CreatedRun]:
    return [
        create_run(tx, each.run, decide=decide, thread=each.thread, claim=False, actor=actor)
        for each in orders
    ]


def claim_next(tx: Tx, thread_id: str, *, only: str | None) -> RunRecord | None:
    run = runs.next_to_start(tx.connection, thread_id, at=tx.at)
    if run is None or only not in {None, run.record.run_id}:
        return None
    head = threads.find_head(tx, thread_id)
    assert head is not None, thread_id
    marked, before = mark(head, run.record, run.thread_config, before=run.before)
    threads.occupy(tx, thread_id, marked)
    return runs.move(tx, run.record, RunStatus.RUNNING, cause=Cause.SCHEDULER, before=before)


def _head(tx: Tx, new: NewRun, thread: NewThread | None) -> ThreadHead:
    """The thread's, or that of the one to be made.

    Raises:
        NotFound: there is none, and none is to be made.
    """
    head = threads.find_head(tx, new.thread_id)
    if head is not None:
        return head
    if thread is None:
        raise NotFound(NO_THREAD)
    if not new.temporary:
        give_ttl(tx, thread)
    return ThreadHead(metadata=thread.metadata)


def _insert_running(
    tx: Tx, new: NewRun, head: ThreadHead, *, actor: str | None
) -> tuple[RunRecord, RunRecord]:
    """Start the run as it is created: the lane is free, so it is what `claim_next` would take."""
    marked, before = mark(head, new, new.thread_config)
    inserted = runs.insert_running(tx, new, before, actor=actor)
    threads.occupy(tx, new.thread_id, marked)
    return inserted


def _displace_pending(tx: Tx, lane_run: LaneRun, how: Displacement, *, by: str) -> LaneRun:
    stored = runs.find(tx.connection, lane_run.run_id)
    assert stored is not None, lane_run
    if how is Displacement.ROLLBACK:
        undo(tx, stored, cause=Cause.DISPLACED, actor=by)
        return lane_run
    interrupted = RunStatus.INTERRUPTED
    ended = runs.move(tx, stored.record, interrupted, cause=Cause.DISPLACED, actor=by)
    webhooks.queue_end(tx, stored.record, ended, None, None)
    return LaneRun(lane_run.run_id, RunStatus.INTERRUPTED)


def undo(
    tx: Tx,
    run: runs.StoredRun,
    *,
    cause: Cause,
    actor: str | None,
    asked: float | None = None,
) -> None:
    """Delete an active run and put back what its claim changed on the thread row."""
    runs.remove(tx, run.record, cause=cause, actor=actor, asked=asked)
    webhooks.queue_rollback(tx, run.record)
    if run.before is None:
        return
    thread_id = run.record.thread_id
    head = threads.find_head(tx, thread_id)
    if head is not None:
        threads.write_head(tx, thread_id, unmark(head, run.record, run.before))
