"""What every operation of the Trio side's storage gets: a connection, the time, the limits."""

from __future__ import annotations

import sqlite3
from typing import Any

from attrs import field, frozen

from lgtrio.storage.interface import ThreadTtl
from lgtrio.storage.sqlite.changes import Changes
from lgtrio.storage.sqlite.known_assistants import KnownAssistants

Row = tuple[Any, ...]


@frozen
class Limits:
    """Bounds on what is kept."""

    frames_per_run: int = 10_000
    journal_lines: int = 1_000_000
    thread_ttl: ThreadTtl | None = None
    """Of threads that are made without one of their own."""


@frozen
class Tx:
    """One transaction of the writer; its bodies are plain functions `(tx, …) -> result`.

    The time is that of the call, not of the commit: it comes from the caller's clock, which may
    be a virtual one that only the Trio loop can read.
    """

    connection: sqlite3.Connection
    at: str
    monotonic: float
    limits: Limits
    journal_changes: Changes
    webhook_changes: Changes = field(factory=Changes)
    known_assistants: KnownAssistants = field(factory=KnownAssistants)

    def execute(self, sql: str, parameters: Row = ()) -> int:
        """Run one statement; how many rows it changed."""
        return self.connection.execute(sql, parameters).rowcount

    def one(self, sql: str, parameters: Row = ()) -> Row | None:
        return one(self.connection, sql, parameters)

    def all(self, sql: str, parameters: Row = ()) -> list[Row]:
        return self.connection.execute(sql, parameters).fetchall()


def one(connection: sqlite3.Connection, sql: str, parameters: Row = ()) -> Row | None:
    """The only row or None; fetches all, so that no statement stays open over the commit."""
    rows = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None
