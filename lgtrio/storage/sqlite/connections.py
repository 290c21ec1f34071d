"""SQLite connections: how one is opened, a pool of them for reading, and what their errors mean."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeVar

from attrs import define, field

from lgtrio.errors import StorageError, StorageUnavailable
from lgtrio.storage.sqlite.item_filter import add_item_matches
from lgtrio.storage.sqlite.metadata_index import add_contains

T = TypeVar("T")
Synchronous = Literal["off", "normal", "full", "extra"]

MEMORY: Final = ":memory:"
BUSY_SECONDS: Final = 5.0
IDLE_READERS: Final = 16
"""Reading connections kept open between reads. More reads than this at one instant open more and
close them again: a file descriptor each is dear when a thousand sync nodes read at once."""

_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
    }
)


def translate(error: sqlite3.Error) -> StorageError:
    """The StorageError to raise for `error`, with `error` as its cause."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind = StorageUnavailable if code in _UNAVAILABLE else StorageError
    translated = kind(f"The database failed: {error}.")
    translated.__cause__ = error
    return translated


def open_writer(path: str, synchronous: Synchronous) -> sqlite3.Connection:
    """The one connection that writes; the file is put into WAL mode.

    Foreign keys stay off: the schema has none, since a look-up of the parent for each stream
    frame and checkpoint would be paid on the hottest path.

    Raises:
        StorageError: it is no SQLite database; StorageUnavailable: it cannot be opened.
    """
    connection = _connect(path)
    try:
        _set_up_writer(connection, synchronous)
    except sqlite3.Error as error:
        connection.close()
        failed = translate(error)
        raise type(failed)(f"The database {path} cannot be used: {error}.") from error
    return connection


def _set_up_writer(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    # A checkpoint copies the log into the file and waits for the disk; every 16 MiB of log
    # instead of SQLite's 4 makes that pause four times rarer, and the log is cut afterwards.
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -32768")
    # Debian's SQLite would write zeros over all that is deleted: a run without a thread, whose
    # state goes at its end, would write twice as much. Overwritten is what costs no page more.
    connection.execute("PRAGMA secure_delete = FAST")


def _open_reader(path: str) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8192")
    return connection


def _connect(path: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path,
            timeout=BUSY_SECONDS,
            isolation_level=None,  # BEGIN and COMMIT are ours alone
            check_same_thread=False,  # handed from thread to thread, used by one at a time
            cached_statements=512,
        )
    except sqlite3.Error as error:
        raise StorageUnavailable(f"The database {path} cannot be opened: {error}.") from error
    connection.execute("PRAGMA temp_store = MEMORY")
    add_contains(connection)
    add_item_matches(connection)
    # SQLite's own lower() knows ASCII only.
    connection.create_function("casefold", 1, str.casefold, deterministic=True)
    return connection


@define
class Readers:
    """Connections for reading, lent to one caller at a time; any thread may ask.

    A pool and not one a thread: threads come and go (sync nodes), and a warm statement cache
    and an open file would go with them.
    """

    path: str
    _idle: deque[sqlite3.Connection] = field(factory=deque, init=False)
    _closed: bool = field(default=False, init=False)

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a read transaction: all of it sees one moment of the database.

        Raises:
            StorageUnavailable: the pool is closed, or the file cannot be opened.
        """
        connection = self._take()
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        finally:
            self._give_back(connection)

    def look_up(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query of one statement, which reads all of its rows.

        Raises:
            StorageUnavailable: the pool is closed, or the file cannot be opened.
        """
        connection = self._take()
        try:
            return query(connection)
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close all; one that is lent out is closed when it comes back."""
        self._closed = True
        while self._idle:
            self._pop_and_close()

    def _take(self) -> sqlite3.Connection:
        if self._closed:
            raise StorageUnavailable("The database has been closed.")
        try:
            return self._idle.pop()
        except IndexError:
            return _open_reader(self.path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) >= IDLE_READERS:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:  # close() may have emptied the pool just before our append
            self._pop_and_close()

    def _pop_and_close(self) -> None:
        try:
            connection = self._idle.pop()
        except IndexError:
            return  # another thread was faster and closes it
        connection.close()
