"""Checkpoints and writes of all runs on their way to the engine, gathered into few operations.

A run stores something every millisecond. What arrives while an operation of ours still waits for
the writer thread joins it, whichever run it comes from, and shares its few statements.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import outcome
from attrs import define, field

from lgtrio.errors import StorageError
from lgtrio.storage.interface import CheckpointRow, WriteRow
from lgtrio.storage.sqlite.checkpoint_rows import put_checkpoints, put_writes
from lgtrio.storage.sqlite.connections import translate
from lgtrio.storage.sqlite.engine import Engine, Hurry

Stored = Callable[[Exception | None], None]
"""Called once: with None when the rows are durable, else with what went wrong. On the writer's
thread; must be quick and must not raise."""


@define(eq=False)
class Flight:
    """A write on its way to the database."""

    error: Exception | None = None
    """What went wrong; known within the transaction, to whatever comes later in it."""

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Around the write, each time that it is run."""
        self.error = None
        try:
            yield
        except sqlite3.Error as error:
            self.error = translate(error)
            raise
        except Exception as error:
            self.error = error
            raise


@define(eq=False)
class Entry:
    """Rows that were submitted together."""

    checkpoints: Sequence[CheckpointRow]
    writes: Sequence[WriteRow]
    flight: Flight
    stored: Stored

    def is_of(self, thread_id: str) -> bool:
        """Whether all of them belong to this thread."""
        rows: Iterable[CheckpointRow | WriteRow] = chain(self.checkpoints, self.writes)
        return all(row.thread_id == thread_id for row in rows)

    def put(self, connection: sqlite3.Connection) -> None:
        put_checkpoints(connection, self.checkpoints)
        put_writes(connection, self.writes)


@define(eq=False)
class CheckpointWriter:
    """One for each engine; every method may be called from any thread."""

    engine: Engine
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _waiting: dict[Hurry, list[Entry]] = field(factory=dict, init=False)
    """What the operations will store that are queued and not begun, by their hurry."""

    def submit(self, entry: Entry, hurry: Hurry = Hurry.SOON) -> None:
        """Queue rows in the order of the calls; never waits for the database.

        They are in no hurry: whoever waits for them calls `engine.hurry_up`.

        All of them are stored or none. Rows that cannot be stored fail alone: others that
        happen to share the operation are not affected.
        """
        with self._lock:
            if (waiting := self._waiting.get(hurry)) is not None:
                waiting.append(entry)
                return
            entries = self._waiting[hurry] = [entry]
        self._queue(entries, hurry)

    def withdraw(self, flights: Collection[Flight], thread_id: str) -> Sequence[Entry]:
        """Take back what has not been begun, to store it otherwise or not at all; nobody is told.

        Args:
            flights: whose entries to take back.
            thread_id: of those, the ones of this thread. A graph may keep states of other threads
                too, which outlive it.
        """
        taken: list[Entry] = []
        with self._lock:
            for waiting in self._waiting.values():
                left: list[Entry] = []
                for entry in waiting:
                    ours = entry.flight in flights and entry.is_of(thread_id)
                    (taken if ours else left).append(entry)
                waiting[:] = left
        return taken

    def _queue(self, entries: list[Entry], hurry: Hurry) -> None:
        def put_checkpoint_rows(connection: sqlite3.Connection) -> None:
            self._no_more_into(entries, hurry)
            _put(connection, entries)

        def done(result: outcome.Outcome[None]) -> None:
            self._no_more_into(entries, hurry)
            failed = result.error if isinstance(result, outcome.Error) else None
            for entry in entries:
                entry.stored(entry.flight.error or _as_exception(failed))

        try:
            self.engine.submit(put_checkpoint_rows, done=done, hurry=hurry)
        except StorageError as error:  # the engine is closed
            done(outcome.Error(error))

    def _no_more_into(self, entries: list[Entry], hurry: Hurry) -> None:
        with self._lock:
            if self._waiting.get(hurry) is entries:
                del self._waiting[hurry]


def _put(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """All at once; if that fails one by one, so that only the culprit has an error."""
    if not entries:  # all of them were withdrawn
        return
    if len(entries) == 1:
        with entries[0].flight.noting_failure():
            entries[0].put(connection)
        return
    for entry in entries:
        entry.flight.error = None  # of a transaction that was undone and is run again
    together = Entry(
        [row for entry in entries for row in entry.checkpoints],
        [row for entry in entries for row in entry.writes],
        Flight(),
        stored=lambda _: None,
    )
    _attempt(connection, together)
    if together.flight.error is not None:
        for entry in entries:
            _attempt(connection, entry)


def _attempt(connection: sqlite3.Connection, entry: Entry) -> None:
    connection.execute("SAVEPOINT checkpoint_rows")
    try:
        entry.put(connection)
    except (sqlite3.Error, StorageError) as error:
        if not connection.in_transaction:
            raise  # SQLite has rolled back everything (a full disk): the engine tells everybody
        connection.execute("ROLLBACK TO checkpoint_rows")
        entry.flight.error = translate(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE checkpoint_rows")


def _as_exception(error: BaseException | None) -> Exception | None:
    if error is None or isinstance(error, Exception):
        return error
    return StorageError(f"The database failed: {error!r}.")
