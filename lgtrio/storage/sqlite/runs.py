"""Rows of `runs`: reading them, and the one function through which a status changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve, frozen

from lgtrio.errors import AlreadyExists, IllegalTransition, InternalError
from lgtrio.storage.interface import Cause, Claimable, Json, NewRun, RunRecord
from lgtrio.storage.sqlite import journal
from lgtrio.storage.sqlite.checkpoints import delete_run_rows
from lgtrio.storage.sqlite.journal import Change
from lgtrio.storage.sqlite.transaction import Row, Tx, one
from lgtrio.wire.enums import ACTIVE, TERMINAL, MultitaskStrategy, RunStatus

_COLUMNS: Final = (
    "run_id, thread_id, assistant_id, graph_id, status, multitask_strategy,"
    " CAST(metadata AS BLOB), kwargs, attempt, temporary, resumable, not_before,"
    f" created_at, updated_at, webhook, {journal.CANCEL_REASON}"
)
_STORED: Final = (
    f"{_COLUMNS}, thread_config, before, NOT EXISTS (SELECT 1 FROM runs AS other"
    " WHERE other.thread_id = runs.thread_id AND other.run_id <> runs.run_id)"
)
_TO_END: Final = _STORED.replace(" kwargs,", " iif(webhook IS NULL, x'', kwargs),")
_FROM: Final = "FROM runs JOIN run_kwargs USING (run_id)"

# Storage's own guard; `runs.machine` has the same table for the Trio side and a test compares.
MAY_BECOME: Final[dict[RunStatus, frozenset[RunStatus | None]]] = {
    RunStatus.PENDING: frozenset({RunStatus.RUNNING, RunStatus.INTERRUPTED, None}),
    RunStatus.RUNNING: frozenset({RunStatus.PENDING, *TERMINAL, None}),
    **{status: frozenset({None}) for status in TERMINAL},
}


@frozen
class StoredRun:
    """A run with the columns that only its claim and its rollback need."""

    record: RunRecord
    thread_config: Json
    before: Json | None
    """What the claim found on the thread row; see `marks`."""
    sole: bool
    """No other run was ever on its thread."""

    @property
    def active(self) -> bool:
        return self.record.status in ACTIVE


# -- reading -------------------------------------------------------------------------------


def get_run(connection: sqlite3.Connection, run_id: str) -> RunRecord | None:
    stored = find(connection, run_id)
    return None if stored is None else stored.record


def find(connection: sqlite3.Connection, run_id: str) -> StoredRun | None:
    rows = connection.execute(f"SELECT {_STORED} {_FROM} WHERE run_id = ?", (run_id,)).fetchall()
    return _stored(rows[0]) if rows else None


def find_to_end(connection: sqlite3.Connection, run_id: str) -> StoredRun | None:
    """`find`, for the end of a run: its kwargs, which may be megabytes, are read only for its
    webhook; else they are empty here."""
    row = one(connection, f"SELECT {_TO_END} {_FROM} WHERE run_id = ?", (run_id,))
    return None if row is None else _stored(row)


def list_runs(
    connection: sqlite3.Connection,
    thread_id: str,
    *,
    limit: int,
    offset: int,
    status: str | None,
) -> Sequence[RunRecord]:
    matching = "" if status is None else " AND status = ?"
    given = () if status is None else (status,)
    # The page is cut before the join, so that kwargs of skipped runs are not read.
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM (SELECT * FROM runs WHERE thread_id = ?{matching}"
        " ORDER BY seq DESC LIMIT ? OFFSET ?) AS runs JOIN run_kwargs USING (run_id)"
        " ORDER BY seq DESC",
        (thread_id, *given, limit, offset),
    ).fetchall()
    return [_record(row) for row in rows]


def active_runs(connection: sqlite3.Connection, status: RunStatus | None) -> Sequence[str]:
    rows = connection.execute(
        "SELECT run_id FROM runs WHERE status IN ('pending', 'running')"
        " AND status = coalesce(?, status) ORDER BY seq DESC",
        (status,),
    ).fetchall()
    return [run_id for (run_id,) in rows]


_NEXT: Final = "attempt = 0, iif(attempt = 0 AND not_before > ?1, not_before, ''), seq"
"""Order in which the pending runs of a lane start; the first parameter is the time. One that a
restart has cut off goes on first, so that no other run comes between its steps; then those whose
delay is over, by creation."""


def next_run(connection: sqlite3.Connection, thread_id: str, *, at: str) -> RunRecord | None:
    upcoming = next_to_start(connection, thread_id, at=at)
    return None if upcoming is None else upcoming.record


def next_to_start(connection: sqlite3.Connection, thread_id: str, *, at: str) -> StoredRun | None:
    """The run that may be claimed now; None if one is running or all that wait are delayed."""
    # The first is chosen before the join, so that kwargs of the others are not read.
    row = one(
        connection,
        f"SELECT {_STORED} {_FROM} WHERE seq = ("
        "SELECT seq FROM runs WHERE thread_id = ?2 AND status IN ('pending', 'running')"
        f" ORDER BY status = 'pending', {_NEXT} LIMIT 1"
        ") AND status = 'pending' AND (attempt > 0 OR not_before IS NULL OR not_before <= ?1)",
        (at, thread_id),
    )
    return None if row is None else _stored(row)


def claimable(connection: sqlite3.Connection, *, at: str, limit: int) -> Sequence[Claimable]:
    rows = connection.execute(
        "SELECT run_id, thread_id, not_before, created_at FROM ("
        f" SELECT *, row_number() OVER (PARTITION BY thread_id ORDER BY {_NEXT}) AS place,"
        " max(status = 'running') OVER (PARTITION BY thread_id) AS occupied"
        " FROM runs WHERE status IN ('pending', 'running')"
        ") WHERE place = 1 AND NOT occupied ORDER BY seq LIMIT ?",
        (at, limit),
    ).fetchall()
    return [Claimable(*row) for row in rows]


def _stored(row: Row) -> StoredRun:
    *columns, thread_config, before, sole = row
    return StoredRun(_record(columns), thread_config, before, bool(sole))


def _record(row: Sequence[Any]) -> RunRecord:
    run_id, thread_id, assistant_id, graph_id, status, strategy, *others = row
    metadata, kwargs, attempt, temporary, resumable, not_before, *others = others
    created_at, updated_at, webhook, cancel_reason = others
    return RunRecord(
        run_id=run_id,
        thread_id=thread_id,
        assistant_id=assistant_id,
        graph_id=graph_id,
        status=RunStatus(status),
        multitask_strategy=MultitaskStrategy(strategy),
        metadata=metadata,
        kwargs=kwargs,
        attempt=attempt,
        temporary=bool(temporary),
        resumable=bool(resumable),
        not_before=not_before,
        created_at=created_at,
        updated_at=updated_at,
        webhook=webhook,
        cancel_reason=cancel_reason,
    )


# -- changing ------------------------------------------------------------------------------


def insert(tx: Tx, new: NewRun, *, actor: str | None) -> RunRecord:
    """A new PENDING run, with the first line of its journal.

    Raises:
        AlreadyExists: the id is taken.
    """
    run = _pending(tx, new)
    _insert(tx, run, new.thread_config, None)
    journal.append(tx, _creation(run, new, actor))
    return run


def insert_running(
    tx: Tx, new: NewRun, before: Json, *, actor: str | None
) -> tuple[RunRecord, RunRecord]:
    """A new run that is claimed at once: what `insert` and then a claim would leave.

    Args:
        before: see `StoredRun`.

    Returns:
        The run as PENDING, and as RUNNING.

    Raises:
        AlreadyExists: the id is taken.
    """
    run = _pending(tx, new)
    running = evolve(run, status=RunStatus.RUNNING, attempt=1)
    _insert(tx, running, new.thread_config, before)
    start = Change(run, RunStatus.PENDING, RunStatus.RUNNING, Cause.SCHEDULER)
    journal.append(tx, _creation(run, new, actor), start)
    return run, running


def _pending(tx: Tx, new: NewRun) -> RunRecord:
    return RunRecord(
        run_id=new.run_id,
        thread_id=new.thread_id,
        assistant_id=new.assistant_id,
        graph_id=new.graph_id,
        status=RunStatus.PENDING,
        multitask_strategy=new.multitask_strategy,
        metadata=new.metadata,
        kwargs=new.kwargs,
        attempt=0,
        temporary=new.temporary,
        resumable=new.resumable,
        not_before=new.not_before,
        created_at=tx.at,
        updated_at=tx.at,
        webhook=new.webhook,
    )


def _insert(tx: Tx, run: RunRecord, thread_config: Json, before: Json | None) -> None:
    inserted = tx.execute(
        "INSERT INTO runs (run_id, thread_id, assistant_id, graph_id, status,"
        " multitask_strategy, metadata, attempt, temporary, resumable, not_before, created_at,"
        " updated_at, thread_config, before, webhook)"
        " VALUES (?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (run_id) DO NOTHING",
        (
            run.run_id,
            run.thread_id,
            run.assistant_id,
            run.graph_id,
            run.status,
            run.multitask_strategy,
            run.metadata,
            run.attempt,
            run.temporary,
            run.resumable,
            run.not_before,
            run.created_at,
            run.updated_at,
            thread_config,
            before,
            run.webhook,
        ),
    )
    if not inserted:
        raise AlreadyExists(f"Run with ID {run.run_id} already exists")
    tx.execute("INSERT INTO run_kwargs (run_id, kwargs) VALUES (?, ?)", (run.run_id, run.kwargs))


def _creation(run: RunRecord, new: NewRun, actor: str | None) -> Change:
    cause = Cause.CLIENT if new.firing is None else Cause.SCHEDULER
    return Change(run, None, RunStatus.PENDING, cause, actor)


def move(
    tx: Tx,
    run: RunRecord,
    to: RunStatus,
    *,
    cause: Cause,
    actor: str | None = None,
    asked: float | None = None,
    before: Json | None = None,
) -> RunRecord:
    """The one way a stored run changes its status: legal, guarded, journaled.

    The thread's status is the caller's to settle, once all runs of the operation have moved.

    Args:
        before: see `StoredRun`; None leaves what is stored.

    Raises:
        IllegalTransition: the table has no such move; nothing of the operation is stored.
    """
    check_move(run, to)
    moved = evolve(
        run,
        status=to,
        updated_at=tx.at,
        attempt=run.attempt + 1 if to is RunStatus.RUNNING else run.attempt,
        cancel_reason=journal.cancel_reason(to, cause, actor),
    )
    changed = tx.execute(
        "UPDATE runs SET status = ?, updated_at = ?, attempt = ?, before = coalesce(?, before)"
        " WHERE run_id = ? AND status = ?",
        (to, tx.at, moved.attempt, before, run.run_id, run.status),
    )
    if changed != 1:
        raise InternalError(f"Run {run.run_id} was not {run.status} when it was to be {to}.")
    journal.append(tx, Change(run, run.status, to, cause, actor, asked))
    return moved


def remove(
    tx: Tx,
    run: RunRecord,
    *,
    cause: Cause,
    actor: str | None = None,
    asked: float | None = None,
) -> None:
    """Delete the run with its frames, checkpoints and writes; its journal stays.

    Writes go wherever they were made, also on checkpoints of earlier runs (a resume).
    """
    check_move(run, None)
    tx.execute("DELETE FROM runs WHERE run_id = ?", (run.run_id,))
    delete_run_rows(tx.connection, [run.run_id])
    journal.append(tx, Change(run, run.status, None, cause, actor, asked))


def check_move(run: RunRecord, to: RunStatus | None) -> None:
    """
    Raises:
        IllegalTransition: no run goes from this one's status to that one.
    """
    if to not in MAY_BECOME[run.status]:
        raise IllegalTransition(run.run_id, run.status, str(to))
