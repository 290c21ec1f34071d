"""One transaction for a batch of operations, in which one that raises fails alone.

A savepoint for each operation would be a quarter of all statements, for the few that raise. Most
of those are guards that refuse before a row has changed and leave nothing to undo. After any other
everything is undone and done again, now with savepoints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import outcome
import structlog
from attrs import frozen

from lgtrio.errors import StorageError, StorageUnavailable
from lgtrio.storage.sqlite.connections import translate
from lgtrio.storage.sqlite.faults import Faults

log = structlog.get_logger(__name__)


@frozen(eq=False)
class Job:
    """An operation that somebody has submitted; see `Engine.submit`."""

    operation: Callable[[sqlite3.Connection], Any]
    name: str
    done: Callable[[outcome.Outcome[Any]], None] | None


def run_batch(
    connection: sqlite3.Connection, batch: Sequence[Job], faults: Faults | None
) -> list[outcome.Outcome[Any]]:
    """One outcome a job, in order; what succeeded is durable.

    Args:
        faults: see `Engine.faults`.
    """
    transaction = _Transaction(connection, faults)
    if len(batch) == 1:
        return transaction.attempt(batch, transaction.alone)
    try:
        return transaction.attempt(batch, transaction.bare)
    except _HalfDone:
        return transaction.attempt(batch, transaction.in_savepoint)


class _HalfDone(Exception):
    """An operation has changed rows and then raised."""


@frozen
class _Transaction:
    connection: sqlite3.Connection
    faults: Faults | None

    def attempt(
        self, batch: Sequence[Job], run: Callable[[Job], outcome.Outcome[Any]]
    ) -> list[outcome.Outcome[Any]]:
        """One transaction.

        Args:
            run: what it raises ends the transaction for all.

        Raises:
            _HalfDone: as `run` did; nothing is stored.
        """
        results: list[outcome.Outcome[Any]] = []
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                results.append(run(job))
                self._still_open()
            self._end()
        except _HalfDone:
            self._roll_back()
            raise
        except BaseException as error:  # noqa: ASYNC103  (no Trio task; the callers get it)
            self._roll_back()
            failed = translate(error) if isinstance(error, sqlite3.Error) else error
            return _all_failed(results, failed, len(batch))  # noqa: ASYNC104  (as above)
        return results

    def _still_open(self) -> None:
        """Some errors (a full disk) make SQLite roll back everything, not one statement."""
        if not self.connection.in_transaction:
            raise StorageUnavailable("The database gave up the transaction.")

    def _step(self, job: Job) -> Any:
        try:
            self._fault("before-op:" + job.name)
            result = job.operation(self.connection)
            self._fault("after-op:" + job.name)
        except sqlite3.Error as error:
            raise translate(error) from error
        return result

    # -- ways to run a job -----------------------------------------------------------------

    def alone(self, job: Job) -> outcome.Outcome[Any]:
        return outcome.Value(self._step(job))

    def bare(self, job: Job) -> outcome.Outcome[Any]:
        rows_changed = self.connection.total_changes
        result: outcome.Outcome[Any] = outcome.capture(self._step, job)
        if isinstance(result, outcome.Error) and self.connection.total_changes != rows_changed:
            raise _HalfDone
        return result

    def in_savepoint(self, job: Job) -> outcome.Outcome[Any]:
        self.connection.execute("SAVEPOINT operation")
        result: outcome.Outcome[Any] = outcome.capture(self._step, job)
        if self.connection.in_transaction:
            if isinstance(result, outcome.Error):
                self.connection.execute("ROLLBACK TO operation")
            self.connection.execute("RELEASE operation")
        return result

    # -- steps -----------------------------------------------------------------------------

    def _end(self) -> None:
        self._fault("before-commit")
        self.connection.execute("COMMIT")
        self._fault("after-commit")

    def _roll_back(self) -> None:
        if not self.connection.in_transaction:
            return
        try:
            self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("the database could not roll back")

    def _fault(self, point: str) -> None:
        if self.faults is not None:
            self.faults(point)


def _all_failed(
    results: list[outcome.Outcome[Any]], error: BaseException, count: int
) -> list[outcome.Outcome[Any]]:
    """Everybody fails with `error`, except who had failed already with an error of his own."""
    kept = [result if isinstance(result, outcome.Error) else _failed(error) for result in results]
    return kept + [_failed(error) for _ in range(count - len(results))]


def _failed(error: BaseException) -> outcome.Outcome[Any]:
    """A new object for each caller: tracebacks grow where an exception is raised."""
    if not isinstance(error, StorageError):
        return outcome.Error(error)
    own = type(error)(error.detail)
    own.__cause__ = error.__cause__
    return outcome.Error(own)
