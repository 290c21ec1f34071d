"""What the database tells about itself, and about the runs in it, at `/metrics`."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lgtrio.storage.sqlite.engine import Engine
from lgtrio.wire.enums import ACTIVE, RunStatus

_ACTIVE: Final = """
SELECT status, count(*) FROM runs WHERE status IN ('pending', 'running') GROUP BY status
"""
_PENDING: Final = """
SELECT (julianday('now') - julianday(created_at)) * 86400
FROM runs WHERE status IN ('pending', 'running') AND status = 'pending'
"""
"""In this wording SQLite sees that the index of the queue will do."""
_UNBLOCKED: Final = """
AND NOT EXISTS (
    SELECT 1 FROM runs AS other WHERE other.thread_id = runs.thread_id AND other.status = 'running'
)
"""
_NTH: Final = "ORDER BY seq LIMIT 1 OFFSET ?"
_TRANSITIONS: Final = """
SELECT to_status, cause, count(*) FROM journal
WHERE seq > ? AND seq <= ? AND to_status IS NOT NULL GROUP BY to_status, cause
"""
_LAST: Final = "SELECT coalesce(max(seq), 0) FROM journal"


@frozen
class _Ages:
    """Of runs that wait: seconds since their creation, 0 where there is none."""

    oldest: float = 0.0
    median: float = 0.0
    oldest_unblocked: float = 0.0
    """Of those on whose threads nothing runs."""


@frozen
class _Seen:
    active: dict[RunStatus, int]
    pending: _Ages
    last_seq: int
    transitions: Counter[tuple[str, str]]
    """Status that was come to, and cause, to how often since the last look."""


@define(eq=False)
class StorageMetrics(Collector):
    """`refresh` first; `collect` then tells what was found."""

    engine: Engine
    _transitions: Counter[tuple[str, str]] = field(factory=Counter, init=False)
    """Since the start of the server."""
    _seen: _Seen = field(init=False)

    def __attrs_post_init__(self) -> None:
        last = self.engine.read(lambda connection: int(connection.execute(_LAST).fetchone()[0]))
        self._seen = _Seen(dict.fromkeys(ACTIVE, 0), _Ages(), last, Counter())

    async def refresh(self) -> None:
        """
        Raises:
            StorageError: the database failed.
        """
        after = self._seen.last_seq
        seen = await self.engine.scan(lambda connection: _look(connection, after))
        if seen.last_seq > self._seen.last_seq:  # else somebody else was faster
            self._transitions += seen.transitions
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        seen = self._seen
        yield GaugeMetricFamily(
            "lg_api_num_pending_runs", "Runs that wait.", seen.active[RunStatus.PENDING]
        )
        yield GaugeMetricFamily(
            "lg_api_num_running_runs", "Runs that are running.", seen.active[RunStatus.RUNNING]
        )
        yield GaugeMetricFamily(
            "lgtrio_oldest_pending_run_seconds",
            "Age of the oldest run that waits; runs with a delay count from their creation.",
            seen.pending.oldest,
        )
        yield GaugeMetricFamily(
            "lgtrio_median_pending_run_seconds", "Median age of these.", seen.pending.median
        )
        yield GaugeMetricFamily(
            "lgtrio_oldest_unblocked_run_seconds",
            "Age of the oldest run that waits while nothing runs on its thread.",
            seen.pending.oldest_unblocked,
        )
        transitions = CounterMetricFamily(
            "lgtrio_run_transitions",
            "How often runs have come to a status, by cause, as the journal has it.",
            labels=["status", "cause"],
        )
        for (status, cause), count in sorted(self._transitions.items()):
            transitions.add_metric([status, cause], count)
        yield transitions
        yield GaugeMetricFamily(
            "lgtrio_writer_queue", "Writes that wait for the database.", self.engine.queued
        )
        yield CounterMetricFamily(
            "lgtrio_writer_commits", "Transactions of the database's writer.", self.engine.commits
        )
        yield CounterMetricFamily(
            "lgtrio_writer_operations", "Writes in these transactions.", self.engine.operations
        )


def _look(connection: sqlite3.Connection, after: int) -> _Seen:
    active = dict.fromkeys(ACTIVE, 0)
    for status, count in connection.execute(_ACTIVE):
        active[RunStatus(status)] = count
    last = int(connection.execute(_LAST).fetchone()[0])
    rows = connection.execute(_TRANSITIONS, (after, last))
    transitions = Counter({(status, cause): count for status, cause, count in rows})
    return _Seen(active, _ages(connection, active[RunStatus.PENDING]), last, transitions)


def _ages(connection: sqlite3.Connection, pending: int) -> _Ages:
    """Runs are created in the order of their seqs."""

    def age(query: str, nth: int = 0) -> float:
        found = connection.execute(query + _NTH, (nth,)).fetchone()
        return max(0.0, found[0]) if found else 0.0

    if not pending:
        return _Ages()
    return _Ages(age(_PENDING), age(_PENDING, (pending - 1) // 2), age(_PENDING + _UNBLOCKED))
