"""Many runs at once that do nothing but sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp

from bench.cells import Cell, Scenario, Setting
from bench.figures import Figures, timings
from bench.options import Options
from bench.processes import memory_mb
from bench.servers import Server

ASYNC_RUNS = (200, 1000, 5000)
SYNC_RUNS = 200
_CREATORS = 16
_RATE = 250.0
"""Creates a second of the cell that is not as fast as it can be."""
_ASLEEP_SECONDS = 0.5
_SLEEP_SECONDS = 600.0
"""Longer than anything here; they do not end, they are ended."""


async def _turn(
    server: Server, options: Options, *, graph: str, runs: int, rate: float | None
) -> Figures:
    before = memory_mb(server.pid) if server.pid else 0.0
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector, timeout=timeout) as http:
        async with _ok_times(http) as while_created:
            started = time.perf_counter()
            left = iter(_due_times(started, runs, rate))
            await asyncio.gather(*(_create(http, graph, left) for _ in range(_CREATORS)))
            seconds = time.perf_counter() - started
        async with _ok_times(http) as asleep:
            await asyncio.sleep(max(_ASLEEP_SECONDS, options.settle))
        busy = await _busy_threads(http)
        memory = memory_mb(server.pid) - before if server.pid else 0.0
        if graph == "naps":
            await _end_all(http)
    figures: Figures = {
        "creates_per_second": runs / seconds,
        "at_once": busy,
        **timings("ok_while_created", while_created, 50, 95),
        **timings("ok_asleep", asleep, 95),
    }
    return figures | ({"memory_kb_each": memory * 1024 / runs} if server.pid else {})


def _due_times(start: float, runs: int, rate: float | None) -> list[float]:
    """When each run is to be created: at once if there is no rate."""
    return [start + (index / rate if rate else 0) for index in range(runs)]


async def _create(http: aiohttp.ClientSession, graph: str, left: Iterator[float]) -> None:
    order = {"assistant_id": graph, "input": {"seconds": _SLEEP_SECONDS}}
    for due in left:
        await asyncio.sleep(due - time.perf_counter())
        async with http.post("/runs", json=order) as answer:
            answer.raise_for_status()
            await answer.read()


async def _busy_threads(http: aiohttp.ClientSession) -> int:
    """How many runs there are: each has a thread of its own."""
    async with http.post("/threads/count", json={"status": "busy"}) as answer:
        answer.raise_for_status()
        return int(await answer.text())


async def _end_all(http: aiohttp.ClientSession) -> None:
    """For a server that was there before and will be after."""
    async with http.post("/runs/cancel", json={"status": "all"}) as answer:
        await answer.read()


@asynccontextmanager
async def _ok_times(http: aiohttp.ClientSession) -> AsyncIterator[list[float]]:
    """Seconds that `/ok` takes, asked again and again while the block runs."""
    times: list[float] = []

    async def ask() -> None:
        while True:
            started = time.perf_counter()
            async with http.get("/ok") as answer:
                await answer.read()
            times.append(time.perf_counter() - started)
            await asyncio.sleep(0.01)

    asking = asyncio.create_task(ask())
    try:
        yield times
    finally:
        asking.cancel()


def _cell(graph: str, runs: int, rate: float | None = None) -> Cell:
    name = f"{'async' if graph == 'naps' else 'sync'}-{runs}"
    return Cell(
        name if rate is None else f"{name}-at-{rate:.0f}",
        partial(_turn, graph=graph, runs=runs, rate=rate),
        setting=Setting(fresh=True, jobs=runs),
        headline="creates_per_second",
        few=True,
        limit=60 + runs / 20,
    )


SCENARIO = Scenario(
    "crowd",
    "Many runs that sleep",
    "Names: the kind of node, and how many runs are created, by"
    f" {_CREATORS} clients, and then sleep: as fast as the server takes them, or so many a second"
    f" (`at-{_RATE:.0f}`), so that the wait of other clients is not that of a full queue. Each turn"
    " has a server of its own; one that has to be told how many runs it may have going is told."
    " `at once`: threads that were busy in the end.",
    [
        *[_cell("naps", runs) for runs in ASYNC_RUNS],
        _cell("naps", 1000, _RATE),
        _cell("sync_naps", SYNC_RUNS),
    ],
    figures=[
        "creates_per_second",
        "at_once",
        "memory_kb_each",
        "ok_while_created_p50_ms",
        "ok_while_created_p95_ms",
        "ok_asleep_p95_ms",
    ],
)
