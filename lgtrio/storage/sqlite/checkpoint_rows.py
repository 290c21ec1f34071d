"""Checkpoints and task writes as rows: how they are put into SQLite and got out again.

A row whose `run_id` begins with `HIDDEN` is no part of the history any more. Its run was deleted
or its thread pruned, but a later checkpoint has a `DeltaChannel` whose value is rebuilt from it
(see `checkpoints`). Only the walk along the parents in `delta` sees such rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import uuid_utils
from attrs import define, field, frozen

from lgtrio.errors import StorageError
from lgtrio.storage.interface import ChannelBlob, CheckpointRow, WriteRow

HIDDEN: Final = "~"
"""Sorts after every character of a UUID, so that one comparison tells visible from hidden."""

VISIBLE: Final = f"ifnull(run_id, '') < '{HIDDEN}'"


def hiding_mark() -> str:
    """What is put before the run id of a hidden row; it holds the moment of the hiding."""
    return f"{HIDDEN}{uuid_utils.uuid6()}{HIDDEN}"


def was_hidden_before(run_id: str, checkpoint_id: str) -> bool:
    """Whether the row of this run id was hidden before that checkpoint was made.

    Checkpoint ids are UUIDs that sort by time, like the one in the mark.
    """
    return run_id.startswith(HIDDEN) and run_id[1:].split(HIDDEN, 1)[0] < checkpoint_id


Scalar = str | int | float | bool | None


@define
class LoadedCheckpoint:
    """A checkpoint, all the blobs it needs (in `row.blobs`), and its pending writes in order."""

    row: CheckpointRow
    writes: Sequence[WriteRow]


@frozen
class CheckpointQuery:
    """Which checkpoints to list, newest first; None does not restrict."""

    thread_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_id: str | None = None
    before: str | None = None
    """Only ids that sort before this one."""
    metadata: Mapping[str, Scalar] = field(factory=dict)
    """Top-level keys and the values they must have; None also matches a missing key."""
    after: tuple[str, str, str] | None = None
    """Continue behind this (checkpoint id, namespace, thread id), the last of the page before."""
    limit: int = 100


# -- in -----------------------------------------------------------------------------------

_CHECKPOINT_COLUMNS: Final = (
    "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, type, checkpoint,"
    " metadata, blob_refs"
)
_WRITE_COLUMNS: Final = (
    "thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, run_id, type, value"
)
_BLOB_COLUMNS: Final = "thread_id, checkpoint_ns, channel, version, type, value"

_ROWS_A_STATEMENT: Final = 16
"""Rows that share one INSERT. Each statement gives up the interpreter lock once and has to win it
back from a busy loop thread; that wait, not SQLite's own work, is what a write costs."""


def put_checkpoints(connection: sqlite3.Connection, rows: Sequence[CheckpointRow]) -> None:
    """Store checkpoints with their new blobs; an id that exists is replaced.

    Raises:
        StorageError: a row refers to a blob that is not stored (its thread was pruned or
            deleted meanwhile): better no checkpoint than one that reads back short.
    """
    _insert(
        connection,
        "OR REPLACE INTO checkpoint_blobs",
        _BLOB_COLUMNS,
        [
            (row.thread_id, row.checkpoint_ns, blob.channel, blob.version, blob.type, blob.value)
            for row in rows
            for blob in row.blobs
        ],
    )
    for row in rows:
        _require_blobs(connection, row)
    _insert(
        connection, "OR REPLACE INTO checkpoints", _CHECKPOINT_COLUMNS, [_record(r) for r in rows]
    )


def put_writes(connection: sqlite3.Connection, rows: Sequence[WriteRow]) -> None:
    """Store task writes: of ordinary ones (idx >= 0) the first stays, of special ones the last."""
    _insert(
        connection,
        "OR IGNORE INTO checkpoint_writes",
        _WRITE_COLUMNS,
        [_write_record(row) for row in rows if row.idx >= 0],
    )
    _insert(
        connection,
        "OR REPLACE INTO checkpoint_writes",
        _WRITE_COLUMNS,
        [_write_record(row) for row in rows if row.idx < 0],
    )


def _record(row: CheckpointRow) -> tuple[Any, ...]:
    return (
        row.thread_id,
        row.checkpoint_ns,
        row.checkpoint_id,
        row.parent_checkpoint_id,
        row.run_id,
        row.type,
        row.checkpoint,
        row.metadata.decode(),  # as text: SQLite's JSON functions refuse blobs
        orjson.dumps(dict(row.blob_refs)).decode() if row.blob_refs else None,
    )


def _write_record(row: WriteRow) -> tuple[Any, ...]:
    return (
        row.thread_id,
        row.checkpoint_ns,
        row.checkpoint_id,
        row.task_id,
        row.task_path,
        row.idx,
        row.channel,
        row.run_id,
        row.type,
        row.value,
    )


def _insert(
    connection: sqlite3.Connection, target: str, columns: str, records: list[tuple[Any, ...]]
) -> None:
    for start in range(0, len(records), _ROWS_A_STATEMENT):
        chunk = records[start : start + _ROWS_A_STATEMENT]
        marks = f"({','.join('?' * len(chunk[0]))})"
        connection.execute(
            f"INSERT {target} ({columns}) VALUES {','.join([marks] * len(chunk))}",
            [value for record in chunk for value in record],
        )


def _require_blobs(connection: sqlite3.Connection, row: CheckpointRow) -> None:
    stored_with_it = {blob.channel for blob in row.blobs}
    for channel, version in row.blob_refs.items():
        if version is None or channel in stored_with_it:
            continue
        if _blob(connection, row.thread_id, row.checkpoint_ns, channel, version) is None:
            raise StorageError(
                f"Checkpoint {row.checkpoint_id} needs version {version} of channel {channel!r},"
                " which is not stored any more."
            )


