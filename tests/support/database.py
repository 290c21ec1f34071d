"""What a server left in its database file, read without the server."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from lgtrio.wire.enums import ACTIVE, TERMINAL


@contextmanager
def read_only(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot change anything; also beside a running server."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        yield connection


def run_statuses(database: Path) -> dict[str, str]:
    """Run id to status of every stored run."""
    with read_only(database) as connection:
        return dict(connection.execute("SELECT run_id, status FROM runs"))


@frozen
class StoredThread:
    status: str
    metadata: dict[str, Any]
    values: dict[str, Any] | None
    runs: dict[str, str]
    """Run id to status of its runs."""


def stored_threads(database: Path) -> dict[str, StoredThread]:
    """Thread id to what is stored of the thread itself."""
    with read_only(database) as connection:
        threads = {
            thread_id: StoredThread(
                status, json.loads(metadata), json.loads(values) if values else None, {}
            )
            for thread_id, status, metadata, values in connection.execute(
                "SELECT thread_id, status, metadata, value FROM threads"
                " LEFT JOIN thread_values USING (thread_id)"
            )
        }
        for thread_id, run_id, status in connection.execute(
            "SELECT thread_id, run_id, status FROM runs ORDER BY seq"
        ):
            threads[thread_id].runs[run_id] = status
    return threads


def journal(database: Path) -> dict[str, list[tuple[str | None, str | None]]]:
    """Run id to its (from, to) status changes, oldest first."""
    changes: dict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    with read_only(database) as connection:
        for run_id, was, now in connection.execute(
            "SELECT run_id, from_status, to_status FROM journal ORDER BY seq"
        ):
            changes[run_id].append((was, now))
    return changes


def inconsistencies(database: Path) -> Sequence[str]:
    """Sentences about what must not be in a database file at any moment; empty if sound.

    A journal that names each change of a run once, in a chain from its creation on, that ends
    in the status of its row; no change after a terminal status but the run's deletion; a
    thread is busy exactly while one of its runs is active.
    """
    return [*_broken_pages(database), *_broken_journals(database), *_wrongly_busy(database)]


def _broken_pages(database: Path) -> Iterator[str]:
    with read_only(database) as connection:
        for (verdict,) in connection.execute("PRAGMA quick_check"):
            if verdict != "ok":
                yield f"SQLite finds: {verdict}"


def _broken_journals(database: Path) -> Iterator[str]:
    statuses = run_statuses(database)
    journals = journal(database)
    yield from (f"run {run_id} has no journal" for run_id in statuses.keys() - journals.keys())
    for run_id, changes in journals.items():
        status: str | None = None
        for was, now in changes:
            if was != status:
                yield f"run {run_id}: a change from {was} follows one to {status}: {changes}"
            if was in TERMINAL and now is not None:
                yield f"run {run_id} went on after its end: {changes}"
            status = now
        if statuses.get(run_id) != status:
            yield f"run {run_id} is {statuses.get(run_id)}, its journal says {changes}"


def _wrongly_busy(database: Path) -> Iterator[str]:
    for thread_id, thread in stored_threads(database).items():
        active = not ACTIVE.isdisjoint(thread.runs.values())
        if (thread.status == "busy") != active:
            yield f"thread {thread_id} is {thread.status}, its runs are {thread.runs}"
