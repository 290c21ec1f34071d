"""The group-commit engine: one writer thread, many callers, one transaction for all that wait.

A commit costs more than the rows in it, so whatever has been submitted while the last batch was
being committed becomes the next one: alone, a caller waits for one small transaction; in a
crowd, five hundred share it. An operation that raises fails alone, whoever shares its transaction.
Readers have connections of their own and never wait for the writer (WAL).

Waking a thread costs about as much as a small commit. So writes that nobody waits for yet
(`Hurry.SOON`) do not wake the writer: it takes them along with the next batch, or after
`PATIENCE` at the latest. What will probably be taken back (`Hurry.LATER`) is not even taken along.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import outcome
import structlog
import trio
from attrs import define, field

from lgtrio.errors import StorageUnavailable
from lgtrio.storage.sqlite.batches import Job, run_batch
from lgtrio.storage.sqlite.connections import (
    MEMORY,
    Readers,
    Synchronous,
    open_writer,
    translate,
)
from lgtrio.storage.sqlite.faults import Faults

log = structlog.get_logger(__name__)

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
Done = Callable[["outcome.Outcome[T]"], None]

MAX_BATCH: Final = 500
"""Operations a transaction. More would not save time any more, and the first one waits for all."""
PATIENCE: Final = 0.004
"""Seconds an operation waits that is to be stored soon, for others to share its transaction."""
LEISURE: Final = 0.1
"""Seconds an operation waits that is to be stored later."""
ATTENTIVE: Final = 0.1
"""Seconds without work after which the writer stops looking by itself and has to be woken."""
MAX_SCANS: Final = 2
"""Worker threads that may scan at once; they compete with everything else for the interpreter."""


class Hurry(Enum):
    """When the writer begins with an operation, unless somebody calls `hurry_up` before."""

    NOW = "now"
    SOON = "soon"
    """With the next batch, or after `PATIENCE`."""
    LATER = "later"
    """After `LEISURE`; those submitted afterwards are not kept waiting by it."""


@define(eq=False)
class Engine:
    """Writes in groups, reads at once; every method may be called from any thread.

    Operations and queries get a `sqlite3.Connection` inside a transaction. They must not begin,
    commit or keep it, nor return an open cursor, nor call the engine again. An operation depends
    on nothing else that changes: its transaction may be undone and the operation run again. One
    that changes the schema is submitted when nobody else writes.

    A failing operation raises what it raised; a `sqlite3.Error` comes out as `StorageError`
    (`StorageUnavailable` where trying again may help). If the transaction itself cannot begin or
    commit, every caller of the batch gets that error and nothing of the batch is stored.

    Who closes: whoever made it calls `close`, which writes what was submitted before.
    """

    path: str
    """A file, or `:memory:` (inline only: the database lives in the one connection)."""
    synchronous: Synchronous = field(default="normal", kw_only=True)
    inline: bool = field(default=False, kw_only=True)
    """No thread: operations run on the caller's, one by one. For virtual time, and `:memory:`."""
    faults: Faults | None = field(default=None, kw_only=True)
    """Called at named points by crash tests; what it raises fails that operation or batch. An
    operation that is run again passes its points again."""
    after_commit: Callable[[], None] | None = field(default=None, kw_only=True)
    """Called after a batch, whether it was stored or not, before its callers are told; on the
    writer's thread (inline: the caller's). It must be quick and must not raise."""
    max_batch: int = field(default=MAX_BATCH, kw_only=True)
    commits: int = field(default=0, init=False)
    """Batches so far."""
    operations: int = field(default=0, init=False)
    """Operations in them."""

    _writer: sqlite3.Connection = field(init=False)
    _readers: Readers = field(init=False)
    _jobs: deque[Job] = field(factory=deque, init=False)
    """Unbounded: each job has a caller who waits for it or a saver that counts it."""
    _later: deque[tuple[float, Job]] = field(factory=deque, init=False)
    """Jobs, and when (`time.monotonic`) they join the others; changed inside the gate."""
    _wake: SimpleQueue[bool] = field(factory=SimpleQueue, init=False)
    """Wakes the writer. True: to begin with the jobs; False: to look at them by itself again."""
    _asleep: bool = field(default=False, init=False)
    """The writer does not look for jobs by itself."""
    _gate: threading.RLock = field(factory=threading.RLock, init=False)
    """Orders submit against close; inline it also serialises the one connection."""
    _closed: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _mailbox: trio.lowlevel.RunVar[_Mailbox] = field(init=False)
    _full_mailboxes: set[_Mailbox] = field(factory=set, init=False)
    """Mailboxes that got something in this batch; touched by the writer thread alone."""
    _scans: trio.CapacityLimiter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.inline = self.inline or self.path == MEMORY
        self._writer = open_writer(self.path, self.synchronous)
        self._readers = Readers(self.path)
        self._mailbox = trio.lowlevel.RunVar("lgtrio-sqlite-mailbox")
        self._scans = trio.CapacityLimiter(MAX_SCANS)
        if not self.inline:
            # A daemon, so that a process that dies without close() is not held up by it.
            self._thread = threading.Thread(target=self._run, name="lgtrio-sqlite", daemon=True)
            self._thread.start()

    @property
    def queued(self) -> int:
        """Operations that wait for the writer."""
        return len(self._jobs) + len(self._later)

    # -- writing -------------------------------------------------------------------------

    def submit(
        self,
        operation: Operation[T],
        *,
        done: Done[T] | None = None,
        name: str = "",
        hurry: Hurry = Hurry.NOW,
    ) -> None:
        """Queue an operation; never waits for the database (inline: runs it at once).

        Operations that are equally in a hurry run in the order of their submission.

        Args:
            done: called with the outcome once it is durable or has failed, on the writer's
                thread (inline: the caller's, before submit returns). It must be quick and must
                not raise. From asyncio: append to a deque, and if no wake-up is on its way set a
                flag and `loop.call_soon_threadsafe(drain)`; so a batch costs few wake-ups.
                Without `done` a failure is logged.
            name: names the fault points `before-op:<name>` and `after-op:<name>`.

        Raises:
            StorageUnavailable: the engine is closed; the operation will not run.
        """
        job = Job(operation, name or getattr(operation, "__name__", "operation"), done)
        with self._gate:
            if self._closed:
                raise StorageUnavailable("The database has been closed.")
            if self.inline:
                self._commit([job])
                return
            if hurry is Hurry.LATER:
                self._later.append((time.monotonic() + LEISURE, job))
            else:
                self._jobs.append(job)
            # A writer that is asleep is told of the first one, to begin counting its patience.
            if hurry is Hurry.NOW or self._asleep:
                self._asleep = False
                self._wake.put(hurry is Hurry.NOW)

    def hurry_up(self) -> None:
        """Begin with what was submitted without hurry: somebody waits for it now."""
        with self._gate:
            self._take_later(until=None)
            if self._jobs:
                self._wake.put(True)

    def _take_later(self, *, until: float | None) -> None:
        """Let those that were to be stored later join the others, inside the gate.

        Args:
            until: only those whose time has come by then; None for all.
        """
        while self._later and (until is None or self._later[0][0] <= until):
            self._jobs.append(self._later.popleft()[1])

    def write_sync(self, operation: Operation[T], *, name: str = "") -> T:
        """Run an operation and block this thread until it is committed; see `submit`."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("write_sync on the writer's own thread would wait for itself")
        results: list[outcome.Outcome[T]] = []
        committed = threading.Lock()
        committed.acquire()

        def done(result: outcome.Outcome[T]) -> None:
            results.append(result)
            committed.release()

        self.submit(operation, done=done, name=name)
        committed.acquire()
        return results[0].unwrap()

    async def write(
        self, operation: Operation[T], *, name: str = "", hurry: Hurry = Hurry.NOW
    ) -> T:
        """Run an operation and wait until it is committed; see `submit`.

        Cancellation: before the call nothing is submitted. Once submitted the operation runs
        and stays, also when this await is cancelled: only its result is lost.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.inline:
            try:
                return self.write_sync(operation, name=name)
            finally:
                await trio.lowlevel.cancel_shielded_checkpoint()
        waiter = _Waiter(trio.lowlevel.current_task())
        mailbox = self._own_mailbox()

        def done(result: outcome.Outcome[T]) -> None:
            mailbox.arrived.append((waiter, result))
            self._full_mailboxes.add(mailbox)

        self.submit(operation, done=done, name=name, hurry=hurry)

        def give_up(_raise_cancel: Callable[[], None]) -> trio.lowlevel.Abort:
            waiter.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        result: T = await trio.lowlevel.wait_task_rescheduled(give_up)
        return result

    # -- reading -------------------------------------------------------------------------

    def read(self, query: Operation[T]) -> T:
        """Run a query on the calling thread; it sees everything whose write has returned.

        Meant for queries that cost microseconds; see `scan` for the others.
        """
        try:
            if not self.inline:
                with self._readers.lend() as connection:
                    return query(connection)
            with self._gate:
                if self._closed:
                    raise StorageUnavailable("The database has been closed.")
                return query(self._writer)
        except sqlite3.Error as error:
            raise translate(error) from error

    def look_up(self, query: Operation[T]) -> T:
        """`read` for a query of one statement, which sees one moment without a transaction: each
        statement less is one wait less for the interpreter's lock."""
        if self.inline:
            return self.read(query)
        try:
            return self._readers.look_up(query)
        except sqlite3.Error as error:
            raise translate(error) from error

    async def scan(self, query: Operation[T]) -> T:
        """`read` in a worker thread, for queries whose cost grows with the data.

        Cancellation: not abandoned; the query is waited for, its result dropped.
        """
        if self.inline:
            await trio.lowlevel.checkpoint()
            return self.read(query)
        return await trio.to_thread.run_sync(self.read, query, limiter=self._scans)

    # -- the end -------------------------------------------------------------------------

    def close(self) -> None:
        """Commit what was submitted, then close all connections; blocks, may be called twice.

        A clean close leaves no write-ahead log behind.
        """
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._wake.put(True)
        if self._thread is not None:
            self._thread.join()
        self._readers.close()
        try:
            self._writer.execute("PRAGMA optimize")
        except sqlite3.Error as error:
            log.warning("could not optimize the database", error=str(error))
        self._writer.close()

    # -- the writer's thread -------------------------------------------------------------

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._commit(batch)
            except BaseException:  # noqa: ASYNC103  (no Trio task: the thread outlives any surprise)
                log.exception("the database writer met an unexpected error")

    def _next_batch(self) -> list[Job]:
        """Wait until there is something to do, then take what is there; empty after the end."""
        quiet = 0.0
        while True:
            try:
                hurry = self._wake.get(timeout=None if self._asleep else PATIENCE)
            except Empty:  # patience is over
                hurry = True
                quiet += PATIENCE
            if self._later:
                with self._gate:
                    self._take_later(until=None if self._closed else time.monotonic())
            if hurry and self._jobs:
                return [self._jobs.popleft() for _ in range(min(len(self._jobs), self.max_batch))]
            with self._gate:
                if self._closed and not self.queued:
                    return []
                self._asleep = quiet >= ATTENTIVE and not self.queued

    def _commit(self, batch: Sequence[Job]) -> None:
        """Run the jobs in one transaction and report to each."""
        if not batch:
            return
        results = run_batch(self._writer, batch, self.faults)
        self.commits += 1
        self.operations += len(batch)
        if self.after_commit is not None:
            self.after_commit()
        for job, result in zip(batch, results, strict=True):
            _report(job, result)
        while self._full_mailboxes:
            self._full_mailboxes.pop().wake()

    def _own_mailbox(self) -> _Mailbox:
        try:
            return self._mailbox.get()
        except LookupError:
            mailbox = _Mailbox(trio.lowlevel.current_trio_token())
            self._mailbox.set(mailbox)
            return mailbox


def _report(job: Job, result: outcome.Outcome[Any]) -> None:
    if job.done is None:
        if isinstance(result, outcome.Error):
            log.error("a write failed", operation=job.name, exc_info=result.error)
        return
    try:
        job.done(result)
    except Exception:  # the callback's bug must not cost the other callers their answer
        log.exception("a callback of the database writer raised", operation=job.name)


# -- waking Trio -------------------------------------------------------------------------


@define(eq=False)
class _Waiter:
    task: trio.lowlevel.Task | None
    """None once the wait was cancelled."""


@define(eq=False)
class _Mailbox:
    """Answers for the waiters of one Trio loop; one wake-up delivers all of a batch."""

    token: trio.lowlevel.TrioToken
    arrived: deque[tuple[_Waiter, outcome.Outcome[Any]]] = field(factory=deque, init=False)

    def wake(self) -> None:
        """From the writer's thread."""
        try:
            self.token.run_sync_soon(self._deliver)
        except trio.RunFinishedError:
            self.arrived.clear()  # nobody is left to be told

    def _deliver(self) -> None:
        while self.arrived:
            waiter, result = self.arrived.popleft()
            if waiter.task is not None:
                trio.lowlevel.reschedule(waiter.task, result)
