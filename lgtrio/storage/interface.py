"""What lgtrio asks of a database: records, and the operations that move them.

Rules that every implementation keeps (the contract suite in `tests/contract` checks them):

- Each method is one transaction. It raises and changes nothing, or it returns and is durable.
- Every change of a run's status is guarded by the status it leaves, changes run and thread
  together, and appends one journal line, all in the same transaction.
- Cancellation: a cancelled `await` of a write leaves all of it or nothing, never half. Which of
  the two is not known to the caller, so callers that must know shield the call with a deadline.
- Reads do not wait behind writes and see everything whose write has returned.
- `Json` is UTF-8 JSON text as bytes, stored and handed out untouched: what was encoded once by
  the graph side reaches the client without being parsed again.
- Times are ISO 8601 strings with microseconds and `+00:00`, so that they sort as text.
- Ids are lower-case canonical UUID strings, except graph ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

import trio
from attrs import evolve, field, frozen

from lgtrio.wire.enums import (
    AssistantSort,
    CronSort,
    KeepStrategy,
    MultitaskStrategy,
    OnCompletion,
    RunStatus,
    ThreadSort,
    ThreadStatus,
)

Json = bytes


class Cause(StrEnum):
    """Why a run changed its status; one word of every journal line."""

    CLIENT = "client"  # a request asked for it (create, cancel, delete)
    DISPLACED = "displaced"  # a newer run of the thread; actor is that run's id
    DISCONNECT = "disconnect"  # the client went away and on_disconnect said cancel
    DEADLINE = "deadline"  # the run's own time limit
    SHUTDOWN = "shutdown"  # the server is going down; the run will be resumed
    RECOVERY = "recovery"  # the server came up and found the run half done
    GRAPH = "graph"  # the graph itself ended: finished, interrupted or raised
    SCHEDULER = "scheduler"  # a place was free, a delay had passed, a cron was due
    EXPIRED = "expired"  # the time to live of the run's thread was over


@frozen
class AssistantRecord:
    assistant_id: str
    graph_id: str
    version: int
    name: str
    description: str | None
    config: Json
    context: Json
    metadata: Json
    created_at: str
    updated_at: str
    """Of a version that is not the active one: when it was made."""


@frozen
class AssistantChange:
    """What becomes different with a new version; None keeps what the active one has."""

    graph_id: str | None = None
    name: str | None = None
    description: str | None = None
    config: Json | None = None
    context: Json | None = None
    metadata: Json | None = None
    """Merged key by key; null is stored as null."""


@frozen
class AssistantFilter:
    """Which assistants; each part that is given must hold."""

    metadata: Mapping[str, object] = field(factory=dict)
    """Contained in the assistant's metadata, as in `ThreadFilter`."""
    graph_id: str | None = None
    name: str = ""
    """A part of its name, in whatever case."""


@frozen
class AssistantOrder:
    """Assistants that are equal by it are in order of creation, in the same direction."""

    by: AssistantSort = AssistantSort.CREATED_AT
    descending: bool = True


@frozen
class FoundAssistants:
    assistants: Sequence[AssistantRecord]
    """One page."""
    more: bool
    """There are others behind this page."""
    total: int
    """How many match in all, counted as in `FoundThreads`."""


@frozen
class ThreadRecord:
    thread_id: str
    created_at: str
    updated_at: str
    state_updated_at: str
    """Moves when `values` change."""
    metadata: Json
    config: Json
    status: ThreadStatus
    """BUSY while any run of the thread is pending or running, else `rest_status`."""
    rest_status: ThreadStatus
    """The status the thread has when no run is active; never BUSY."""
    values: Json | None
    """State after the last run or update, None before the first."""
    interrupts: Json
    """JSON object of task id to list of `{"id", "value"}`; `{}` when there are none."""
    error: Json | None
    """`{"error", "message"}` of the last run that failed or was cancelled."""


