"""Rows of `threads` and their values, and how a thread is deleted with all that is its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson
from attrs import evolve, frozen

from lgtrio.errors import AlreadyExists, Conflict
from lgtrio.storage.interface import (
    Cause,
    Json,
    LaneRun,
    NewThread,
    ThreadOutcome,
    ThreadRecord,
    ThreadTtl,
)
from lgtrio.storage.sqlite import journal
from lgtrio.storage.sqlite.thread_ttl import give_ttl, write_ttl
from lgtrio.storage.sqlite.thread_values import VALUES, store_values
from lgtrio.storage.sqlite.transaction import Row, Tx, one
from lgtrio.wire.enums import RunStatus, ThreadStatus

COLUMNS: Final = (
    "thread_id, created_at, updated_at, state_updated_at, CAST(metadata AS BLOB), config,"
    f" status, rest_status, {VALUES}, interrupts, error"
)
"""What `record` takes."""
_INSERT: Final = (
    "INSERT INTO threads (thread_id, created_at, updated_at, state_updated_at, metadata,"
    " config, status, rest_status, interrupts)"
    " VALUES (?1, ?2, ?2, ?2, CAST(?3 AS TEXT), ?4, ?5, 'idle', x'7b7d')"
)
_HAS_ACTIVE: Final = (
    "EXISTS (SELECT 1 FROM runs WHERE runs.thread_id = threads.thread_id"
    " AND runs.status IN ('pending', 'running'))"
)


@frozen
class ThreadHead:
    """What runs change on the row of their thread when they enter its lane."""

    metadata: Json = b"{}"
    config: Json = b"{}"
    busy: bool = False
    """A run of it is pending or running: every operation leaves it so."""


def create_thread(tx: Tx, new: NewThread, *, exist_ok: bool) -> ThreadRecord:
    values = (new.thread_id, tx.at, new.metadata, b"{}", ThreadStatus.IDLE)
    row = tx.one(f"{_INSERT} ON CONFLICT DO NOTHING RETURNING {COLUMNS}", values)
    if row is not None:
        give_ttl(tx, new)
        return record(row)
    if not exist_ok:
        raise AlreadyExists(f"Thread with ID {new.thread_id} already exists")
    return _existing(tx, new.thread_id)


def get_thread(connection: sqlite3.Connection, thread_id: str) -> ThreadRecord | None:
    row = one(connection, f"SELECT {COLUMNS} FROM threads WHERE thread_id = ?", (thread_id,))
    return None if row is None else record(row)


def patch_thread(
    tx: Tx, thread_id: str, metadata: Json, *, ttl: ThreadTtl | None
) -> ThreadRecord | None:
    head = find_head(tx, thread_id)
    if head is None:
        return None
    merged = orjson.dumps({**orjson.loads(head.metadata), **orjson.loads(metadata)})
    write_head(tx, thread_id, evolve(head, metadata=merged))
    if ttl is not None:
        write_ttl(tx, thread_id, ttl)
    return _existing(tx, thread_id)


def set_thread_state(tx: Tx, thread_id: str, outcome: ThreadOutcome) -> ThreadRecord | None:
    head = find_head(tx, thread_id)
    if head is None:
        return None
    active = active_runs(tx.connection, thread_id) if head.busy else []
    if any(run.status is RunStatus.RUNNING for run in active):
        raise Conflict(f"Thread {thread_id} has a run that is running.")
    return leave_outcome(tx, thread_id, outcome)


def delete_thread(tx: Tx, thread_id: str, *, actor: str | None) -> Sequence[LaneRun] | None:
    head = find_head(tx, thread_id)
    if head is None:
        return None
    active = active_runs(tx.connection, thread_id) if head.busy else []
    remove(tx, thread_id, cause=Cause.CLIENT, actor=actor)
    return active


# -- what the runs' operations use ---------------------------------------------------------


def active_runs(connection: sqlite3.Connection, thread_id: str) -> list[LaneRun]:
    """The thread's lane: pending and running runs, oldest first."""
    rows = connection.execute(
        "SELECT run_id, status FROM runs"
        " WHERE thread_id = ? AND status IN ('pending', 'running') ORDER BY seq",
        (thread_id,),
    ).fetchall()
    return [LaneRun(run_id, RunStatus(status)) for run_id, status in rows]


