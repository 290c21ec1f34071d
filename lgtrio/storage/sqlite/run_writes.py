"""What a run has stored before it was cut off."""

from __future__ import annotations

import sqlite3
from typing import Final

_OF_NO_TASK: Final = "00000000-0000-0000-0000-000000000000"
"""Task id of what came with the run's input; it says nothing about what the run has done."""


def has_task_writes(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether any task of the run has stored something (an answer it has taken, a result)."""
    found = connection.execute(
        "SELECT 1 FROM checkpoint_writes WHERE run_id = ? AND run_id <> '' AND task_id <> ?"
        " LIMIT 1",
        (run_id, _OF_NO_TASK),
    )
    return found.fetchone() is not None
