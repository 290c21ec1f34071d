"""Many at once: a thousand sleeping runs, two hundred blocking ones, two hundred listeners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from bench.listeners import listen
from bench.measure import median_of, memory_mb, quantile
from bench.options import Options
from bench.servers import Server, lgtrio_server

ASYNC_RUNS = 1000
SYNC_RUNS = 200
CREATORS = 16
SLEEP_SECONDS = 15.0
_SETTLE_SECONDS = 2.0

Round = Callable[[Server], Awaitable[dict[str, float]]]


def measure(options: Options) -> list[dict[str, Any]]:
    kinds: dict[str, Round] = {
        f"{ASYNC_RUNS} sleeping runs": partial(_sleepers, graph="naps", runs=ASYNC_RUNS),
        f"{SYNC_RUNS} runs that block": partial(_sleepers, graph="sync_naps", runs=SYNC_RUNS),
        "listeners of one run": listen,
    }
    return [{"crowd": name, "lgtrio": _median(play, options)} for name, play in kinds.items()]


def _median(play: Round, options: Options) -> dict[str, float]:
    """Each round has a server of its own: what the last one has left in memory is not counted."""
    found = []
    for _ in range(min(options.rounds, 3)):
        with lgtrio_server(options.server_cpus) as server:
            found.append(asyncio.run(_warm(play, server)))
    return median_of(found)


async def _warm(play: Round, server: Server) -> dict[str, float]:
    body = {"assistant_id": "naps", "input": {"seconds": 0.01}}
    async with aiohttp.ClientSession(server.url) as http:
        for _ in range(50):
            async with http.post("/runs/wait", json=body) as answer:
                answer.raise_for_status()
    return await play(server)


async def _sleepers(server: Server, *, graph: str, runs: int) -> dict[str, float]:
    before = memory_mb(server.pid)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector) as http:
        async with _ok_times(http) as ok_times:
            started = time.perf_counter()
            left = iter(range(runs))
            await asyncio.gather(*(_create(http, graph, left) for _ in range(CREATORS)))
            created = time.perf_counter()
            await asyncio.sleep(_SETTLE_SECONDS)
            running = await _busy_threads(http)
            memory = memory_mb(server.pid) - before
        while await _busy_threads(http):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.5)
    return {
        "creates_per_second": runs / (created - started),
        "running_at_once": running,
        "memory_kb_each": memory * 1024 / runs,
        "ok_p50_ms": quantile(ok_times, 0.5) * 1000,
        "ok_p95_ms": quantile(ok_times, 0.95) * 1000,
    }


async def _create(http: aiohttp.ClientSession, graph: str, left: Any) -> None:
    order = {"assistant_id": graph, "input": {"seconds": SLEEP_SECONDS}}
    for _ in left:
        async with http.post("/runs", json=order) as answer:
            answer.raise_for_status()
            await answer.read()


async def _busy_threads(http: aiohttp.ClientSession) -> int:
    """How many runs there are: each has a thread of its own."""
    async with http.post("/threads/count", json={"status": "busy"}) as answer:
        answer.raise_for_status()
        return int(await answer.text())


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