@frozen
class RunRecord:
    run_id: str
    thread_id: str
    assistant_id: str
    graph_id: str
    status: RunStatus
    multitask_strategy: MultitaskStrategy
    metadata: Json
    kwargs: Json
    """Everything the execution needs, as `wire.runs.RunKwargs`; also what GET shows."""
    attempt: int
    """How often the run has been started: 0 while it was never claimed, then 1, 2, …"""
    temporary: bool
    """Its thread was made for this run and is deleted with it when the run ends."""
    resumable: bool
    not_before: str | None
    """`after_seconds`: the earliest time the run may be claimed."""
    created_at: str
    updated_at: str
    webhook: str | None = None
    """URL that is told of the run's end."""


@frozen
class ThreadTtl:
    """How long a thread is kept after it was last changed."""

    minutes: float
    strategy: KeepStrategy = KeepStrategy.DELETE


@frozen
class NewThread:
    thread_id: str
    metadata: Json = b"{}"
    ttl: ThreadTtl | None = None
    """None for what the storage gives to all threads, unless they are temporary."""


@frozen
class ThreadFilter:
    """Which threads; each part that is given must hold."""

    ids: Sequence[str] = ()
    """One of these; empty for all."""
    metadata: Mapping[str, object] = field(factory=dict)
    """Contained in the thread's metadata: keys with equal values, objects inside objects by
    containment, arrays only when equal."""
    values: Mapping[str, object] = field(factory=dict)
    """Contained likewise in the thread's values; threads without values do not match."""
    status: ThreadStatus | None = None


@frozen
class ThreadOrder:
    """Threads that are equal by it are in order of creation, in the same direction."""

    by: ThreadSort = ThreadSort.UPDATED_AT
    descending: bool = True


@frozen
class FoundThreads:
    threads: Sequence[ThreadRecord]
    """One page."""
    more: bool
    """There are others behind this page."""
    total: int
    """How many match in all. Beyond `MAX_TOTAL`, as far as this page shows: those up to its end,
    and one more if there are any."""


MAX_TOTAL: Final = 10_000
"""Up to here all matches of a search are counted."""


@frozen
class StoredTtl:
    ttl: ThreadTtl
    expires_at: str
    """If nothing changes the thread before."""


@frozen
class Expired:
    """What one step of clearing away expired threads did."""

    deleted: Sequence[str]
    """Ids of threads that are gone."""
    pruned: int
    """Threads of which the latest state was kept."""
    more: bool
    """There is more to do now."""


@frozen
class ChannelUsage:
    versions: int
    size: int
    """In bytes."""


@frozen
class ThreadUsage:
    """What the states of a thread take in the database; sizes in bytes."""

    checkpoints: int
    checkpoints_size: int
    """Small values are stored inside their checkpoints."""
    channels: Mapping[str, ChannelUsage]
    """Values that are stored apart, by channel."""
    writes: int
    writes_size: int


@frozen
class NewRun:
    run_id: str
    thread_id: str
    assistant_id: str
    graph_id: str
    multitask_strategy: MultitaskStrategy
    metadata: Json
    kwargs: Json
    thread_config: Json = b"{}"
    """Becomes the thread row's `config` when the run is claimed."""
    temporary: bool = False
    resumable: bool = False
    not_before: str | None = None
    webhook: str | None = None
    firing: Firing | None = None
    """The cron that this is a run of moves on in the transaction that stores the run."""


@frozen
class Firing:
    """One time at which a cron was due."""

    cron_id: str
    due: str
    """The `next_run_date` that has come."""
    next_run_date: str | None
    """The one after it; None if there is none any more."""


@frozen
class RunOrder:
    """A run, and the thread that is made for it if it does not exist (None: it must exist)."""

    run: NewRun
    thread: NewThread | None


@frozen
class LaneRun:
    """One active run of a thread, as the lane decision sees it."""

    run_id: str
    status: RunStatus