def find_head(tx: Tx, thread_id: str) -> ThreadHead | None:
    row = tx.one(
        "SELECT CAST(metadata AS BLOB), config, status = 'busy' FROM threads WHERE thread_id = ?",
        (thread_id,),
    )
    return None if row is None else ThreadHead(row[0], row[1], bool(row[2]))


def write_head(tx: Tx, thread_id: str, head: ThreadHead) -> None:
    """Write metadata and config; the status is `settle`'s."""
    tx.execute(
        "UPDATE threads SET metadata = CAST(? AS TEXT), config = ?, updated_at = ?"
        " WHERE thread_id = ?",
        (head.metadata, head.config, tx.at, thread_id),
    )


def occupy(tx: Tx, thread_id: str, head: ThreadHead) -> None:
    """Write metadata and config of a thread that has an active run; make it if it is new."""
    tx.execute(
        f"{_INSERT} ON CONFLICT DO UPDATE SET metadata = excluded.metadata,"
        " config = excluded.config, status = excluded.status, updated_at = excluded.updated_at",
        (thread_id, tx.at, head.metadata, head.config, ThreadStatus.BUSY),
    )


def leave_outcome(tx: Tx, thread_id: str, outcome: ThreadOutcome) -> ThreadRecord | None:
    """Write what a run or a state update leaves, and settle the status."""
    new_values = outcome.values is not None and store_values(tx, thread_id, outcome.values)
    row = tx.one(
        "UPDATE threads SET updated_at = ?2, state_updated_at = iif(?3, ?2, state_updated_at),"
        " rest_status = ?4, interrupts = ?5, error = ?6,"
        f" status = iif({_HAS_ACTIVE}, 'busy', ?4) WHERE thread_id = ?1 RETURNING {COLUMNS}",
        (thread_id, tx.at, new_values, outcome.rest_status, outcome.interrupts, outcome.error),
    )
    return None if row is None else record(row)


def settle(tx: Tx, thread_id: str) -> ThreadRecord | None:
    """Make `status` agree with the thread's runs; part of every change of a run."""
    row = tx.one(
        "UPDATE threads SET updated_at = ?2,"
        f" status = iif({_HAS_ACTIVE}, 'busy', rest_status) WHERE thread_id = ?1"
        f" RETURNING {COLUMNS}",
        (thread_id, tx.at),
    )
    return None if row is None else record(row)


def remove(tx: Tx, thread_id: str, *, cause: Cause, actor: str | None) -> None:
    """Delete the thread with all that is its own; the journal stays."""
    journal.append_thread_deleted(tx, thread_id, cause=cause, actor=actor)
    delete_row(tx, thread_id)


def delete_row(tx: Tx, thread_id: str) -> None:
    """A trigger deletes its runs, frames, values and checkpoints."""
    tx.execute("DELETE FROM threads WHERE thread_id = ?", (thread_id,))


def _existing(tx: Tx, thread_id: str) -> ThreadRecord:
    record = get_thread(tx.connection, thread_id)
    assert record is not None, thread_id
    return record


def record(row: Row) -> ThreadRecord:
    thread_id, created_at, updated_at, state_updated_at, metadata, config, *others = row
    status, rest_status, values, interrupts, error = others
    return ThreadRecord(
        thread_id=thread_id,
        created_at=created_at,
        updated_at=updated_at,
        state_updated_at=state_updated_at,
        metadata=metadata,
        config=config,
        status=ThreadStatus(status),
        rest_status=ThreadStatus(rest_status),
        values=values,
        interrupts=interrupts,
        error=error,
    )
