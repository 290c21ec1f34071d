"""Clearing away threads whose time to live is over, a little at a time."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from lgtrio.storage.interface import Cause, Expired
from lgtrio.storage.sqlite import threads
from lgtrio.storage.sqlite.checkpoints import prune_thread_rows
from lgtrio.storage.sqlite.thread_ttl import SECONDS
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import KeepStrategy
from lgtrio.wire.times import later_iso

_LOOKED_AT: Final = 100
"""Threads that one step looks at, at most."""
_ROWS: Final = 1000
"""Rows after which a step leaves the rest to the next one: other writes wait for a few
milliseconds, not longer. A single thread is not divided, however large."""

_ACTOR: Final = "the thread's time to live is over"


@frozen
class _Due:
    """A thread that may have expired."""

    thread_id: str
    minutes: float
    strategy: KeepStrategy
    updated_at: str
    busy: bool


def expire_threads(tx: Tx) -> Expired:
    due = _due(tx)
    gone: list[str] = []
    kept = looked_at = 0
    rows_before = tx.connection.total_changes  # counts what triggers delete, too
    for each in due[:_LOOKED_AT]:
        if tx.connection.total_changes - rows_before >= _ROWS:
            break
        looked_at += 1
        if _look_again_at(tx, each) > tx.at:
            _look_again(tx, each, _look_again_at(tx, each))
        elif each.strategy is KeepStrategy.DELETE:
            threads.remove(tx, each.thread_id, cause=Cause.EXPIRED, actor=_ACTOR)
            gone.append(each.thread_id)
        else:
            prune_thread_rows(tx.connection, each.thread_id)
            _look_again(tx, each, later_iso(tx.at, each.minutes * SECONDS))
            kept += 1
    return Expired(deleted=gone, pruned=kept, more=looked_at < len(due))


def _due(tx: Tx) -> list[_Due]:
    """Those due first; one more than a step looks at, to know whether there are more."""
    rows = tx.all(
        "SELECT thread_id, minutes, strategy, updated_at, status = 'busy'"
        " FROM thread_ttl JOIN threads USING (thread_id)"
        " WHERE due_at <= ? ORDER BY due_at LIMIT ?",
        (tx.at, _LOOKED_AT + 1),
    )
    return [_due_thread(*row) for row in rows]


def _due_thread(thread_id: str, minutes: float, strategy: str, *others: Any) -> _Due:
    updated_at, busy = others
    return _Due(thread_id, minutes, KeepStrategy(strategy), updated_at, bool(busy))


def _look_again_at(tx: Tx, due: _Due) -> str:
    """When the thread expires; of a busy one the earliest time at which it could."""
    since = tx.at if due.busy else due.updated_at
    return later_iso(since, due.minutes * SECONDS)


def _look_again(tx: Tx, due: _Due, at: str) -> None:
    tx.execute("UPDATE thread_ttl SET due_at = ? WHERE thread_id = ?", (at, due.thread_id))