class Displacement(StrEnum):
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


@frozen
class LaneDecision:
    """What a new run does to the active runs of its thread; made by `runs.lanes.admit`."""

    rejected: bool = False
    displace: Mapping[str, Displacement] = field(factory=dict)
    """Run id to what becomes of it. Pending ones are settled inside the create's own
    transaction; the running one is returned to the supervisor, who cancels its scope."""


Decide = Callable[[Sequence[LaneRun], MultitaskStrategy], LaneDecision]


@frozen
class CreatedRun:
    run: RunRecord
    """As inserted: always PENDING here, even when `claimed` is set."""
    claimed: RunRecord | None
    """The run as RUNNING, if a place was offered (`claim=True`) and the lane was free."""
    settled: Sequence[LaneRun]
    """Pending runs that were displaced and have ended with this transaction."""
    to_cancel: Mapping[str, Displacement]
    """The running run that has to be cancelled by the supervisor, if any."""


@frozen
class ThreadOutcome:
    """What a run's end leaves on its thread row."""

    rest_status: ThreadStatus
    values: Json | None
    """None keeps what is stored (the graph ended before its first checkpoint)."""
    interrupts: Json = b"{}"
    error: Json | None = None


@frozen
class FinishedRun:
    run: RunRecord
    thread: ThreadRecord | None
    """None when the thread was temporary and is gone."""
    next_pending: bool
    """Another run of the thread is waiting (it may still be delayed)."""


@frozen
class Frame:
    """One stored stream frame of a resumable run."""

    seq: int
    """1, 2, 3 … within the run, across attempts."""
    mode: str
    """Stream mode it belongs to, or `metadata` / `error`; what `stream_mode=` filters by."""
    event: str
    """Name on the event line, with namespace."""
    data: Json
    at_ms: int
    """Wall clock, for the id line `<at_ms>-<seq>`."""


@frozen
class FrameLog:
    """The stored frames of one resumable run, as a whole."""

    run_id: str
    ended: bool
    """The run has a terminal status: no more frames will come."""
    first_ms: int
    """`at_ms` of the oldest frame that is stored; the bound may have pushed out older ones."""
    last_ms: int
    last_seq: int


@frozen
class JournalLine:
    """One change of one run's status. Names, times and causes; nothing that a user put into it."""

    seq: int
    """1, 2, 3 … over all runs, without holes; the oldest lines are dropped."""
    run_id: str
    thread_id: str
    assistant_id: str
    graph_id: str
    at: str
    monotonic: float
    """Seconds on the server's monotonic clock; only differences within one start mean anything."""
    asked: float | None
    """On the same clock: when the stop was asked for that ended a running run. None where nothing
    was waited for."""
    from_status: RunStatus | None
    """None for the line that creates the run."""
    to_status: RunStatus | None
    """None for the line that deletes it (rollback, delete)."""
    cause: Cause
    actor: str | None
    """Request id, displacing run id, class of the graph's error, or the reason in words."""


@frozen
class JournalSpan:
    """A part of the journal, in the order of its lines; by default all of it."""

    after: int = 0
    """Lines behind the one of this seq."""
    up_to: int | None = None
    """Lines up to and with the one of this seq."""
    since: str | None = None
    """Lines written at this time or later."""
    before: str | None = None
    """Lines written before this time."""

    def behind(self, seq: int) -> JournalSpan:
        """What is left of it when the lines up to `seq` have been read."""
        return evolve(self, after=max(self.after, seq))

    def not_behind(self, seq: int) -> JournalSpan:
        """What of it is there when `seq` is the newest line."""
        return evolve(self, up_to=seq if self.up_to is None else min(self.up_to, seq))


WHOLE_JOURNAL: Final = JournalSpan()


@frozen
class Recovered:
    """What a start found half done and put right."""

    requeued: Sequence[str]
    """Ids of runs put back from RUNNING to PENDING."""
    failed: Sequence[str]
    """Ids of runs given up with ERROR: `max_attempts` times no server outlived them."""


