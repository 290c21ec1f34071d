"""Rows of `webhooks`: ends of runs that somebody outside is still to be told of."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from lgtrio.storage.interface import RunRecord, ThreadOutcome, ThreadRecord, WebhookRecord
from lgtrio.storage.sqlite.transaction import Tx, one
from lgtrio.wire.enums import RunStatus
from lgtrio.wire.webhooks import ROLLED_BACK, EndOfRun, webhook_body

_COLUMNS: Final = "webhook_id, run_id, url, body, attempts, due_at"


# -- queueing ------------------------------------------------------------------------------


def queue_end(
    tx: Tx,
    run: RunRecord,
    ended: RunRecord,
    outcome: ThreadOutcome | None,
    left: ThreadRecord | None,
) -> None:
    """Queue the end of a run that has a webhook.

    Args:
        run: as it was before its end.
        ended: as it is now.
        outcome: what the run left; None if it never started.
        left: its thread afterwards; None if that is gone.
    """
    values = error = None
    if outcome is not None:
        error = outcome.error
        values = outcome.values if outcome.values is not None or left is None else left.values
    _queue(
        tx,
        run,
        EndOfRun(ended.status, _started_at(run), tx.at, values, error, ended.cancel_reason),
    )


def queue_rollback(tx: Tx, run: RunRecord) -> None:
    """Queue the end of a run of which nothing stays."""
    _queue(tx, run, EndOfRun(ROLLED_BACK, _started_at(run), tx.at, None, None))


def _started_at(run: RunRecord) -> str | None:
    return run.updated_at if run.status is RunStatus.RUNNING else None


def _queue(tx: Tx, run: RunRecord, end: EndOfRun) -> None:
    if run.webhook is None:
        return
    body = webhook_body(run, end)
    tx.execute(
        "INSERT INTO webhooks (run_id, url, body, attempts, due_at) VALUES (?, ?, ?, 0, ?)",
        (run.run_id, run.webhook, body, tx.at),
    )
    tx.webhook_changes.note()


# -- delivering ----------------------------------------------------------------------------


def due_webhooks(connection: sqlite3.Connection, at: str, *, limit: int) -> Sequence[WebhookRecord]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM webhooks WHERE due_at <= ? ORDER BY webhook_id LIMIT ?",
        (at, limit),
    ).fetchall()
    return [WebhookRecord(*row) for row in rows]


def next_webhook_time(connection: sqlite3.Connection, *, after: str) -> str | None:
    row = one(connection, "SELECT min(due_at) FROM webhooks WHERE due_at > ?", (after,))
    return None if row is None else row[0]


def postpone_webhook(tx: Tx, webhook_id: int, *, due_at: str) -> None:
    tx.execute(
        "UPDATE webhooks SET attempts = attempts + 1, due_at = ? WHERE webhook_id = ?",
        (due_at, webhook_id),
    )


def drop_webhook(tx: Tx, webhook_id: int) -> None:
    tx.execute("DELETE FROM webhooks WHERE webhook_id = ?", (webhook_id,))
