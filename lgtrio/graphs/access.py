"""A run's access to the database: counted, and closed for good when the run ends.

Shared by the run's saver and store, used from any thread: the graph loop, threads of sync nodes,
the database's writer. Nothing here knows Trio; nothing waits for the graph loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import outcome
from attrs import define, field

from lgtrio.errors import Fenced
from lgtrio.graphs.frame_order import FrameOrder
from lgtrio.storage.interface import CheckpointRow, WriteRow
from lgtrio.storage.sqlite.checkpoint_writer import CheckpointWriter, Entry, Flight
from lgtrio.storage.sqlite.engine import Hurry, Operation

T = TypeVar("T")


@define(eq=False)
class DatabaseAccess:
    """One for each run, or for each state operation; cheap to make.

    Every method but those of the end raises `Fenced` once the access has been closed, and the
    error of an earlier write in the background, if one has failed.
    """

    _writer: CheckpointWriter
    _run_id: str = ""
    """For the sentence of `Fenced`."""
    _hurry: Hurry = Hurry.SOON
    """Of rows that nobody waits for."""
    behind_frames: bool = field(default=False, kw_only=True)
    """The run's stream has a log, and rows are held back for it."""
    order: FrameOrder | None = field(init=False)
    """Who counts what the run streams; None if no rows are held back."""
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _flights: set[Flight] = field(factory=set, init=False)
    _closed: bool = field(default=False, init=False)
    _failure: Exception | None = field(default=None, init=False)
    _waiting: list[Callable[[], None]] = field(factory=list, init=False)
    """To be called when nothing is in flight any more."""
    _in_a_hurry: bool = field(default=False, init=False)
    """`hurry_up` was called; what is held back yet will be in a hurry, too."""

    def __attrs_post_init__(self) -> None:
        self.order = FrameOrder(self._submit_released) if self.behind_frames else None

    # -- writing -------------------------------------------------------------------------

    def hand_over(
        self, *, checkpoints: Sequence[CheckpointRow] = (), writes: Sequence[WriteRow] = ()
    ) -> None:
        """Give rows to the database and go on; a failure is raised by the next call."""
        flight = self._begin()
        entry = Entry(checkpoints, writes, flight, partial(self._end, flight))
        if self.order is None:
            self._writer.submit(entry, self._hurry)
        else:
            self.order.put(entry)

    def _submit_released(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._writer.submit(entry, self._hurry)
        # Looked at after the rows are queued: whoever begins to wait later hurries them himself.
        if self._waiting or self._in_a_hurry:
            self._writer.engine.hurry_up()

    def later(self, operation: Operation[None]) -> None:
        """Submit an operation and go on; a failure is raised by the next call."""
        flight = self._begin()

        def done(ended: outcome.Outcome[None]) -> None:
            error = ended.error if isinstance(ended, outcome.Error) else None
            self._end(flight, error if isinstance(error, Exception) else None)

        def noting_failure(connection: sqlite3.Connection) -> None:
            with flight.noting_failure():
                operation(connection)

        self._submit(noting_failure, flight, done)

    def write(self, operation: Operation[T]) -> T:
        """Run an operation and block until it is committed."""
        flight = self._begin()
        try:
            return self._writer.engine.write_sync(operation)
        finally:
            self._end(flight, None)

    async def awrite(self, operation: Operation[T]) -> T:
        """Run an operation and wait until it is committed.

        Cancellation: the operation stays and is counted until it has ended; its result is lost.
        """
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        deliver = _delivery_to(result)

        def done(ended: outcome.Outcome[T]) -> None:
            self._end(flight, None)
            deliver(ended)

        flight = self._begin()
        self._submit(operation, flight, done)
        return await result

    def _submit(
        self,
        operation: Operation[T],
        flight: Flight,
        done: Callable[[outcome.Outcome[T]], None],
    ) -> None:
        try:
            self._writer.engine.submit(operation, done=done)
        except BaseException:
            self._end(flight, None)
            raise

    def _begin(self) -> Flight:
        flight = Flight()
        with self._lock:
            self._check()
            self._flights.add(flight)
        return flight

    def _end(self, flight: Flight, error: Exception | None) -> None:
        with self._lock:
            self._flights.discard(flight)
            self._failure = self._failure or error
            if self._flights:
                return
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def _check(self) -> None:
        if self._closed:
            raise Fenced(self._run_id)
        if self._failure is not None:
            raise self._failure

    # -- reading -------------------------------------------------------------------------

    def read(self, query: Operation[T]) -> T:
        """Run a query on this thread; it may not see what is still in flight."""
        self._check()
        result = self._writer.engine.read(query)
        self._check()
        return result

    async def scan(self, query: Operation[T]) -> T:
        """`read` in a worker thread, for queries that take longer than the loop may wait."""
        return await asyncio.to_thread(self.read, query)

    def settle(self) -> None:
        """Block until nothing of this run is in flight, so that reads see all of it."""
        self._check()
        if self._flights:
            settled = threading.Event()
            self.when_drained(settled.set)
            settled.wait()
            self._check()

    async def asettle(self) -> None:
        """`settle` without blocking."""
        self._check()
        if self._flights:
            await self._drained()
            self._check()

    # -- the end -------------------------------------------------------------------------

    def close(self) -> None:
        """Refuse every later call; what is in flight still arrives. Never blocks."""
        with self._lock:
            self._closed = True

    def withdraw(self, thread_id: str) -> Sequence[Entry]:
        """Take back the rows of a thread that the database has not begun to store; whoever calls
        this stores them, if they are wanted."""
        with self._lock:
            flights = set(self._flights)
        # First those that are held back: from there on nothing of the thread comes to the writer.
        held = self.order.withdraw(thread_id) if self.order is not None else ()
        taken = [*self._writer.withdraw(flights, thread_id), *held]
        for entry in taken:
            self._end(entry.flight, None)
        return taken

    def hurry_up(self) -> None:
        """Have what is in flight begun before anything that is submitted from here on; what is
        held back, before anything that is submitted after its release."""
        if self._flights and self._hurry is Hurry.LATER:
            self._in_a_hurry = True
            self._writer.engine.hurry_up()

    @property
    def holding(self) -> bool:
        """Whether rows are held back that the database has not been given."""
        return self.order is not None and self.order.holding

    @property
    def in_flight(self) -> int:
        """How many writes the database has not answered yet."""
        return len(self._flights)

    @property
    def failure(self) -> Exception | None:
        """What went wrong with a write in the background."""
        with self._lock:
            return self._failure or next((each.error for each in self._flights if each.error), None)

    def when_drained(self, callback: Callable[[], None]) -> None:
        """Call back once when nothing is in flight: now, or later on the writer's thread."""
        with self._lock:
            if draining := bool(self._flights):
                self._waiting.append(callback)
        if draining:
            self._writer.engine.hurry_up()
        else:
            callback()

    async def wait_drained(self) -> None:
        """Wait until nothing is in flight; also after `close`.

        Raises:
            StorageError: a write in the background has failed.
        """
        if self._flights:
            await self._drained()
        if self._failure is not None:
            raise self._failure

    async def _drained(self) -> None:
        drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        deliver = _delivery_to(drained)
        self.when_drained(lambda: deliver(outcome.Value(None)))
        await drained


def _delivery_to(future: asyncio.Future[T]) -> Callable[[outcome.Outcome[T]], None]:
    """A function for any thread that resolves the future, unless its loop has ended."""
    loop = future.get_loop()

    def resolve(result: outcome.Outcome[T]) -> None:
        if future.done():  # the waiting task was cancelled
            return
        if isinstance(result, outcome.Error):
            future.set_exception(result.error)
        elif isinstance(result, outcome.Value):
            future.set_result(result.value)

    def deliver(result: outcome.Outcome[T]) -> None:
        try:
            loop.call_soon_threadsafe(resolve, result)
        except RuntimeError:
            if not loop.is_closed():
                raise

    return deliver