@frozen
class Claimable:
    """A pending run that could be started now or later."""

    run_id: str
    thread_id: str
    not_before: str | None
    created_at: str


# -- crons and webhooks ------------------------------------------------------------------------


@frozen
class CronRecord:
    cron_id: str
    assistant_id: str
    thread_id: str | None
    """None: every run gets a thread of its own."""
    user_id: str
    schedule: str
    timezone: str | None
    """IANA name; None for UTC."""
    end_time: str | None
    """As the client wrote it."""
    ends_at: str | None
    """The same moment as an ISO time; what is due later does not fire any more."""
    payload: Json
    """Everything that the client sent; what the runs are made of."""
    metadata: Json
    on_run_completed: OnCompletion | None
    """What becomes of the thread of each run; None for a cron on a thread."""
    enabled: bool
    next_run_date: str | None
    """Also set while it is disabled; None if the schedule has no time any more."""
    created_at: str
    updated_at: str
    """Moves with what clients change, not with the firing."""


@frozen
class CronFilter:
    """Which crons; each part that is given must hold."""

    assistant_id: str | None = None
    thread_id: str | None = None
    enabled: bool | None = None
    metadata: Mapping[str, object] = field(factory=dict)
    """Contained in the cron's metadata, as in `ThreadFilter`."""


@frozen
class CronOrder:
    """Crons that are equal by it are in order of creation, in the same direction."""

    by: CronSort = CronSort.CREATED_AT
    descending: bool = True


@frozen
class FoundCrons:
    crons: Sequence[CronRecord]
    """One page."""
    more: bool
    total: int
    """As in `FoundThreads`."""


@frozen
class WebhookRecord:
    """The end of a run that its webhook has not been told of yet."""

    webhook_id: int
    """Grows with the order of the ends."""
    run_id: str
    url: str
    body: Json
    """What is sent, less the time of sending."""
    attempts: int
    """How often it has been tried."""
    due_at: str
    """When it is to be tried next."""


Namespace = Sequence[str]
"""Labels of the store, the topmost first."""


@frozen
class StoreItem:
    namespace: Namespace
    key: str
    value: Mapping[str, object]
    created_at: str
    updated_at: str
    score: float | None = None
    """How near it is to the query, 1.0 at the most; None without a query, or for an item that no
    query can find."""


