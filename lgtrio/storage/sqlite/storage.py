"""`Storage` on one SQLite file: every method a function of this package, run by the engine.

Each write is one operation of the engine, named like the method (which names its fault points);
each read is one query on a connection of its own. What they do is in the modules beside this
one, as plain functions of a transaction or a connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import structlog
import trio
from attrs import field, frozen

from lgtrio.storage.interface import (
    WHOLE_JOURNAL,
    AssistantChange,
    AssistantFilter,
    AssistantOrder,
    AssistantRecord,
    Cause,
    Claimable,
    CreatedRun,
    CronFilter,
    CronOrder,
    CronRecord,
    Decide,
    Expired,
    FinishedRun,
    Firing,
    FoundAssistants,
    FoundCrons,
    FoundThreads,
    Frame,
    FrameLog,
    JournalLine,
    JournalSpan,
    Json,
    LaneRun,
    NewRun,
    NewThread,
    Recovered,
    RunOrder,
    RunRecord,
    SettleWrites,
    Stop,
    StoredTtl,
    ThreadFilter,
    ThreadOrder,
    ThreadOutcome,
    ThreadRecord,
    ThreadTtl,
    ThreadUsage,
    WebhookRecord,
)
from lgtrio.storage.sqlite import (
    assistant_search,
    assistants,
    crons,
    endings,
    expiry,
    journal,
    kept_streams,
    lane,
    recovery,
    runs,
    stops,
    thread_search,
    thread_states,
    thread_ttl,
    threads,
    webhooks,
)
from lgtrio.storage.sqlite.changes import Changes
from lgtrio.storage.sqlite.connections import MEMORY, Synchronous
from lgtrio.storage.sqlite.engine import Engine, Hurry, Operation
from lgtrio.storage.sqlite.faults import Faults
from lgtrio.storage.sqlite.frames import (
    append_frames,
    frame_logs,
    frame_of_mark,
    last_frame,
    read_frames,
)
from lgtrio.storage.sqlite.known_assistants import KnownAssistants
from lgtrio.storage.sqlite.lock import DatabaseLock
from lgtrio.storage.sqlite.migrations import migrate
from lgtrio.storage.sqlite.transaction import Limits, Tx
from lgtrio.wire.enums import RunStatus
from lgtrio.wire.times import now_iso

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_CLOSE_SECONDS: Final = 30.0
"""How long leaving waits for writes that were submitted before; they normally take milliseconds."""


@asynccontextmanager
async def open_sqlite(
    path: str,
    *,
    synchronous: Synchronous = "normal",
    inline: bool = False,
    faults: Faults | None = None,
    max_frames_per_run: int = 10_000,
    journal_lines: int = 1_000_000,
    default_ttl: ThreadTtl | None = None,
    now: Callable[[], str] = now_iso,
    monotonic: Callable[[], float] = trio.current_time,
) -> AsyncIterator[SqliteStorage]:
    """Lock the database file, bring it to this code's schema, and use it inside the block.

    Args:
        path: a file (made if missing; its folder must exist), or `:memory:`.
        synchronous: what a commit survives: with `normal` the end of the process; with `full`
            also a power loss, for one wait on the disk a commit.
        inline: no writer thread; for tests in virtual time.
        faults: called at the points that `faults` lists.
        max_frames_per_run: stream frames kept of a resumable run; the oldest go first.
        journal_lines: about how many lines of the journal are kept; the oldest go first.
        default_ttl: of threads that are made without one of their own; None keeps them.
        now: wall clock, as an ISO time.
        monotonic: seconds, for the journal.

    Raises:
        StorageUnavailable: another server has the file, or it cannot be opened.
        StorageError: it is not one of lgtrio's databases, or a newer lgtrio's.

    On the way out everything that was submitted is committed.
    """
    lock = None if path == MEMORY else DatabaseLock.acquire(Path(path))
    try:
        journaled, ended, known = Changes(), Changes(), KnownAssistants()

        def committed() -> None:
            journaled.committed()
            ended.committed()
            known.committed()

        engine = Engine(
            path,
            synchronous=synchronous,
            inline=inline,
            faults=faults,
            after_commit=committed,
        )
        try:
            await migrate(engine)
            limits = Limits(max_frames_per_run, journal_lines, default_ttl)
            yield SqliteStorage(
                engine, lock, limits, journaled, ended, known, now=now, monotonic=monotonic
            )
        finally:
            with trio.move_on_after(_CLOSE_SECONDS, shield=True) as closing:
                await _close(engine)
            if closing.cancelled_caught:
                log.critical("the database is still writing; leaving without it", path=path)
    finally:
        if lock is not None:
            lock.release()


async def _close(engine: Engine) -> None:
    if engine.inline:
        engine.close()  # without a checkpoint: a virtual clock could jump to the deadline
    else:
        await trio.to_thread.run_sync(engine.close, abandon_on_cancel=True)


@frozen(eq=False)
class SqliteStorage:
    """The Trio side's view of one SQLite database; see `storage.interface.Storage`."""

    engine: Engine
    """The graph side's savers and stores write through it too."""
    _lock: DatabaseLock | None
    _limits: Limits
    _journal_changes: Changes
    _webhook_changes: Changes
    _known_assistants: KnownAssistants
    _now: Callable[[], str] = field(kw_only=True, alias="now")
    _monotonic: Callable[[], float] = field(kw_only=True, alias="monotonic")

    def announce(self, *, port: int) -> None:
        """Write where this server listens, for the sentence that refuses a second one."""
        if self._lock is not None:
            self._lock.announce(port=port)

    # -- assistants --------------------------------------------------------------------

    async def ensure_assistant(self, assistant: AssistantRecord) -> None:
        await self._write(assistants.ensure_assistant, assistant)

    async def create_assistant(
        self, new: AssistantRecord, *, exist_ok: bool = False
    ) -> AssistantRecord:
        return await self._write(assistants.create_assistant, new, exist_ok=exist_ok)

    async def get_assistant(self, assistant_id: str) -> AssistantRecord | None:
        known = self._known_assistants.since_change
        if (found := known.get(assistant_id)) is not None:
            return found
        found = await self._read(assistants.get_assistant, assistant_id)
        if found is not None:
            self._known_assistants.remember(known, found)
        return found

    async def update_assistant(
        self, assistant_id: str, change: AssistantChange
    ) -> AssistantRecord | None:
        return await self._write(assistants.update_assistant, assistant_id, change)

    async def set_assistant_version(
        self, assistant_id: str, version: int
    ) -> AssistantRecord | None:
        return await self._write(assistants.set_assistant_version, assistant_id, version)

    async def delete_assistant(self, assistant_id: str) -> bool:
        return await self._write(assistants.delete_assistant, assistant_id)

    async def search_assistants(
        self, wanted: AssistantFilter, *, order: AssistantOrder, limit: int, offset: int
    ) -> FoundAssistants:
        return await self._scan(
            assistant_search.search_assistants, wanted, order=order, limit=limit, offset=offset
        )

    async def count_assistants(self, wanted: AssistantFilter) -> int:
        return await self._scan(assistant_search.count_assistants, wanted)

    async def assistant_versions(
        self, assistant_id: str, *, metadata: Mapping[str, object], limit: int, offset: int
    ) -> Sequence[AssistantRecord]:
        return await self._scan(
            assistant_search.assistant_versions,
            assistant_id,
            metadata=metadata,
            limit=limit,
            offset=offset,
        )

    # -- threads -----------------------------------------------------------------------

    async def create_thread(self, new: NewThread, *, exist_ok: bool = False) -> ThreadRecord:
        return await self._write(threads.create_thread, new, exist_ok=exist_ok)

    async def get_thread(self, thread_id: str) -> ThreadRecord | None:
        return await self._read(threads.get_thread, thread_id)

    async def patch_thread(
        self, thread_id: str, metadata: Json, *, ttl: ThreadTtl | None = None
    ) -> ThreadRecord | None:
        return await self._write(threads.patch_thread, thread_id, metadata, ttl=ttl)

    async def delete_thread(
        self, thread_id: str, *, actor: str | None = None
    ) -> Sequence[LaneRun] | None:
        return await self._write(threads.delete_thread, thread_id, actor=actor)

    async def set_thread_state(self, thread_id: str, outcome: ThreadOutcome) -> ThreadRecord | None:
        return await self._write(threads.set_thread_state, thread_id, outcome)

    async def adopt_thread(
        self, new: NewThread, outcome: ThreadOutcome, *, source: str, exist_ok: bool = False
    ) -> ThreadRecord:
        return await self._write(
            thread_states.adopt_thread, new, outcome, source=source, exist_ok=exist_ok
        )

    async def discard_states(self, source: str) -> None:
        await self._write(thread_states.discard_states, source)

    async def copy_thread(self, thread_id: str, copy_id: str) -> ThreadRecord | None:
        return await self._write(thread_states.copy_thread, thread_id, copy_id)

    async def search_threads(
        self,
        wanted: ThreadFilter,
        *,
        order: ThreadOrder,
        limit: int,
        offset: int,
        with_values: bool = True,
    ) -> FoundThreads:
        return await self._scan(
            thread_search.search_threads,
            wanted,
            order=order,
            limit=limit,
            offset=offset,
            with_values=with_values,
        )

    async def count_threads(self, wanted: ThreadFilter) -> int:
        return await self._scan(thread_search.count_threads, wanted)

    async def patch_state(self, thread_id: str, metadata: Json) -> ThreadRecord | None:
        return await self._write(thread_states.patch_state, thread_id, metadata)

    async def prune_thread(self, thread_id: str) -> bool:
        return await self._write(thread_states.prune_thread, thread_id)

    async def thread_usage(self, thread_id: str) -> ThreadUsage:
        return await self._scan(thread_states.thread_usage, thread_id)

    async def thread_ttl(self, thread_id: str) -> StoredTtl | None:
        return await self._read(thread_ttl.thread_ttl, thread_id)

    async def expire_threads(self) -> Expired:
        return await self._write(expiry.expire_threads)

    # -- runs --------------------------------------------------------------------------

    async def create_run(
        self,
        new: NewRun,
        *,
        decide: Decide,
        thread: NewThread | None,
        claim: bool,
        actor: str | None = None,
    ) -> CreatedRun:
        return await self._write(
            lane.create_run, new, decide=decide, thread=thread, claim=claim, actor=actor
        )

    async def create_runs(
        self, orders: Sequence[RunOrder], *, decide: Decide, actor: str | None = None
    ) -> Sequence[CreatedRun]:
        return await self._write(lane.create_runs, orders, decide=decide, actor=actor)

    async def next_run(self, thread_id: str) -> RunRecord | None:
        return await self._read(runs.next_run, thread_id, at=self._now())

    async def claim_next(self, thread_id: str, *, only: str | None = None) -> RunRecord | None:
        return await self._write(lane.claim_next, thread_id, only=only)

    async def finish_run(
        self,
        run_id: str,
        status: RunStatus,
        thread: ThreadOutcome | None,
        *,
        cause: Cause,
        actor: str | None = None,
        asked: float | None = None,
        only: RunStatus | None = None,
        last_writes: SettleWrites | None = None,
    ) -> FinishedRun | None:
        return await self._write(
            endings.finish_run,
            run_id,
            status,
            thread,
            cause=cause,
            actor=actor,
            asked=asked,
            only=only,
            last_writes=last_writes,
        )

    async def stop_runs(self, run_ids: Sequence[str], stop: Stop) -> None:
        # In no hurry: nearly always the end of the run is about to be stored, and takes it along.
        operation = self._operation(stops.stop_runs, run_ids, stop)
        await self.engine.write(operation, name="stop_runs", hurry=Hurry.SOON)

    async def requeue_run(
        self, run_id: str, *, cause: Cause, actor: str | None = None, asked: float | None = None
    ) -> bool:
        return await self._write(endings.requeue_run, run_id, cause=cause, actor=actor, asked=asked)

    async def rollback_run(
        self,
        run_id: str,
        *,
        cause: Cause,
        actor: str | None = None,
        asked: float | None = None,
        only: RunStatus | None = None,
    ) -> FinishedRun | None:
        return await self._write(
            endings.rollback_run, run_id, cause=cause, actor=actor, asked=asked, only=only
        )

    async def delete_run(self, run_id: str, *, actor: str | None = None) -> bool:
        return await self._write(endings.delete_run, run_id, actor=actor)

    async def get_run(self, run_id: str) -> RunRecord | None:
        return await self._read(runs.get_run, run_id)

    async def list_runs(
        self, thread_id: str, *, limit: int, offset: int, status: str | None
    ) -> Sequence[RunRecord]:
        return await self._scan(
            runs.list_runs, thread_id, limit=limit, offset=offset, status=status
        )

    async def active_runs(self, status: RunStatus | None = None) -> Sequence[str]:
        return await self._scan(runs.active_runs, status)

    async def claimable(self, *, limit: int = 1000) -> Sequence[Claimable]:
        return await self._scan(runs.claimable, at=self._now(), limit=limit)

    async def recover(self, *, max_attempts: int) -> Recovered:
        return await self._write(recovery.recover, max_attempts=max_attempts)

    # -- frames of resumable runs ------------------------------------------------------

    async def append_frames(self, run_id: str, frames: Sequence[Frame]) -> None:
        await self._write(append_frames, run_id, frames)

    async def read_frames(self, run_id: str, *, after: int, limit: int = 1000) -> Sequence[Frame]:
        return await self._scan(read_frames, run_id, after=after, limit=limit)

    async def last_frame(self, run_id: str) -> int:
        return await self._read(last_frame, run_id)

    async def frame_of_mark(self, run_id: str, checkpoint_id: str) -> int | None:
        return await self._scan(frame_of_mark, run_id, checkpoint_id)

    async def frame_logs(self, thread_id: str) -> Sequence[FrameLog]:
        return await self._scan(frame_logs, thread_id)

    async def thread_of_kept_stream(self, run_id: str) -> str | None:
        return await self._read(kept_streams.thread_of, run_id)

    async def forget_streams(self) -> bool:
        return await self._write(kept_streams.forget)

    # -- crons -------------------------------------------------------------------------

    async def create_cron(self, cron: CronRecord) -> CronRecord:
        return await self._write(crons.create_cron, cron)

    async def get_cron(self, cron_id: str) -> CronRecord | None:
        return await self._read(crons.get_cron, cron_id)

    async def update_cron(
        self, cron_id: str, change: Callable[[CronRecord], CronRecord]
    ) -> CronRecord | None:
        return await self._write(crons.update_cron, cron_id, change)

    async def delete_cron(self, cron_id: str) -> bool:
        return await self._write(crons.delete_cron, cron_id)

    async def search_crons(
        self, wanted: CronFilter, *, order: CronOrder, limit: int, offset: int
    ) -> FoundCrons:
        return await self._scan(crons.search_crons, wanted, order=order, limit=limit, offset=offset)

    async def count_crons(self, wanted: CronFilter) -> int:
        return await self._scan(crons.count_crons, wanted)

    async def due_crons(self, at: str, *, limit: int) -> Sequence[CronRecord]:
        return await self._scan(crons.due_crons, at, limit=limit)

    async def next_cron_time(self) -> str | None:
        return await self._read(crons.next_cron_time)

    async def skip_firing(self, firing: Firing) -> bool:
        return await self._write(crons.skip_firing, firing)

    # -- webhooks ----------------------------------------------------------------------

    async def due_webhooks(self, at: str, *, limit: int) -> Sequence[WebhookRecord]:
        return await self._scan(webhooks.due_webhooks, at, limit=limit)

    async def next_webhook_time(self, *, after: str) -> str | None:
        return await self._read(webhooks.next_webhook_time, after=after)

    async def postpone_webhook(self, webhook_id: int, *, due_at: str) -> None:
        await self._write(webhooks.postpone_webhook, webhook_id, due_at=due_at)

    async def drop_webhook(self, webhook_id: int) -> None:
        await self._write(webhooks.drop_webhook, webhook_id)

    def webhooks_changed(self) -> trio.Event:
        return self._webhook_changes.next_change()

    # -- journal -----------------------------------------------------------------------

    async def journal(
        self,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        span: JournalSpan = WHOLE_JOURNAL,
        limit: int = 1000,
    ) -> Sequence[JournalLine]:
        return await self._scan(
            journal.read_journal, run_id=run_id, thread_id=thread_id, span=span, limit=limit
        )

    async def last_journal_seq(self) -> int:
        return await self._read(journal.last_seq)

    def journal_changed(self) -> trio.Event:
        return self._journal_changes.next_change()

    # -- how they run ------------------------------------------------------------------

    async def _write(
        self, body: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.engine.write(self._operation(body, *args, **kwargs), name=body.__name__)

    def _operation(
        self, body: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Operation[T]:
        at, monotonic = self._now(), self._monotonic()

        def operation(connection: sqlite3.Connection) -> T:
            tx = Tx(
                connection,
                at,
                monotonic,
                self._limits,
                self._journal_changes,
                self._webhook_changes,
                self._known_assistants,
            )
            return body(tx, *args, **kwargs)

        return operation

    async def _read(
        self,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """A look-up by key in one statement: cheaper here than the way to a thread and back.

        It can be cancelled but lets no other task in: that takes nearly as long as the look-up.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        return self.engine.look_up(lambda connection: query(connection, *args, **kwargs))

    async def _scan(
        self,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """A query that may return many or large rows: in a worker thread."""
        return await self.engine.scan(lambda connection: query(connection, *args, **kwargs))
