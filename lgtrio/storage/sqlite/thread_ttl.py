"""Rows of `thread_ttl`: how long threads are kept.

What counts is the time since a thread was last changed. Writing that down with every change would
cost each run a statement, so `due_at` is only the time at which it is worth looking whether the
thread has expired: never later than that.
"""

from __future__ import annotations

import sqlite3

from lgtrio.storage.interface import NewThread, StoredTtl, ThreadTtl
from lgtrio.storage.sqlite.transaction import Tx, one
from lgtrio.wire.enums import KeepStrategy
from lgtrio.wire.times import later_iso

SECONDS: float = 60.0
"""A minute's."""


def give_ttl(tx: Tx, new: NewThread) -> None:
    """Give a new thread the ttl it asks for, else the one of all threads, if there is one."""
    ttl = new.ttl or tx.limits.thread_ttl
    if ttl is not None:
        write_ttl(tx, new.thread_id, ttl)


def write_ttl(tx: Tx, thread_id: str, ttl: ThreadTtl) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO thread_ttl (thread_id, minutes, strategy, due_at)"
        " VALUES (?, ?, ?, ?)",
        (thread_id, ttl.minutes, ttl.strategy, later_iso(tx.at, ttl.minutes * SECONDS)),
    )


def copy_ttl(tx: Tx, thread_id: str, copy_id: str) -> None:
    stored = thread_ttl(tx.connection, thread_id)
    if stored is not None:
        write_ttl(tx, copy_id, stored.ttl)


def thread_ttl(connection: sqlite3.Connection, thread_id: str) -> StoredTtl | None:
    row = one(
        connection,
        "SELECT minutes, strategy, due_at, updated_at FROM thread_ttl"
        " JOIN threads USING (thread_id) WHERE thread_id = ?",
        (thread_id,),
    )
    if row is None:
        return None
    minutes, strategy, due_at, updated_at = row
    expires_at = max(due_at, later_iso(updated_at, minutes * SECONDS))
    return StoredTtl(ThreadTtl(minutes, KeepStrategy(strategy)), expires_at)
