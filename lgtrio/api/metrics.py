"""`GET /metrics`: what the server counts, as Prometheus reads it or as JSON.

Each part of the server brings a collector; nothing is measured on the way of a request but its
count, which costs a lookup in a dictionary.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from http import HTTPMethod
from itertools import accumulate
from typing import Any, Final

import orjson
from attrs import define, field, frozen
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from quart import request
from quart_trio.wrappers import TrioResponse as Response
from werkzeug.routing import Rule

from lgtrio.api.answers import json_answer
from lgtrio.api.serving import HttpServer

Refresh = Callable[[], Awaitable[None]]
Samples = dict[str, list[dict[str, Any]]]
"""Name of a metric to its samples: their labels, and `value`."""

_QUEUE: Final = {
    "n_pending": "lg_api_num_pending_runs",
    "n_running": "lg_api_num_running_runs",
    "pending_runs_wait_time_max_secs": "lgtrio_oldest_pending_run_seconds",
    "pending_runs_wait_time_med_secs": "lgtrio_median_pending_run_seconds",
    "pending_unblocked_runs_wait_time_max_secs": "lgtrio_oldest_unblocked_run_seconds",
}
_WORKERS: Final = {
    "max": "lg_api_workers_max",
    "active": "lg_api_workers_active",
    "available": "lg_api_workers_available",
}
"""Names that clients of the platform know to the metrics that they are."""


class MetricsFormat(StrEnum):
    """Any other word means the first."""

    PROMETHEUS = "prometheus"
    JSON = "json"


_METHODS: Final = frozenset(HTTPMethod)
_LATENCIES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000)
"""Upper bounds of the buckets, in milliseconds."""


@define(eq=False)
class _Latencies:
    """Of one route."""

    counts: list[int] = field(factory=lambda: [0] * (len(_LATENCIES) + 1))
    """How many fell into each bucket; the last one has no bound."""
    total: float = 0.0

    def add(self, milliseconds: float) -> None:
        self.counts[bisect_left(_LATENCIES, milliseconds)] += 1
        self.total += milliseconds

    def buckets(self) -> list[tuple[str, float]]:
        """Bound, and how many were not above it."""
        bounds = [*map(floatToGoString, _LATENCIES), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))


@define(eq=False)
class RequestCounts(Collector):
    """Answered requests by method, route and status, and how long the answers took."""

    _counts: Counter[tuple[str, str, int]] = field(factory=Counter, init=False)
    _latencies: defaultdict[tuple[str, str], _Latencies] = field(
        factory=lambda: defaultdict(_Latencies), init=False
    )

    def add(self, method: str, rule: Rule | None, status: int, milliseconds: float) -> None:
        """
        Args:
            rule: that the request's path was found to be of; None for an unknown path.
            milliseconds: until there was an answer, or the beginning of one.
        """
        path = "" if rule is None else rule.rule
        method = method if method in _METHODS else ""  # clients may make up any number of them
        self._counts[method, path, status] += 1
        self._latencies[method, path].add(milliseconds)

    def collect(self) -> Iterable[Metric]:
        counter = CounterMetricFamily(
            "lg_api_http_requests",
            "Requests that have got an answer, or the beginning of one.",
            labels=["method", "path", "status"],
        )
        for (method, path, status), count in self._counts.items():
            counter.add_metric([method, _template(path), str(status)], count)
        yield counter
        histogram = HistogramMetricFamily(
            "lg_api_http_requests_latency",
            "Milliseconds until a request had its answer, or the beginning of one.",
            labels=["method", "path"],
        )
        for (method, path), latencies in self._latencies.items():
            labels = [method, _template(path)]
            histogram.add_metric(labels, latencies.buckets(), latencies.total)
        yield histogram


_CONVERTER: Final = re.compile(r"<(\w+:)?")


def _template(path: str) -> str:
    """The path as the API's documentation writes it: `/threads/{thread_id}`."""
    return _CONVERTER.sub("{", path).replace(">", "}")


@frozen
class ConnectionMetrics(Collector):
    http: HttpServer

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "lgtrio_http_connections", "Open connections.", self.http.connections
        )


@define(eq=False)
class Metrics:
    """Everything that `/metrics` tells; each server has its own."""

    requests: RequestCounts = field(factory=RequestCounts)
    registry: CollectorRegistry = field(factory=CollectorRegistry)
    _refreshes: list[Refresh] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        for kind in (PlatformCollector, ProcessCollector, GCCollector):
            kind(registry=self.registry)
        self.registry.register(self.requests)

    def add(self, *collectors: Collector, refresh: Refresh | None = None) -> None:
        """
        Args:
            refresh: awaited before the collectors are asked.
        """
        for collector in collectors:
            self.registry.register(collector)
        if refresh is not None:
            self._refreshes.append(refresh)

    async def get(self) -> Response:
        for refresh in self._refreshes:
            await refresh()
        if request.args.get("format") == MetricsFormat.JSON:
            return json_answer(orjson.dumps(_as_json(self.registry)))
        text = generate_latest(self.registry)
        return Response(text, 200, content_type=CONTENT_TYPE_LATEST)


def _as_json(registry: CollectorRegistry) -> dict[str, Any]:
    """What clients of the platform know, and beside it all there is under `metrics`."""
    metrics: Samples = {}
    for family in registry.collect():
        for sample in family.samples:
            entry = {**sample.labels, "value": sample.value}
            metrics.setdefault(sample.name, []).append(entry)
    queue = {key: _only(metrics, name) for key, name in _QUEUE.items()}
    if not queue["n_pending"]:  # nothing waits, so nothing has an age
        queue = {key: None if key.endswith("_secs") else value for key, value in queue.items()}
    return {
        "queue": queue,
        "api": {"http_requests_total": _requests(metrics)},
        "workers": {key: _only(metrics, name) for key, name in _WORKERS.items()},
        "metrics": metrics,
    }


def _only(metrics: Samples, name: str) -> float | None:
    """The value of a metric without labels; None if nobody brings it."""
    entries = metrics.get(name)
    return entries[0]["value"] if entries else None


def _requests(metrics: Samples) -> list[dict[str, Any]]:
    return [
        {
            "method": entry["method"],
            "path": entry["path"],
            "status": int(entry["status"]),
            "count": entry["value"],
        }
        for entry in metrics.get("lg_api_http_requests_total", ())
    ]
