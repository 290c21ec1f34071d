"""The scenarios, a file each; `SCENARIOS` has them in the order of the report."""

from __future__ import annotations

from bench.cells import Scenario
from bench.scenarios import (
    cost,
    crowd,
    fanout,
    history,
    startup,
    stops,
    store,
    stream,
    threads,
    wait,
)

SCENARIOS: tuple[Scenario, ...] = (
    wait.SCENARIO,
    stream.SCENARIO,
    cost.SCENARIO,
    fanout.SCENARIO,
    crowd.SCENARIO,
    stops.SCENARIO,
    history.SCENARIO,
    threads.SCENARIO,
    store.HTTP,
    store.INSIDE,
    startup.SCENARIO,
)
