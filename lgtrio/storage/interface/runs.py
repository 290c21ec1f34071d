"""Runs: their records, and the operations that move them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from lgtrio.storage.interface.crons import Firing
from lgtrio.storage.interface.lanes import Decide, LaneRun
from lgtrio.storage.interface.shared import Cause, Json
from lgtrio.storage.interface.stops import Stop
from lgtrio.storage.interface.threads import NewThread, ThreadOutcome, ThreadRecord
from lgtrio.wire.enums import MultitaskStrategy, RunStatus


class SettleWrites(Protocol):
    def __call__(self, connection: Any, *, thread_goes: bool) -> None:
        """Store the last that a run has written, in the transaction that stores its end and after
        everything that was submitted before; may be called again if that is undone.

        Args:
            connection: the database's own, on which the transaction runs.
            thread_goes: what is not stored need not be: it would be deleted at once.

        Raises:
            Exception: something of it is lost; the end must not be stored.
        """


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
    cancel_reason: str | None = None
    """Of a run that was cancelled, what the journal says of it: `cause: actor`, or an actor that
    says why itself (`taken: …`). None once that line has been dropped."""


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
class RunOrder:
    """A run, and the thread that is made for it if it does not exist (None: it must exist)."""

    run: NewRun
    thread: NewThread | None


@frozen
class CreatedRun:
    run: RunRecord
    """As inserted: always PENDING here, even when `claimed` is set."""
    claimed: RunRecord | None
    """The run as RUNNING, if a place was offered (`claim=True`) and the lane was free."""
    settled: Sequence[LaneRun]
    """Pending runs that were displaced and have ended with this transaction."""
    to_cancel: Mapping[str, Stop]
    """The running run that has to be cancelled by the supervisor, if any; the stop is stored."""


@frozen
class FinishedRun:
    thread: ThreadRecord | None
    """None when the thread was temporary and is gone."""
    next_pending: bool
    """Another run of the thread is waiting (it may still be delayed)."""


@frozen
class StoppedRun:
    """A run that was being stopped when the last process died."""

    run: RunRecord
    """Still RUNNING."""
    stop: Stop


@frozen
class Recovered:
    """What a start found half done and put right."""

    requeued: Sequence[str]
    """Ids of runs put back from RUNNING to PENDING."""
    failed: Sequence[str]
    """Ids of runs given up with ERROR: `max_attempts` times no server outlived them."""
    stopped: Sequence[StoppedRun]
    """Runs left as they are for the supervisor to end, as their stop wants: what the graph has
    stored, which decides what the end leaves, is not the database's to read."""


@frozen
class Claimable:
    """A pending run that could be started now or later."""

    run_id: str
    thread_id: str
    not_before: str | None
    created_at: str


class RunStorage(Protocol):
    """Part of `Storage`."""

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
        last_writes: SettleWrites | None = None,
    ) -> FinishedRun | None:
        """End an active run with a terminal status; deletes its thread if it is temporary.

        Args:
            asked: see `JournalLine`; so in the two methods below.
            only: end it only while it has this status (PENDING: unless it was claimed).
            last_writes: what the run has still to store, or to make sure of; what it raises is
                raised, and nothing is changed.
            thread: None leaves the thread row's values, error and interrupts as they are
                (a pending run was cancelled).

        Returns:
            None if the run was no longer active: somebody else won, nothing was changed.
        """
        ...

    async def stop_runs(self, run_ids: Sequence[str], stop: Stop) -> None:
        """Keep with those that are RUNNING that they are being stopped: should this process die
        before they have ended, the next start ends them (see `recover`).

        A stop that is as strong or stronger stays. To be called as the scopes are cancelled: it
        may be stored together with the end that follows.
        """
        ...

    async def requeue_run(
        self, run_id: str, *, cause: Cause, actor: str | None = None, asked: float | None = None
    ) -> bool:
        """RUNNING back to PENDING (shutdown).

        False if it was not running, or if a stop of it is stored: the next start ends it.
        """
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
        """Put right what the last process left RUNNING; called once, before HTTP listens.

        Runs of which a stop is stored stay RUNNING; see `Recovered`.
        """
        ...