class Storage(Protocol):
    """The Trio side's view of the database. All methods are called from one Trio loop."""

    # -- assistants --------------------------------------------------------------------
    async def ensure_assistant(self, assistant: AssistantRecord) -> None:
        """Insert it (and its version 1) unless an assistant of that id exists."""
        ...

    async def create_assistant(
        self, new: AssistantRecord, *, exist_ok: bool = False
    ) -> AssistantRecord:
        """Insert it and its first version.

        Returns:
            It, or the one of its id that is there already, unchanged.

        Raises:
            AlreadyExists: the id is taken and `exist_ok` is False.
        """
        ...

    async def get_assistant(self, assistant_id: str) -> AssistantRecord | None: ...

    async def update_assistant(
        self, assistant_id: str, change: AssistantChange
    ) -> AssistantRecord | None:
        """Make a new version, also when nothing changes, and make it the active one.

        Its number is one more than the highest there is. None if the assistant is unknown.
        """
        ...

    async def set_assistant_version(
        self, assistant_id: str, version: int
    ) -> AssistantRecord | None:
        """Make an existing version the active one, with all it had.

        None if the assistant or the version is unknown.
        """
        ...

    async def delete_assistant(self, assistant_id: str) -> bool:
        """With its versions; threads and runs stay. False if it is unknown."""
        ...

    async def search_assistants(
        self, wanted: AssistantFilter, *, order: AssistantOrder, limit: int, offset: int
    ) -> FoundAssistants: ...

    async def count_assistants(self, wanted: AssistantFilter) -> int:
        """How many match; exact, however many."""
        ...

    async def assistant_versions(
        self, assistant_id: str, *, metadata: Mapping[str, object], limit: int, offset: int
    ) -> Sequence[AssistantRecord]:
        """Versions whose metadata contains this, newest first."""
        ...

    # -- threads -----------------------------------------------------------------------
    async def create_thread(self, new: NewThread, *, exist_ok: bool = False) -> ThreadRecord:
        """
        Raises:
            AlreadyExists: the id is taken and `exist_ok` is False.
        """
        ...

    async def get_thread(self, thread_id: str) -> ThreadRecord | None: ...

    async def patch_thread(
        self, thread_id: str, metadata: Json, *, ttl: ThreadTtl | None = None
    ) -> ThreadRecord | None:
        """Merge top-level keys of `metadata` (null is stored as null); None if unknown.

        Args:
            ttl: from now on; None leaves what the thread has.
        """
        ...

    async def delete_thread(
        self, thread_id: str, *, actor: str | None = None
    ) -> Sequence[LaneRun] | None:
        """Delete thread, runs, frames, checkpoints, writes in one transaction.

        Returns:
            The runs that were active, so that the supervisor cancels the running one;
            None if the thread is unknown.
        """
        ...

    async def set_thread_state(self, thread_id: str, outcome: ThreadOutcome) -> ThreadRecord | None:
        """After a state update by a client: values, rest status, interrupts, error.

        Runs that are pending find what it leaves. None if the thread is unknown.

        Raises:
            Conflict: a run is running on the thread.
        """
        ...

    async def adopt_thread(
        self, new: NewThread, outcome: ThreadOutcome, *, source: str, exist_ok: bool = False
    ) -> ThreadRecord:
        """Create a thread that has the states which were written under the id `source`.

        Those of `source` are gone afterwards, also where the thread existed already.

        Raises:
            AlreadyExists: as `create_thread`; the states of `source` stay.
        """
        ...

    async def discard_states(self, source: str) -> None:
        """Delete the states that were written under an id, unless it is a thread's."""
        ...

    async def copy_thread(self, thread_id: str, copy_id: str) -> ThreadRecord | None:
        """Make a thread of the id `copy_id` with the same states, values, metadata and ttl.

        Runs are not copied; the status is the one without them. None if `thread_id` is unknown.
        """
        ...

    async def search_threads(
        self,
        wanted: ThreadFilter,
        *,
        order: ThreadOrder,
        limit: int,
        offset: int,
        with_values: bool = True,
    ) -> FoundThreads:
        """
        Args:
            with_values: False spares reading them; the records' `values` are None then.
        """
        ...

    async def count_threads(self, wanted: ThreadFilter) -> int:
        """How many match; exact, however many."""
        ...

    async def patch_state(self, thread_id: str, metadata: Json) -> ThreadRecord | None:
        """`patch_thread`, and the same for the metadata of the thread's latest checkpoint."""
        ...

    async def prune_thread(self, thread_id: str) -> bool:
        """Keep only the latest state; False if the thread is unknown or a run of it is active."""
        ...

    async def thread_usage(self, thread_id: str) -> ThreadUsage: ...

    async def thread_ttl(self, thread_id: str) -> StoredTtl | None: ...

    async def expire_threads(self) -> Expired:
        """One bounded step: delete or prune some of the threads whose time is over.

        A thread with an active run is left until that has ended.
        """
        ...

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
        """Insert a run as PENDING; settle the lane; claim it at once if offered and free.

        Args:
            decide: pure; called inside the transaction with the thread's active runs,
                oldest first.
            thread: created if the thread does not exist; None means it must exist.
            claim: the caller holds a worker place for this run; it is RUNNING at once if it
                is the one that `claim_next` would take.

        Raises:
            NotFound: no such thread and `thread` is None.
            ThreadBusy: `decide` rejected; nothing was stored.
            AlreadyExists: the run's id is taken.
        """
        ...

    async def create_runs(
        self, orders: Sequence[RunOrder], *, decide: Decide, actor: str | None = None
    ) -> Sequence[CreatedRun]:
        """Insert several runs, all of them or none; otherwise as `create_run` without `claim`."""
        ...

    async def next_run(self, thread_id: str) -> RunRecord | None:
        """The run that `claim_next` would take, or None as there; changes nothing."""
        ...

    async def claim_next(self, thread_id: str, *, only: str | None = None) -> RunRecord | None:
        """Move the thread's next PENDING run to RUNNING.

        Next is a run that a restart has cut off, so that no other comes between its steps, else
        the oldest one whose delay is over: a delayed run does not block those behind it.

        The one door into RUNNING beside `create_run(claim=True)`. Adds 1 to `attempt`,
        writes `graph_id` and `assistant_id` into the thread's metadata and `thread_config`
        into its config (remembering what was there, for `rollback_run`).

        Args:
            only: claim it only if it is the run of this id.

        Returns:
            The run as stored after the change, or None if the thread has a running run, or
            nothing pending, or only runs that are still delayed, or not `only`.
        """
        ...

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
    ) -> FinishedRun | None:
        """End an active run with a terminal status; deletes its thread if it is temporary.

        Args:
            asked: see `JournalLine`; so in the two methods below.
            only: end it only while it has this status (PENDING: unless it was claimed).
            thread: None leaves the thread row's values, error and interrupts as they are
                (a pending run was cancelled).

        Returns:
            None if the run was no longer active: somebody else won, nothing was changed.
        """
        ...

    async def requeue_run(
        self, run_id: str, *, cause: Cause, actor: str | None = None, asked: float | None = None
    ) -> bool:
        """RUNNING back to PENDING (shutdown); False if it was not running."""
        ...

    async def rollback_run(
        self,
        run_id: str,
        *,
        cause: Cause,
        actor: str | None = None,
        asked: float | None = None,
        only: RunStatus | None = None,
    ) -> FinishedRun | None:
        """Delete an active run as if it had never been.

        Its checkpoints, writes and frames go, the thread row is as before the run (only
        `updated_at` moves). None if the run was not active (or not in status `only`).
        """
        ...

    async def delete_run(self, run_id: str, *, actor: str | None = None) -> bool:
        """Delete a run that is not RUNNING, with its checkpoints, writes and frames."""
        ...

    async def get_run(self, run_id: str) -> RunRecord | None: ...

    async def list_runs(
        self, thread_id: str, *, limit: int, offset: int, status: str | None
    ) -> Sequence[RunRecord]:
        """Newest first."""
        ...

    async def active_runs(self, status: RunStatus | None = None) -> Sequence[str]:
        """Ids of all runs that are PENDING or RUNNING (or in one of the two), newest first."""
        ...

    async def claimable(self, *, limit: int = 1000) -> Sequence[Claimable]:
        """The next run of each thread that has none running, oldest first.

        Next as in `claim_next`; where all of a thread are delayed, the one that is due first.
        """
        ...

    async def recover(self, *, max_attempts: int) -> Recovered:
        """Put right what the last process left RUNNING; called once, before HTTP listens."""
        ...

    # -- frames of resumable runs ------------------------------------------------------
    async def append_frames(self, run_id: str, frames: Sequence[Frame]) -> None:
        """Durable on return. Frames beyond the per-run bound push out the oldest."""
        ...

    async def read_frames(self, run_id: str, *, after: int, limit: int = 1000) -> Sequence[Frame]:
        """Frames with `seq > after`, in order: at least one if there is any, and at most `limit`.

        It may be fewer, where they are large.
        """
        ...

    async def last_frame(self, run_id: str) -> int:
        """Highest stored seq of the run, 0 if there is none."""
        ...

    async def frame_logs(self, thread_id: str) -> Sequence[FrameLog]:
        """Of the thread's runs that have stored frames, in the order of their first ones."""
        ...

    # -- crons -------------------------------------------------------------------------
    async def create_cron(self, cron: CronRecord) -> CronRecord:
        """
        Raises:
            NotFound: its assistant or its thread is gone.
        """
        ...

    async def get_cron(self, cron_id: str) -> CronRecord | None: ...

    async def update_cron(
        self, cron_id: str, change: Callable[[CronRecord], CronRecord]
    ) -> CronRecord | None:
        """
        Args:
            change: pure; called inside the transaction with the cron as it is. May raise.

        Returns:
            The cron as changed, with a new `updated_at`; None if unknown.
        """
        ...

    async def delete_cron(self, cron_id: str) -> bool: ...

    async def search_crons(
        self, wanted: CronFilter, *, order: CronOrder, limit: int, offset: int
    ) -> FoundCrons: ...

    async def count_crons(self, wanted: CronFilter) -> int:
        """How many match; exact, however many."""
        ...

    async def due_crons(self, at: str, *, limit: int) -> Sequence[CronRecord]:
        """Those that are enabled, due at that time and not past their end, earliest first."""
        ...

    async def next_cron_time(self) -> str | None:
        """When the next cron is due, in the past or not; None if none will be."""
        ...

    async def skip_firing(self, firing: Firing) -> bool:
        """Move a cron on without a run; False if it is not due then any more."""
        ...

    # -- webhooks ----------------------------------------------------------------------
    # The end of a run with a webhook is queued in the transaction that stores the end.
    async def due_webhooks(self, at: str, *, limit: int) -> Sequence[WebhookRecord]:
        """Those to be tried at that time, in the order of the ends."""
        ...

    async def next_webhook_time(self, *, after: str) -> str | None:
        """The first time after this one at which one is to be tried; None if there is none."""
        ...

    async def postpone_webhook(self, webhook_id: int, *, due_at: str) -> None:
        """An attempt has failed, there will be another."""
        ...

    async def drop_webhook(self, webhook_id: int) -> None:
        """It was delivered, or given up."""
        ...

    def webhooks_changed(self) -> trio.Event:
        """Set when one is queued that no read before this call has seen; as `journal_changed`."""
        ...

    # -- journal -----------------------------------------------------------------------
    async def journal(
        self,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        span: JournalSpan = WHOLE_JOURNAL,
        limit: int = 1000,
    ) -> Sequence[JournalLine]:
        """The first `limit` lines that match, in order."""
        ...

    async def last_journal_seq(self) -> int:
        """Of the newest line; 0 if there is none."""
        ...

    def journal_changed(self) -> trio.Event:
        """Set when a line is stored that no read before this call has seen.

        All who call between two changes share one event, so whoever sets it wakes them all.
        Sync and free of cost while nobody calls it: ask, then read, then wait.
        """
        ...


# -- the graph side's view: called from asyncio loops and sync node threads -------------------


@frozen
class ChannelBlob:
    """A channel value too large to be stored again with every checkpoint."""

    channel: str
    version: str
    type: str
    value: bytes


@frozen
class CheckpointRow:
    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    parent_checkpoint_id: str | None
    run_id: str | None
    type: str
    checkpoint: bytes
    metadata: Json
    blobs: Sequence[ChannelBlob] = ()
    """New large values stored with this checkpoint."""
    blob_refs: Mapping[str, str | None] = field(factory=dict)
    """Every channel that has a value here, to the version of its blob (new ones included) or to
    None where the value is inside `checkpoint`."""


@frozen
class WriteRow:
    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    task_path: str
    idx: int
    """Index in the task's writes, or the negative index of a special channel."""
    channel: str
    run_id: str
    type: str
    value: bytes
