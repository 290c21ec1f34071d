"""The states of a thread as a whole: copied, taken over, pruned, measured, patched."""

from __future__ import annotations

import sqlite3
from typing import Final

import orjson

from lgtrio.storage.interface import (
    ChannelUsage,
    Json,
    NewThread,
    ThreadOutcome,
    ThreadRecord,
    ThreadUsage,
)
from lgtrio.storage.sqlite import threads
from lgtrio.storage.sqlite.checkpoint_rows import VISIBLE
from lgtrio.storage.sqlite.checkpoints import (
    copy_thread_rows,
    delete_thread_rows,
    move_thread_rows,
    prune_thread_rows,
)
from lgtrio.storage.sqlite.thread_ttl import copy_ttl
from lgtrio.storage.sqlite.thread_values import copy_values
from lgtrio.storage.sqlite.transaction import Tx, one

_NEWEST: Final = (
    "SELECT rowid, metadata FROM checkpoints"
    f" WHERE thread_id = ? AND checkpoint_ns = '' AND {VISIBLE}"
    " ORDER BY checkpoint_id DESC LIMIT 1"
)


def copy_thread(tx: Tx, thread_id: str, copy_id: str) -> ThreadRecord | None:
    copied = tx.execute(
        "INSERT INTO threads (thread_id, created_at, updated_at, state_updated_at, metadata,"
        " config, status, rest_status, interrupts, error)"
        " SELECT ?2, ?3, ?3, ?3, metadata, config, rest_status, rest_status, interrupts, error"
        " FROM threads WHERE thread_id = ?1",
        (thread_id, copy_id, tx.at),
    )
    if not copied:
        return None
    copy_values(tx, thread_id, copy_id)
    copy_ttl(tx, thread_id, copy_id)
    copy_thread_rows(tx.connection, thread_id, copy_id)
    return threads.get_thread(tx.connection, copy_id)


def adopt_thread(
    tx: Tx, new: NewThread, outcome: ThreadOutcome, *, source: str, exist_ok: bool
) -> ThreadRecord:
    if exist_ok and (existing := threads.get_thread(tx.connection, new.thread_id)):
        discard_states(tx, source)
        return existing
    created = threads.create_thread(tx, new, exist_ok=False)
    move_thread_rows(tx.connection, source, new.thread_id)
    return threads.leave_outcome(tx, new.thread_id, outcome) or created


def discard_states(tx: Tx, source: str) -> None:
    if threads.find_head(tx, source) is None:
        delete_thread_rows(tx.connection, source)


def prune_thread(tx: Tx, thread_id: str) -> bool:
    head = threads.find_head(tx, thread_id)
    if head is None or head.busy:  # a rollback needs the state from before the run
        return False
    prune_thread_rows(tx.connection, thread_id)
    return True


def patch_state(tx: Tx, thread_id: str, metadata: Json) -> ThreadRecord | None:
    patched = threads.patch_thread(tx, thread_id, metadata, ttl=None)
    newest = None if patched is None else tx.one(_NEWEST, (thread_id,))
    if newest is not None:
        rowid, stored = newest
        merged = {**orjson.loads(stored), **orjson.loads(metadata)}
        tx.execute(
            "UPDATE checkpoints SET metadata = ? WHERE rowid = ?",
            (orjson.dumps(merged).decode(), rowid),
        )
    return patched


def thread_usage(connection: sqlite3.Connection, thread_id: str) -> ThreadUsage:
    checkpoints = one(
        connection,
        "SELECT count(*), total(length(checkpoint) + length(CAST(metadata AS BLOB)))"
        " FROM checkpoints WHERE thread_id = ?",
        (thread_id,),
    )
    writes = one(
        connection,
        "SELECT count(*), total(length(value)) FROM checkpoint_writes WHERE thread_id = ?",
        (thread_id,),
    )
    assert checkpoints is not None
    assert writes is not None
    channels = connection.execute(
        "SELECT channel, count(*), total(length(value)) FROM checkpoint_blobs"
        " WHERE thread_id = ? GROUP BY channel ORDER BY channel",
        (thread_id,),
    ).fetchall()
    return ThreadUsage(
        checkpoints=checkpoints[0],
        checkpoints_size=int(checkpoints[1]),
        channels={name: ChannelUsage(count, int(size)) for name, count, size in channels},
        writes=writes[0],
        writes_size=int(writes[1]),
    )
