"""Streams that outlive their run: what a stateless run has sent can be read for a while.

The rows of such a run go with its thread when it ends. A client whose connection broke off just
before comes back to the rest of the stream all the same.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from lgtrio.storage.interface import RunRecord
from lgtrio.storage.sqlite.transaction import Tx, one
from lgtrio.wire.times import later_iso

KEPT_SECONDS: Final = 600.0
_AT_ONCE: Final = 10
"""Streams that one step forgets: each may have as many frames as a run may keep."""


def keep(tx: Tx, run: RunRecord) -> None:
    """Call it before the rows of a stateless run that has ended are deleted."""
    if run.resumable:
        tx.execute(
            "INSERT OR REPLACE INTO kept_streams (run_id, thread_id, until) VALUES (?, ?, ?)",
            (run.run_id, run.thread_id, later_iso(tx.at, KEPT_SECONDS)),
        )


def thread_of(connection: sqlite3.Connection, run_id: str) -> str | None:
    found = one(connection, "SELECT thread_id FROM kept_streams WHERE run_id = ?", (run_id,))
    return found[0] if found else None


def forget(tx: Tx) -> bool:
    due = tx.all(
        "SELECT run_id FROM kept_streams WHERE until <= ? ORDER BY until LIMIT ?",
        (tx.at, _AT_ONCE + 1),
    )
    for key in due[:_AT_ONCE]:
        tx.execute("DELETE FROM kept_streams WHERE run_id = ?", key)
    return len(due) > _AT_ONCE
