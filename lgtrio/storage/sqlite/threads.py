"""Rows of `threads` and their values, and how a thread is deleted with all that is its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson
from attrs import evolve

from lgtrio.errors import AlreadyExists, Conflict
from lgtrio.storage.interface import (
    Cause,
    Json,
    LaneRun,
    NewThread,
    ThreadOutcome,
    ThreadRecord,
)
from lgtrio.storage.sqlite import journal
from lgtrio.storage.sqlite.checkpoints import delete_thread_rows
from lgtrio.storage.sqlite.transaction import Row, Tx, one
from lgtrio.wire.enums import RunStatus, ThreadStatus

_SELECT: Final = (
    "SELECT thread_id, created_at, updated_at, state_updated_at, CAST(metadata AS BLOB), config,"
    " status, rest_status, value, interrupts, error"
    " FROM threads LEFT JOIN thread_values USING (thread_id) WHERE thread_id = ?"
)


def create_thread(tx: Tx, new: NewThread, *, exist_ok: bool) -> ThreadRecord:
    inserted = tx.execute(
        "INSERT INTO threads (thread_id, created_at, updated_at, state_updated_at, metadata,"
        " config, status, rest_status, interrupts)"
        " VALUES (?, ?, ?, ?, CAST(? AS TEXT), x'7b7d', 'idle', 'idle', x'7b7d')"
        " ON CONFLICT DO NOTHING",
        (new.thread_id, tx.at, tx.at, tx.at, new.metadata),
    )
    if not inserted and not exist_ok:
        raise AlreadyExists(f"Thread with ID {new.thread_id} already exists")
    return _existing(tx, new.thread_id)


def get_thread(connection: sqlite3.Connection, thread_id: str) -> ThreadRecord | None:
    row = one(connection, _SELECT, (thread_id,))
    return None if row is None else _record(row)


def patch_thread(tx: Tx, thread_id: str, metadata: Json) -> ThreadRecord | None:
    stored = stored_metadata(tx, thread_id)
    if stored is None:
        return None
    set_metadata(tx, thread_id, {**stored, **orjson.loads(metadata)})
    return _existing(tx, thread_id)


def set_thread_state(tx: Tx, thread_id: str, outcome: ThreadOutcome) -> ThreadRecord | None:
    if active_runs(tx.connection, thread_id):
        raise Conflict(f"Thread {thread_id} has in-flight runs.")
    if not exists(tx, thread_id):
        return None
    leave_outcome(tx, thread_id, outcome)
    return refresh(tx, thread_id)


def delete_thread(tx: Tx, thread_id: str, *, actor: str | None) -> Sequence[LaneRun] | None:
    if not exists(tx, thread_id):
        return None
    active = active_runs(tx.connection, thread_id)
    remove(tx, thread_id, cause=Cause.CLIENT, actor=actor)
    return active


# -- what the runs' operations use ---------------------------------------------------------


def exists(tx: Tx, thread_id: str) -> bool:
    return tx.one("SELECT 1 FROM threads WHERE thread_id = ?", (thread_id,)) is not None


def active_runs(connection: sqlite3.Connection, thread_id: str) -> list[LaneRun]:
    """The thread's lane: pending and running runs, oldest first."""
    rows = connection.execute(
        "SELECT run_id, status FROM runs"
        " WHERE thread_id = ? AND status IN ('pending', 'running') ORDER BY seq",
        (thread_id,),
    ).fetchall()
    return [LaneRun(run_id, RunStatus(status)) for run_id, status in rows]


def stored_metadata(tx: Tx, thread_id: str) -> dict[str, object] | None:
    row = tx.one("SELECT metadata FROM threads WHERE thread_id = ?", (thread_id,))
    if row is None:
        return None
    metadata: dict[str, object] = orjson.loads(row[0])
    return metadata


def set_metadata(tx: Tx, thread_id: str, metadata: dict[str, object]) -> None:
    tx.execute(
        "UPDATE threads SET metadata = CAST(? AS TEXT), updated_at = ? WHERE thread_id = ?",
        (orjson.dumps(metadata), tx.at, thread_id),
    )


def leave_outcome(tx: Tx, thread_id: str, outcome: ThreadOutcome) -> None:
    """Write what a run or a state update leaves; `refresh` has to follow."""
    tx.execute(
        "UPDATE threads SET rest_status = ?, interrupts = ?, error = ? WHERE thread_id = ?",
        (outcome.rest_status, outcome.interrupts, outcome.error, thread_id),
    )
    if outcome.values is None:
        return
    changed = tx.execute(
        "INSERT INTO thread_values (thread_id, value) VALUES (?, ?)"
        " ON CONFLICT (thread_id) DO UPDATE SET value = excluded.value"
        " WHERE value IS NOT excluded.value",
        (thread_id, outcome.values),
    )
    if changed:
        tx.execute(
            "UPDATE threads SET state_updated_at = ? WHERE thread_id = ?", (tx.at, thread_id)
        )


def refresh(tx: Tx, thread_id: str) -> ThreadRecord:
    """Make `status` agree with the thread's runs; part of every change of a run."""
    settle_status(tx, thread_id)
    return _existing(tx, thread_id)


def settle_status(tx: Tx, thread_id: str) -> None:
    tx.execute(
        "UPDATE threads SET updated_at = ?1, status = CASE WHEN EXISTS ("
        " SELECT 1 FROM runs WHERE thread_id = ?2 AND status IN ('pending', 'running')"
        ") THEN 'busy' ELSE rest_status END WHERE thread_id = ?2",
        (tx.at, thread_id),
    )


def remove(tx: Tx, thread_id: str, *, cause: Cause, actor: str | None) -> None:
    """Delete the thread, its runs, frames, values and checkpoints; the journal stays."""
    journal.append_thread_deleted(tx, thread_id, cause=cause, actor=actor)
    of_its_runs = "WHERE run_id IN (SELECT run_id FROM runs WHERE thread_id = ?)"
    tx.execute(f"DELETE FROM frames {of_its_runs}", (thread_id,))
    tx.execute(f"DELETE FROM run_kwargs {of_its_runs}", (thread_id,))
    tx.execute("DELETE FROM runs WHERE thread_id = ?", (thread_id,))
    tx.execute("DELETE FROM thread_values WHERE thread_id = ?", (thread_id,))
    tx.execute("DELETE FROM threads WHERE thread_id = ?", (thread_id,))
    delete_thread_rows(tx.connection, thread_id)


def _existing(tx: Tx, thread_id: str) -> ThreadRecord:
    record = get_thread(tx.connection, thread_id)
    assert record is not None, thread_id
    return record


def _record(row: Row) -> ThreadRecord:
    record = ThreadRecord(*row)
    return evolve(
        record, status=ThreadStatus(record.status), rest_status=ThreadStatus(record.rest_status)
    )
