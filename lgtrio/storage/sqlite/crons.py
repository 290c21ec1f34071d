"""Rows of `crons`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import evolve

from lgtrio.errors import NotDue, NotFound
from lgtrio.storage.interface import CronFilter, CronOrder, CronRecord, Firing, FoundCrons
from lgtrio.storage.sqlite.metadata_index import MetadataIndex
from lgtrio.storage.sqlite.searching import Part, Search, Sql
from lgtrio.storage.sqlite.transaction import Row, Tx, one
from lgtrio.wire.enums import OnCompletion

METADATA_INDEX: Final = MetadataIndex("crons", "metadata", owner="cron_id")

_COLUMNS: Final = (
    "cron_id, assistant_id, thread_id, user_id, schedule, timezone, end_time, ends_at, payload,"
    " CAST(metadata AS BLOB), on_run_completed, enabled, next_run_date, created_at, updated_at"
)
"""Those of a `CronRecord`, in its order."""
_LIVE: Final = "enabled = 1 AND (ends_at IS NULL OR next_run_date <= ends_at)"


# -- reading -------------------------------------------------------------------------------


def get_cron(connection: sqlite3.Connection, cron_id: str) -> CronRecord | None:
    row = one(connection, f"SELECT {_COLUMNS} FROM crons WHERE cron_id = ?", (cron_id,))
    return None if row is None else _record(row)


def search_crons(
    connection: sqlite3.Connection,
    wanted: CronFilter,
    *,
    order: CronOrder,
    limit: int,
    offset: int,
) -> FoundCrons:
    direction = "DESC" if order.descending else "ASC"
    found = _search(wanted).page(
        connection,
        order=f"crons.{order.by} {direction}, crons.rowid {direction}",
        limit=limit,
        offset=offset,
    )
    records = [get_cron(connection, owner) for owner in found.owners]
    return FoundCrons([each for each in records if each is not None], found.more, found.total)


def count_crons(connection: sqlite3.Connection, wanted: CronFilter) -> int:
    return _search(wanted).count(connection)


def due_crons(connection: sqlite3.Connection, at: str, *, limit: int) -> Sequence[CronRecord]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM crons WHERE {_LIVE} AND next_run_date <= ?"
        " ORDER BY next_run_date, rowid LIMIT ?",
        (at, limit),
    ).fetchall()
    return [_record(row) for row in rows]


def next_cron_time(connection: sqlite3.Connection) -> str | None:
    row = one(connection, f"SELECT min(next_run_date) FROM crons WHERE {_LIVE}")
    return None if row is None else row[0]


def _search(wanted: CronFilter) -> Search:
    return Search("crons", "cron_id", _parts(wanted))


def _parts(wanted: CronFilter) -> Iterator[Part]:
    if wanted.metadata:
        yield METADATA_INDEX.part(wanted.metadata, "crons.metadata")
    for column in ("assistant_id", "thread_id"):
        value = getattr(wanted, column)
        if value is not None:
            find = f"SELECT cron_id AS owner FROM crons WHERE {column} = ?"
            yield Part(Sql(f"+crons.{column} = ?", (value,)), [Sql(find, (value,))])
    if wanted.enabled is not None:
        yield Part(Sql("+crons.enabled = ?", (wanted.enabled,)))


def _record(row: Row) -> CronRecord:
    cron = CronRecord(*row)
    completed = cron.on_run_completed
    return evolve(
        cron,
        enabled=bool(cron.enabled),
        on_run_completed=None if completed is None else OnCompletion(completed),
    )


# -- changing ------------------------------------------------------------------------------


def create_cron(tx: Tx, cron: CronRecord) -> CronRecord:
    if not tx.one("SELECT 1 FROM assistants WHERE assistant_id = ?", (cron.assistant_id,)):
        raise NotFound(f"Assistant '{cron.assistant_id}' not found")
    thread_id = cron.thread_id
    if thread_id and not tx.one("SELECT 1 FROM threads WHERE thread_id = ?", (thread_id,)):
        raise NotFound(
            f"Thread with ID '{thread_id}' not found. Please verify the ID is correct and the"
            " thread hasn't been deleted or expired."
        )
    created = evolve(cron, created_at=tx.at, updated_at=tx.at)
    _write(tx, created)
    return created


def update_cron(
    tx: Tx, cron_id: str, change: Callable[[CronRecord], CronRecord]
) -> CronRecord | None:
    old = get_cron(tx.connection, cron_id)
    if old is None:
        return None
    new = evolve(change(old), updated_at=tx.at)
    _write(tx, new)
    return new


def delete_cron(tx: Tx, cron_id: str) -> bool:
    return tx.execute("DELETE FROM crons WHERE cron_id = ?", (cron_id,)) > 0


def skip_firing(tx: Tx, firing: Firing) -> bool:
    moved = tx.execute(
        "UPDATE crons SET next_run_date = ? WHERE cron_id = ? AND next_run_date = ? AND enabled",
        (firing.next_run_date, firing.cron_id, firing.due),
    )
    return moved > 0


def fire(tx: Tx, firing: Firing) -> None:
    """Move a cron on in the transaction that stores its run: either both happen or neither.

    Raises:
        NotDue: it has been changed, has fired or is gone since it was found due.
    """
    if not skip_firing(tx, firing):
        raise NotDue(firing.cron_id)


def _write(tx: Tx, cron: CronRecord) -> None:
    tx.execute(
        "INSERT INTO crons (cron_id, assistant_id, thread_id, user_id, schedule, timezone,"
        " end_time, ends_at, payload, metadata, on_run_completed, enabled, next_run_date,"
        " created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?)"
        " ON CONFLICT (cron_id) DO UPDATE SET schedule = excluded.schedule,"
        " timezone = excluded.timezone, end_time = excluded.end_time, ends_at = excluded.ends_at,"
        " payload = excluded.payload, metadata = excluded.metadata,"
        " on_run_completed = excluded.on_run_completed, enabled = excluded.enabled,"
        " next_run_date = excluded.next_run_date, updated_at = excluded.updated_at",
        (
            cron.cron_id,
            cron.assistant_id,
            cron.thread_id,
            cron.user_id,
            cron.schedule,
            cron.timezone,
            cron.end_time,
            cron.ends_at,
            cron.payload,
            cron.metadata,
            cron.on_run_completed,
            cron.enabled,
            cron.next_run_date,
            cron.created_at,
            cron.updated_at,
        ),
    )
