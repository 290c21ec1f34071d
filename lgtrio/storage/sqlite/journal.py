"""The journal: one line for every change of a run's status, kept when the run is gone.

It holds ids, statuses, times and causes, nothing that a user put into a run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from lgtrio.storage.interface import Cause, JournalLine
from lgtrio.storage.sqlite.transaction import Row, Tx
from lgtrio.wire.enums import RunStatus

_TRIM_EVERY: Final = 256
"""Lines between two trims: each then deletes about so many, which takes under a millisecond."""

_INSERT: Final = (
    "INSERT INTO journal (run_id, thread_id, at, monotonic, from_status, to_status, cause, actor)"
)
_COLUMNS: Final = "seq, run_id, thread_id, at, monotonic, from_status, to_status, cause, actor"


def append(
    tx: Tx,
    run_id: str,
    thread_id: str,
    *,
    was: RunStatus | None,
    now: RunStatus | None,
    cause: Cause,
    actor: str | None,
) -> None:
    """Add one line and, now and then, drop the oldest beyond the bound."""
    cursor = tx.connection.execute(
        _INSERT + " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (run_id, thread_id, tx.at, tx.monotonic, was, now, cause, actor),
    )
    seq = cursor.lastrowid or 0
    if seq % _TRIM_EVERY == 0:
        _trim(tx, seq)


def append_thread_deleted(tx: Tx, thread_id: str, *, cause: Cause, actor: str | None) -> None:
    """A line for every run that goes with its thread."""
    tx.execute(
        _INSERT + " SELECT run_id, thread_id, ?, ?, status, NULL, ?, ?"
        " FROM runs WHERE thread_id = ? ORDER BY seq",
        (tx.at, tx.monotonic, cause, actor, thread_id),
    )
    newest = tx.one("SELECT max(seq) FROM journal")
    _trim(tx, newest[0] or 0 if newest else 0)


def _trim(tx: Tx, newest: int) -> None:
    tx.execute("DELETE FROM journal WHERE seq <= ?", (newest - tx.limits.journal_lines,))


def read_journal(
    connection: sqlite3.Connection, *, run_id: str | None, thread_id: str | None, limit: int
) -> Sequence[JournalLine]:
    """The newest `limit` lines that match, oldest of them first."""
    where, parameters = _where(run_id, thread_id)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM journal {where} ORDER BY seq DESC LIMIT ?",
        (*parameters, limit),
    ).fetchall()
    return [_line(row) for row in reversed(rows)]


def _where(run_id: str | None, thread_id: str | None) -> tuple[str, Row]:
    if run_id is not None and thread_id is not None:
        return "WHERE run_id = ? AND +thread_id = ?", (run_id, thread_id)
    if run_id is not None:
        return "WHERE run_id = ?", (run_id,)
    if thread_id is not None:
        return "WHERE thread_id = ?", (thread_id,)
    return "", ()


def _line(row: Row) -> JournalLine:
    seq, run_id, thread_id, at, monotonic, was, now, cause, actor = row
    return JournalLine(
        seq=seq,
        run_id=run_id,
        thread_id=thread_id,
        at=at,
        monotonic=monotonic,
        from_status=None if was is None else RunStatus(was),
        to_status=None if now is None else RunStatus(now),
        cause=Cause(cause),
        actor=actor,
    )
