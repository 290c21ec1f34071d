"""What a run has still to store when its graph has run through."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from lgtrio.errors import StorageError
from lgtrio.graphs.access import DatabaseAccess
from lgtrio.graphs.failures import error_info
from lgtrio.runs.executor import ErrorInfo, GraphOutcome, LastWrites, LastWritesFailed
from lgtrio.storage.sqlite.checkpoint_writer import Entry


def last_writes(
    access: DatabaseAccess, held: Sequence[Entry], failed: Callable[[ErrorInfo], GraphOutcome]
) -> LastWrites:
    """
    Args:
        access: the run's, closed: what is in flight there is all that there will be.
        held: rows that were withdrawn from it.
        failed: the run's outcome, if something of this cannot be stored.
    """
    errors: list[Exception] = []

    def settle(connection: sqlite3.Connection, *, thread_goes: bool) -> None:
        errors.clear()
        if access.failure is not None:
            errors.append(access.failure)
        elif not thread_goes:
            errors.extend(_put(connection, held))
        if errors:
            raise LastWritesFailed from errors[0]

    return LastWrites(settle, lambda: failed(error_info(errors[0])))


def _put(connection: sqlite3.Connection, entries: Sequence[Entry]) -> Sequence[Exception]:
    for entry in entries:
        try:
            entry.put(connection)
        except (sqlite3.Error, StorageError) as error:
            return [error]
    return []
