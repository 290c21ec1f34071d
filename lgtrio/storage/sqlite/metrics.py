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
SELECT status, count(*), max((julianday('now') - julianday(created_at)) * 86400)
FROM runs WHERE status IN ('pending', 'running') GROUP BY status
"""
_TRANSITIONS: Final = """
SELECT to_status, cause, count(*) FROM journal
WHERE seq > ? AND seq <= ? AND to_status IS NOT NULL GROUP BY to_status, cause
"""
_LAST: Final = "SELECT coalesce(max(seq), 0) FROM journal"


@frozen
class _Seen:
    active: dict[RunStatus, int]
    oldest_pending: float | None
    """Seconds since its creation."""
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
        self._seen = _Seen(dict.fromkeys(ACTIVE, 0), None, last, Counter())

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
            seen.oldest_pending or 0.0,
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
    active, oldest = dict.fromkeys(ACTIVE, 0), None
    for status, count, age in connection.execute(_ACTIVE):
        active[RunStatus(status)] = count
        if status == RunStatus.PENDING:
            oldest = max(0.0, age)
    last = int(connection.execute(_LAST).fetchone()[0])
    rows = connection.execute(_TRANSITIONS, (after, last))
    transitions = Counter({(status, cause): count for status, cause, count in rows})
    return _Seen(active, oldest, last, transitions)
