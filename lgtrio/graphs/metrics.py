"""What the graph side tells about itself at `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import trio
from attrs import frozen
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lgtrio.graphs.side import GraphSide


@frozen
class GraphMetrics(Collector):
    """Used on the Trio loop."""

    side: GraphSide

    def collect(self) -> Iterable[Metric]:
        executor, threads = self.side.executor, self.side.executor.threads
        yield GaugeMetricFamily(
            "lgtrio_graph_executions",
            "Runs that are executing on the graph loops.",
            value=executor.executing,
        )
        yield GaugeMetricFamily(
            "lgtrio_node_threads",
            "Threads that sync nodes are executing in, those of closed runs not counted.",
            value=threads.busy,
        )
        yield GaugeMetricFamily(
            "lgtrio_node_threads_max", "How many there may be.", value=threads.limit
        )
        yield GaugeMetricFamily(
            "lgtrio_node_threads_waiting",
            "Calls of sync nodes that wait for a thread.",
            value=threads.waiting,
        )
        yield from self._stuck()
        yield from self._loops()

    def _stuck(self) -> Iterable[Metric]:
        stuck = self.side.executor.stuck
        yield GaugeMetricFamily(
            "lgtrio_stuck_runs",
            "Closed runs of which something is still executing.",
            value=len(stuck),
        )
        since = GaugeMetricFamily(
            "lgtrio_stuck_run_since_seconds",
            "When such a run was closed, as Unix time; a node that is not known is empty.",
            labels=["run_id", "graph_id", "node"],
        )
        for run in stuck:
            for node in run.nodes or [""]:
                since.add_metric([run.run_id, run.graph_id, node], run.since.timestamp())
        yield since

    def _loops(self) -> Iterable[Metric]:
        lag = GaugeMetricFamily(
            "lgtrio_graph_loop_lag_seconds",
            "How long a graph loop took to answer the last sign of life, or has taken so far.",
            labels=["loop"],
        )
        for name, seconds in self.side.watch.lags.items():
            lag.add_metric([name], seconds)
        tasks = GaugeMetricFamily(
            "lgtrio_asyncio_tasks", "Tasks of a graph loop that have not ended.", labels=["loop"]
        )
        for slot in self.side.served.slots:
            tasks.add_metric([slot.name], len(asyncio.all_tasks(slot.loop.asyncio_loop)))
        lost = GaugeMetricFamily(
            "lgtrio_lost_loop_seconds",
            "For how long a graph loop has been replaced that a closed run still blocks.",
            labels=["loop", "run_id", "node"],
        )
        for loop in self.side.keeper.lost:
            blocker = loop.blocker
            lost.add_metric(
                [loop.name, blocker.run_id or "", blocker.node or ""],
                trio.current_time() - loop.since,
            )
        yield from (lag, tasks, lost)
