"""The journal: one line for every change of a run's status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import trio
from attrs import evolve, frozen

from lgtrio.storage.interface.shared import Cause
from lgtrio.wire.enums import RunStatus


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


class JournalStorage(Protocol):
    """Part of `Storage`."""

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
