"""Crons: their records, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from lgtrio.storage.interface.shared import Json
from lgtrio.wire.enums import CronSort, OnCompletion


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
class Firing:
    """One time at which a cron was due."""

    cron_id: str
    due: str
    """The `next_run_date` that has come."""
    next_run_date: str | None
    """The one after it; None if there is none any more."""


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


class CronStorage(Protocol):
    """Part of `Storage`."""

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
