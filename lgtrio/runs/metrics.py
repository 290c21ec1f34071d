"""What the supervisor tells about itself at `/metrics`, and the Trio loop that it lives in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import trio
from attrs import define, field, frozen
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lgtrio.runs.supervisor import Supervisor

_BEAT: Final = 0.25
"""Seconds between two looks at how late the Trio loop is."""


@frozen
class RunMetrics(Collector):
    supervisor: Supervisor

    def collect(self) -> Iterable[Metric]:
        census = self.supervisor.census()
        yield GaugeMetricFamily("lg_api_workers_max", "Runs that may execute.", census.places)
        yield GaugeMetricFamily(
            "lg_api_workers_active", "Places of them in use.", census.places_in_use
        )
        yield GaugeMetricFamily(
            "lg_api_workers_available", "Places free.", census.places - census.places_in_use
        )
        yield GaugeMetricFamily(
            "lgtrio_runs_executing",
            "Runs whose execution has begun and whose end is not stored.",
            census.executing,
        )
        yield GaugeMetricFamily(
            "lgtrio_lanes", "Threads with runs that are executing or followed.", census.lanes
        )
        yield GaugeMetricFamily(
            "lgtrio_threads_waiting", "Threads that wait for a place.", census.threads_waiting
        )
        yield GaugeMetricFamily(
            "lgtrio_stream_subscribers", "Readers of streams of runs.", census.subscribers
        )
        yield CounterMetricFamily(
            "lgtrio_stream_frames", "Frames published to streams of runs.", census.frames
        )


@define(eq=False)
class TrioMetrics(Collector):
    """Used on the Trio loop that it is about."""

    _worst: float = field(default=0.0, init=False)
    """Since the last look from outside."""

    async def watch(self) -> None:
        """Task: see how late the loop is."""
        while True:
            due = trio.current_time() + _BEAT
            await trio.sleep_until(due)
            self._worst = max(self._worst, trio.current_time() - due)

    def collect(self) -> Iterable[Metric]:
        worst, self._worst = self._worst, 0.0
        statistics = trio.lowlevel.current_statistics()
        yield GaugeMetricFamily(
            "lgtrio_trio_loop_lag_seconds",
            "How late the Trio loop has been at worst since the last request of /metrics.",
            worst,
        )
        yield GaugeMetricFamily("lgtrio_trio_tasks", "Trio tasks.", statistics.tasks_living)
        yield GaugeMetricFamily(
            "lgtrio_trio_tasks_runnable", "Trio tasks that are ready.", statistics.tasks_runnable
        )
        yield GaugeMetricFamily(
            "lgtrio_trio_queue",
            "Calls from other threads that the Trio loop has not come to.",
            statistics.run_sync_soon_queue_size,
        )
