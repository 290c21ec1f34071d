"""What lgtrio is to reach: the one table of targets, and how each is read from the results."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Sequence

from attrs import frozen

from bench.cells import OURS
from bench.figures import number
from bench.floor import MEMORY
from bench.peers import DEV
from bench.results import Results
from bench.scenarios.startup import INTERPRETER

Read = Callable[[Results], list[float]]
"""A value for each turn; empty if it was not measured."""


@frozen
class Target:
    what: str
    read: Read
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    unit: str = "ms"
    cells: Sequence[str] = ()
    """Cells that have to be played for it."""
    beside: str | None = None
    """The server that it is compared with."""

    @property
    def limit(self) -> str:
        sign, limit, _ = self._bound()
        return f"{sign} {limit:g} {self.unit}"

    def met(self, values: Sequence[float]) -> bool:
        _, limit, holds = self._bound()
        return bool(holds(statistics.median(values), limit))

    def _bound(self) -> tuple[str, float, Callable[[float, float], bool]]:
        if self.at_least is not None:
            return "≥", self.at_least, operator.ge
        if self.at_most is not None:
            return "≤", self.at_most, operator.le
        assert self.below is not None
        return "<", self.below, operator.lt

    def shown(self, value: float) -> str:
        return f"{number('', value)} {self.unit}"


def _values(cell: str, figure: str) -> Read:
    def read(results: Results) -> list[float]:
        found = results.of(cell)
        return found.values(OURS, figure) if found else []

    return read


def _ratio(cell: str, other: str, figure: str) -> Read:
    def read(results: Results) -> list[float]:
        found = results.of(cell)
        return found.ratios(OURS, other, figure) if found else []

    return read


def _more(cell: str, other: str, figure: str) -> Read:
    def read(results: Results) -> list[float]:
        found = results.of(cell)
        if found is None:
            return []
        pairs = zip(found.values(OURS, figure), found.values(other, figure), strict=False)
        return [our - their for our, their in pairs]

    return read


def _share_that_got_all(listeners: int) -> Read:
    def read(results: Results) -> list[float]:
        return [got / listeners * 100 for got in _values(f"fanout/{listeners}", "got_all")(results)]

    return read


_WAIT_1, _WAIT_8 = "wait/stateless-1-step-1", "wait/stateless-1-step-8"
_WAIT_64, _STORED = "wait/stateless-1-step-64", "wait/stateless-1-step-64-10k-stored"
_TEN = "wait/stateless-10-step-8"
_FLOOR = "in-process `ainvoke` with the in-memory saver"


def _fan_out(listeners: int, lag_ms: float) -> list[Target]:
    cell = f"fanout/{listeners}"
    name = f"fan-out to {listeners:,} subscribers, 200 events at 5 ms"
    return [
        Target(
            f"{name}: got all events",
            _share_that_got_all(listeners),
            at_least=100,
            unit="% of them",
            cells=[cell],
        ),
        Target(f"{name}: lag p95", _values(cell, "lag_p95_ms"), below=lag_ms, cells=[cell]),
    ]


def _beside_dev(cell: str, suffix: str) -> list[Target]:
    name = f"stateless wait, 64 clients{suffix}, beside the dev server"
    return [
        Target(
            f"{name}: runs/s",
            _ratio(cell, DEV, "per_second"),
            at_least=2,
            unit="× its runs/s",
            cells=[cell],
            beside=DEV,
        ),
        Target(
            f"{name}: CPU time a run",
            _ratio(cell, DEV, "cpu_ms_each"),
            at_most=0.6,
            unit="× its CPU-ms",
            cells=[cell],
            beside=DEV,
        ),
    ]


TARGETS: Sequence[Target] = (
    Target(
        f"`runs/wait`, 1-step, 8 clients, beside {_FLOOR} (0.5 is the dream)",
        _ratio(_WAIT_8, MEMORY, "per_second"),
        at_least=0.4,
        unit="× its runs/s",
        cells=[_WAIT_8],
    ),
    Target(
        "`runs/wait`, 10-step, 8 clients, beside the same floor",
        _ratio(_TEN, MEMORY, "per_second"),
        at_least=0.75,
        unit="× its runs/s",
        cells=[_TEN],
    ),
    Target("1-step latency, 1 client, p50", _values(_WAIT_1, "p50_ms"), below=4, cells=[_WAIT_1]),
    Target(
        f"1-step latency, 1 client, p50, beside {_FLOOR}",
        _ratio(_WAIT_1, MEMORY, "p50_ms"),
        below=2.5,
        unit="× its p50",
        cells=[_WAIT_1],
    ),
    Target(
        "token chunks, 16 clients, beside in-process `astream` with the in-memory saver",
        _ratio("stream/16", MEMORY, "events_per_second"),
        at_least=0.4,
        unit="× its events/s",
        cells=["stream/16"],
    ),
    Target(
        "first event, 1 client, p50",
        _values("stream/1", "first_event_p50_ms"),
        below=10,
        cells=["stream/1"],
    ),
    *_fan_out(200, 20),
    *_fan_out(1000, 150),
    Target(
        "run on a thread with 500 earlier runs, beside the 5th run of a thread",
        _values("history/500-runs", "times_as_long"),
        at_most=1.2,
        unit="× its latency",
        cells=["history/500-runs"],
    ),
    *(
        Target(
            f"GET thread, 1 client, {size} threads stored, beside `/ok`",
            _values(f"threads/{size}", "get_to_ok_ratio"),
            at_least=0.8,
            unit="× its rate",
            cells=[f"threads/{size}"],
        )
        for size in ("1k", "100k")
    ),
    *_beside_dev(_WAIT_64, ""),
    *_beside_dev(_STORED, ", 10,000 threads stored"),
    Target(
        "start to first `/ok`, demo graphs, beside importing them in a bare interpreter",
        _ratio("startup/demo", INTERPRETER, "start_ms"),
        at_most=1.2,
        unit="× its time",
        cells=["startup/demo"],
    ),
    Target(
        "idle memory, beyond that interpreter's",
        _more("startup/demo", INTERPRETER, "memory_mb"),
        at_most=40,
        unit="MB",
        cells=["startup/demo"],
    ),
)

TARGET_CELLS: Sequence[str] = tuple(
    dict.fromkeys(cell for target in TARGETS for cell in target.cells)
)
