"""The journal: one line for every change of a run's status, kept when the run is gone.

It holds ids, statuses, times and causes, nothing that a user put into a run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from lgtrio.storage.interface import Cause, JournalLine, JournalSpan, RunRecord
from lgtrio.storage.sqlite.transaction import Row, Tx, one
from lgtrio.wire.enums import CancelReason, RunStatus

_TRIM_EVERY: Final = 256
"""Lines between two trims: each then deletes about so many, which takes under a millisecond."""
_TRIM_AT_ONCE: Final = 4 * _TRIM_EVERY
"""Lines a trim deletes at most, when the bound has been lowered: it gets there step by step."""
_ACTOR_LENGTH: Final = 200
"""Characters kept of an actor: clients name their requests as they like."""

_INSERT: Final = (
    "INSERT INTO journal (run_id, thread_id, assistant_id, graph_id, at, monotonic, asked,"
    " from_status, to_status, cause, actor)"
)
_COLUMNS: Final = (
    "seq, run_id, thread_id, assistant_id, graph_id, at, monotonic, asked,"
    " from_status, to_status, cause, actor"
)

_GIVEN: Final = f"{CancelReason.TAKEN}: "
"""What an actor begins with that says itself why a run was cancelled."""
CANCEL_REASON: Final = (
    "CASE status WHEN 'interrupted' THEN (SELECT"
    f" iif(substr(actor, 1, {len(_GIVEN)}) = '{_GIVEN}',"
    " actor, cause || coalesce(': ' || actor, ''))"
    " FROM journal WHERE journal.run_id = runs.run_id AND to_status = 'interrupted') END"
)
"""SQL for `RunRecord.cancel_reason`, as `cancel_reason` has it; of a row of `runs`."""


# -- writing -------------------------------------------------------------------------------


@frozen
class Change:
    """What a line says beside its time; see `JournalLine`."""

    run: RunRecord
    was: RunStatus | None
    now: RunStatus | None
    cause: Cause
    actor: str | None = None
    asked: float | None = None


def append(tx: Tx, *changes: Change) -> None:
    """Add a line for each and, now and then, drop the oldest beyond the bound."""
    marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(changes))
    values = [value for change in changes for value in _values(tx, change)]
    _appended(tx, tx.connection.execute(f"{_INSERT} VALUES {marks}", values))


def _values(tx: Tx, change: Change) -> Row:
    run, actor = change.run, change.actor
    return (
        run.run_id,
        run.thread_id,
        run.assistant_id,
        run.graph_id,
        tx.at,
        tx.monotonic,
        change.asked,
        change.was,
        change.now,
        change.cause,
        actor and actor[:_ACTOR_LENGTH],
    )


def cancel_reason(to: RunStatus, cause: Cause, actor: str | None) -> str | None:
    """`RunRecord.cancel_reason` of a run that moves like this."""
    if to is not RunStatus.INTERRUPTED:
        return None
    actor = actor and actor[:_ACTOR_LENGTH]
    if actor is None:
        return str(cause)
    return actor if actor.startswith(_GIVEN) else f"{cause}: {actor}"


def append_thread_deleted(tx: Tx, thread_id: str, *, cause: Cause, actor: str | None) -> None:
    """A line for every run that goes with its thread."""
    cursor = tx.connection.execute(
        _INSERT + " SELECT run_id, thread_id, assistant_id, graph_id, ?, ?, NULL, status, NULL,"
        " ?, ? FROM runs WHERE thread_id = ? ORDER BY seq",
        (tx.at, tx.monotonic, cause, actor and actor[:_ACTOR_LENGTH], thread_id),
    )
    if cursor.rowcount > 0:
        _appended(tx, cursor)


def _appended(tx: Tx, cursor: sqlite3.Cursor) -> None:
    """Lines were inserted: tell, and trim if they have passed a multiple of `_TRIM_EVERY`."""
    tx.journal_changes.note()
    newest = cursor.lastrowid or 0
    if newest % _TRIM_EVERY < cursor.rowcount:
        tx.execute(
            "DELETE FROM journal WHERE seq <= min(?, (SELECT min(seq) FROM journal) + ?)",
            (newest - tx.limits.journal_lines, _TRIM_AT_ONCE - 1),
        )


# -- reading -------------------------------------------------------------------------------


def read_journal(
    connection: sqlite3.Connection,
    *,
    run_id: str | None,
    thread_id: str | None,
    span: JournalSpan,
    limit: int,
) -> Sequence[JournalLine]:
    """The first `limit` lines that match, in order."""
    in_pages = span.after and span.up_to is not None  # and the first page has found its place
    if run_id is None and thread_id is None and (span.since or span.before) and not in_pages:
        span = _within_times(connection, span)
    conditions = list(_conditions(run_id, thread_id, span))
    where = " AND ".join(sql for sql, _ in conditions) or "true"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM journal WHERE {where} ORDER BY seq LIMIT ?",
        (*(value for _, value in conditions), limit),
    ).fetchall()
    return [_line(row) for row in rows]


def last_seq(connection: sqlite3.Connection) -> int:
    row = one(connection, "SELECT max(seq) FROM journal")
    return row[0] or 0 if row else 0


def _within_times(connection: sqlite3.Connection, span: JournalSpan) -> JournalSpan:
    """The span with bounds of seq, so that reading in order of seq passes over nothing else.

    By the smallest and largest seq of the time, not by its first and last moment: a wall clock
    may be set back.
    """
    [(first, last)] = connection.execute(
        "SELECT min(seq), max(seq) FROM journal WHERE at >= ? AND at < ?",
        (span.since or "", span.before or "~"),
    ).fetchall()
    if first is None:
        return evolve(span, up_to=0)
    up_to = last if span.up_to is None else min(span.up_to, last)
    return evolve(span, after=max(span.after, first - 1), up_to=up_to)


def _conditions(
    run_id: str | None, thread_id: str | None, span: JournalSpan
) -> Iterator[tuple[str, Any]]:
    """SQL with one parameter each. A plus keeps SQLite from that column's index: lines are found
    by run, else by thread, else by seq."""
    if run_id is not None:
        yield "run_id = ?", run_id
    if thread_id is not None:
        yield ("thread_id = ?" if run_id is None else "+thread_id = ?"), thread_id
    if span.after:
        yield "seq > ?", span.after
    if span.up_to is not None:
        yield "seq <= ?", span.up_to
    if span.since is not None:
        yield "+at >= ?", span.since
    if span.before is not None:
        yield "+at < ?", span.before


def _line(row: Row) -> JournalLine:
    seq, run_id, thread_id, assistant_id, graph_id, at, monotonic, asked, *move = row
    was, now, cause, actor = move
    return JournalLine(
        seq=seq,
        run_id=run_id,
        thread_id=thread_id,
        assistant_id=assistant_id,
        graph_id=graph_id,
        at=at,
        monotonic=monotonic,
        asked=asked,
        from_status=None if was is None else RunStatus(was),
        to_status=None if now is None else RunStatus(now),
        cause=Cause(cause),
        actor=actor,
    )
