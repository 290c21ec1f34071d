"""Stored stream frames of resumable runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from lgtrio.storage.interface import Frame, FrameLog
from lgtrio.storage.sqlite.transaction import Tx, one
from lgtrio.wire.enums import TERMINAL, RunStatus

_READ_BYTES: Final = 1 << 20
"""One read ends with the frame that reaches so many."""


def append_frames(tx: Tx, run_id: str, frames: Sequence[Frame]) -> None:
    """A frame stored twice stays one; frames of a run that is gone are dropped."""
    if not frames or tx.one("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)) is None:
        return
    tx.connection.executemany(
        "INSERT OR REPLACE INTO frames (run_id, seq, mode, event, data, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(run_id, f.seq, f.mode, f.event, f.data, f.at_ms) for f in frames],
    )
    tx.execute(
        "DELETE FROM frames WHERE run_id = ? AND seq <= ?",
        (run_id, frames[-1].seq - tx.limits.frames_per_run),
    )


def read_frames(
    connection: sqlite3.Connection, run_id: str, *, after: int, limit: int
) -> Sequence[Frame]:
    rows = connection.execute(
        "SELECT seq, mode, event, data, at_ms FROM frames"
        " WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (run_id, after, limit),
    )
    frames, size = [], 0
    for row in rows:
        frame = Frame(*row)
        frames.append(frame)
        size += len(frame.data)
        if size >= _READ_BYTES:
            break
    rows.close()
    return frames


def last_frame(connection: sqlite3.Connection, run_id: str) -> int:
    row = one(connection, "SELECT max(seq) FROM frames WHERE run_id = ?", (run_id,))
    return row[0] or 0 if row else 0


def frame_of_mark(connection: sqlite3.Connection, run_id: str, checkpoint_id: str) -> int | None:
    # Of a run that has fallen back to a checkpoint and gone on from it, the latest.
    row = one(
        connection,
        "SELECT max(seq) FROM frames WHERE run_id = ? AND mode = 'mark' AND data = ?",
        (run_id, checkpoint_id.encode()),
    )
    return row[0] if row else None


def frame_logs(connection: sqlite3.Connection, thread_id: str) -> Sequence[FrameLog]:
    # The ends of a log are looked up by its key, so that its length does not matter.
    rows = connection.execute(
        "SELECT run_id, status, first.at_ms, last.at_ms, last.seq FROM runs"
        " JOIN frames AS first USING (run_id) JOIN frames AS last USING (run_id)"
        " WHERE thread_id = ? AND resumable = 1"
        " AND first.seq = (SELECT min(seq) FROM frames WHERE run_id = runs.run_id)"
        " AND last.seq = (SELECT max(seq) FROM frames WHERE run_id = runs.run_id)"
        " ORDER BY first.at_ms, runs.seq",
        (thread_id,),
    ).fetchall()
    return [
        FrameLog(run_id, RunStatus(status) in TERMINAL, first_ms, last_ms, last_seq)
        for run_id, status, first_ms, last_ms, last_seq in rows
    ]