# -- out ----------------------------------------------------------------------------------

_SELECT: Final = f"SELECT {_CHECKPOINT_COLUMNS} FROM checkpoints"


def load_checkpoint(
    connection: sqlite3.Connection, thread_id: str, checkpoint_ns: str, checkpoint_id: str | None
) -> LoadedCheckpoint | None:
    """One checkpoint of the history; the newest of the namespace if no id is given."""
    if checkpoint_id is None:
        found = connection.execute(
            f"{_SELECT} WHERE thread_id = ? AND checkpoint_ns = ? AND {VISIBLE}"
            " ORDER BY checkpoint_id DESC LIMIT 1",
            (thread_id, checkpoint_ns),
        ).fetchone()
    else:
        found = connection.execute(
            f"{_SELECT} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
            f" AND {VISIBLE}",
            (thread_id, checkpoint_ns, checkpoint_id),
        ).fetchone()
    return None if found is None else _load(connection, found)


def list_checkpoints(
    connection: sqlite3.Connection, query: CheckpointQuery
) -> list[LoadedCheckpoint]:
    """At most `query.limit` checkpoints, newest first."""
    where, values = _conditions(query)
    found = connection.execute(
        f"{_SELECT} WHERE {' AND '.join(where)}"
        " ORDER BY checkpoint_id DESC, checkpoint_ns DESC, thread_id DESC LIMIT ?",
        [*values, query.limit],
    ).fetchall()
    return [_load(connection, row) for row in found]


def load_blob(
    connection: sqlite3.Connection, thread_id: str, checkpoint_ns: str, channel: str, version: str
) -> ChannelBlob:
    """
    Raises:
        StorageError: it is not there, so the database is damaged.
    """
    blob = _blob(connection, thread_id, checkpoint_ns, channel, version)
    if blob is None:
        raise StorageError(f"Version {version} of channel {channel!r} is missing in the database.")
    return blob


def _conditions(query: CheckpointQuery) -> tuple[list[str], list[Any]]:
    where, values = [VISIBLE], list[Any]()
    for column, wanted in (
        ("thread_id", query.thread_id),
        ("checkpoint_ns", query.checkpoint_ns),
        ("checkpoint_id", query.checkpoint_id),
    ):
        if wanted is not None:
            where.append(f"{column} = ?")
            values.append(wanted)
    if query.before is not None:
        where.append("checkpoint_id < ?")
        values.append(query.before)
    if query.after is not None:
        where.append("(checkpoint_id, checkpoint_ns, thread_id) < (?, ?, ?)")
        values.extend(query.after)
    for key, scalar in query.metadata.items():
        where.append("metadata ->> ? IS ?")
        values.extend((f'$."{key}"', scalar))
    return where, values


def _load(connection: sqlite3.Connection, found: tuple[Any, ...]) -> LoadedCheckpoint:
    thread_id, checkpoint_ns, checkpoint_id, parent, run_id, type_, body, metadata, refs = found
    blob_refs: dict[str, str | None] = orjson.loads(refs) if refs else {}
    blobs = [
        load_blob(connection, thread_id, checkpoint_ns, channel, version)
        for channel, version in blob_refs.items()
        if version is not None
    ]
    row = CheckpointRow(
        thread_id=thread_id,
        checkpoint_ns=checkpoint_ns,
        checkpoint_id=checkpoint_id,
        parent_checkpoint_id=parent,
        run_id=run_id,
        type=type_,
        checkpoint=body,
        metadata=metadata.encode(),
        blobs=blobs,
        blob_refs=blob_refs,
    )
    return LoadedCheckpoint(row, _load_writes(connection, thread_id, checkpoint_ns, checkpoint_id))


def _blob(
    connection: sqlite3.Connection, thread_id: str, checkpoint_ns: str, channel: str, version: str
) -> ChannelBlob | None:
    found = connection.execute(
        "SELECT type, value FROM checkpoint_blobs"
        " WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ? AND version = ?",
        (thread_id, checkpoint_ns, channel, version),
    ).fetchone()
    return None if found is None else ChannelBlob(channel, version, *found)


def _load_writes(
    connection: sqlite3.Connection, thread_id: str, checkpoint_ns: str, checkpoint_id: str
) -> list[WriteRow]:
    found = connection.execute(
        f"SELECT {_WRITE_COLUMNS} FROM checkpoint_writes"
        f" WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? AND {VISIBLE}"
        " ORDER BY id",
        (thread_id, checkpoint_ns, checkpoint_id),
    ).fetchall()
    return in_order(WriteRow(*row) for row in found) if found else []


def in_order(rows: Iterable[WriteRow]) -> list[WriteRow]:
    """The writes that count, as LangGraph applies them: by task path, task id and index.

    Several runs may have written one slot of a task (a resume that was rolled back, tried
    again, …): of an ordinary write the first counts, of a special one (idx < 0) the last.

    Args:
        rows: of one checkpoint, oldest first.
    """
    slots: dict[tuple[str, int], WriteRow] = {}
    for row in rows:
        slot = (row.task_id, row.idx)
        if row.idx < 0 or slot not in slots:
            slots[slot] = row
    return sorted(slots.values(), key=lambda row: (row.task_path, row.task_id, row.idx))


def batched_ids(ids: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """(placeholders, ids) in portions that fit one statement."""
    for start in range(0, len(ids), 500):
        portion = ids[start : start + 500]
        yield ",".join("?" * len(portion)), portion
