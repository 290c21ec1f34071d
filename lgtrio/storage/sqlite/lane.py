"""Into the lane and into RUNNING: creating and claiming runs.

A lane is a thread's active runs in order of creation; at most one of them runs.
"""

from __future__ import annotations

import orjson
from attrs import frozen

from lgtrio.errors import NotFound, ThreadBusy
from lgtrio.storage.interface import (
    Cause,
    CreatedRun,
    Decide,
    Displacement,
    Json,
    LaneRun,
    NewRun,
    NewThread,
    RunRecord,
)
from lgtrio.storage.sqlite import runs, threads
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
    _need_thread(tx, new.thread_id, thread)
    active = threads.active_runs(tx.connection, new.thread_id)
    decision = decide(active, new.multitask_strategy)
    if decision.rejected:
        raise ThreadBusy
    settled = [
        _displace_pending(tx, lane_run, decision.displace[lane_run.run_id], by=new.run_id)
        for lane_run in active
        if lane_run.run_id in decision.displace and lane_run.status is RunStatus.PENDING
    ]
    created = runs.insert(tx, new, actor=actor)
    claimed = _claim(tx, new.thread_id, only=new.run_id) if claim else None
    threads.settle_status(tx, new.thread_id)
    to_cancel = {
        lane_run.run_id: decision.displace[lane_run.run_id]
        for lane_run in active
        if lane_run.run_id in decision.displace and lane_run.status is RunStatus.RUNNING
    }
    return CreatedRun(run=created, claimed=claimed, settled=settled, to_cancel=to_cancel)


def claim_next(tx: Tx, thread_id: str, *, only: str | None) -> RunRecord | None:
    claimed = _claim(tx, thread_id, only=only)
    if claimed is not None:
        threads.settle_status(tx, thread_id)
    return claimed


def _claim(tx: Tx, thread_id: str, *, only: str | None) -> RunRecord | None:
    """Start the lane's next run if it may start now (and is `only`, where that is given)."""
    run = runs.next_to_start(tx.connection, thread_id, at=tx.at)
    if run is None or only not in {None, run.record.run_id}:
        return None
    return _start(tx, run)


def _need_thread(tx: Tx, thread_id: str, thread: NewThread | None) -> None:
    if thread is not None:
        threads.create_thread(tx, thread, exist_ok=True)
    if not threads.exists(tx, thread_id):
        raise NotFound(NO_THREAD)


def _displace_pending(tx: Tx, lane_run: LaneRun, how: Displacement, *, by: str) -> LaneRun:
    stored = runs.find(tx.connection, lane_run.run_id)
    assert stored is not None, lane_run
    if how is Displacement.ROLLBACK:
        undo(tx, stored, cause=Cause.DISPLACED, actor=by)
        return lane_run
    runs.move(tx, stored.record, RunStatus.INTERRUPTED, cause=Cause.DISPLACED, actor=by)
    return LaneRun(lane_run.run_id, RunStatus.INTERRUPTED)


# -- what a claim does to the thread row, and how it is undone -----------------------------


@frozen
class _Before:
    """What the thread row held before a run was claimed, as far as the claim changed it."""

    metadata: dict[str, object]
    """Of the keys that the claim writes, those that were there."""
    config: str
    """JSON text, so that it comes back letter for letter."""

    def to_json(self) -> Json:
        return orjson.dumps({"metadata": self.metadata, "config": self.config})

    @classmethod
    def from_json(cls, text: Json) -> _Before:
        return cls(**orjson.loads(text))


def _start(tx: Tx, run: runs.StoredRun) -> RunRecord:
    """PENDING to RUNNING; graph, assistant and config of the run become the thread's."""
    _mark_thread(tx, run)
    return runs.move(tx, run.record, RunStatus.RUNNING, cause=Cause.SCHEDULER)


def _mark_thread(tx: Tx, run: runs.StoredRun) -> None:
    thread_id, marks = run.record.thread_id, _marks(run.record)
    metadata = threads.stored_metadata(tx, thread_id) or {}
    if run.before is None:
        found = {key: metadata[key] for key in marks if key in metadata}
        before = _Before(found, _config(tx, thread_id))
    else:
        before = _patched_since(_Before.from_json(run.before), metadata, marks)
    tx.execute("UPDATE runs SET before = ? WHERE run_id = ?", (before.to_json(), run.record.run_id))
    threads.set_metadata(tx, thread_id, {**metadata, **marks})
    _set_config(tx, thread_id, run.thread_config)


def _patched_since(
    before: _Before, metadata: dict[str, object], marks: dict[str, object]
) -> _Before:
    """A second claim finds its own marks, and what a client has put over them meanwhile."""
    patched = {key: metadata[key] for key in marks if metadata.get(key) != marks[key]}
    return _Before({**before.metadata, **patched}, before.config)


def undo(
    tx: Tx,
    run: runs.StoredRun,
    *,
    cause: Cause,
    actor: str | None,
    asked: float | None = None,
) -> None:
    """Delete an active run and put back what its claim changed on the thread row.

    A key that a client has patched since then keeps the client's value.
    """
    runs.remove(tx, run.record, cause=cause, actor=actor, asked=asked)
    if run.before is None:
        return
    thread_id, before = run.record.thread_id, _Before.from_json(run.before)
    metadata = threads.stored_metadata(tx, thread_id) or {}
    for key, written in _marks(run.record).items():
        if metadata.get(key) != written:
            continue
        if key in before.metadata:
            metadata[key] = before.metadata[key]
        else:
            del metadata[key]
    threads.set_metadata(tx, thread_id, metadata)
    _set_config(tx, thread_id, before.config.encode())


def _marks(run: RunRecord) -> dict[str, object]:
    return {"graph_id": run.graph_id, "assistant_id": run.assistant_id}


def _config(tx: Tx, thread_id: str) -> str:
    row = tx.one("SELECT CAST(config AS TEXT) FROM threads WHERE thread_id = ?", (thread_id,))
    return row[0] if row else "{}"


def _set_config(tx: Tx, thread_id: str, config: Json) -> None:
    tx.execute("UPDATE threads SET config = ? WHERE thread_id = ?", (config, thread_id))
