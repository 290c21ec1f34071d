"""Threads: their records, and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from lgtrio.storage.interface.lanes import LaneRun
from lgtrio.storage.interface.shared import Json
from lgtrio.wire.enums import KeepStrategy, ThreadSort, ThreadStatus


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
class ThreadOutcome:
    """What a run's end leaves on its thread row."""

    rest_status: ThreadStatus
    values: Json | None
    """None keeps what is stored (the graph ended before its first checkpoint)."""
    interrupts: Json = b"{}"
    error: Json | None = None


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


class ThreadStorage(Protocol):
    """Part of `Storage`."""

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
