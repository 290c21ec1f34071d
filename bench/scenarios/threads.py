"""What reading, writing and searching threads takes as their number grows."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

import aiohttp

from bench.cells import Cell, Scenario, Setting
from bench.figures import Figures
from bench.options import Options
from bench.servers import Server

SIZES: Final = (1_000, 10_000, 100_000)
"""Threads that are stored."""
_CHECKPOINTS: Final = 1_000
"""Of the thread that is copied."""
_SLICES: Final = 6
"""In which a turn asks for a thread and for `/ok`, in turns."""

Ask = Callable[[], AbstractAsyncContextManager[aiohttp.ClientResponse]]

_SEARCHES: Final[dict[str, dict[str, Any]]] = {
    "by_metadata": {"metadata": {"user": "user 0"}},
    "by_status": {"status": "interrupted"},
    "by_value": {"values": {"topic": "topic 0"}},
    "by_metadata_and_value": {"metadata": {"team": "all"}, "values": {"topic": "topic 0"}},
    "for_nothing": {"metadata": {"user": "nobody"}},
    "all_by_metadata": {"metadata": {"team": "all"}},
    "all_by_value": {"values": {"lang": "en"}},
    "all": {},
}


async def _turn(server: Server, options: Options) -> Figures:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(server.url, timeout=timeout) as http:
        ids = await _some_threads(http)
        figures = await _get_beside_ok(http, ids, options.seconds)
        repeats = options.repeats * 3
        for name, ask in _requests(http, ids).items():
            figures[f"{name}_ms"] = await _p50_ms(ask, repeats)
        figures["copy_ms"] = await _p50_ms(await _copy(http), 3)
    return figures


async def _some_threads(http: aiohttp.ClientSession) -> list[str]:
    async with http.post("/threads/search", json={"limit": 100}) as answer:
        answer.raise_for_status()
        return [each["thread_id"] for each in await answer.json()]


async def _get_beside_ok(http: aiohttp.ClientSession, ids: list[str], seconds: float) -> Figures:
    """The same client asks for threads and for `/ok`, in short turns."""
    numbers = itertools.cycle(ids)
    asks: dict[str, Ask] = {
        "get": lambda: http.get(f"/threads/{next(numbers)}"),
        "ok": lambda: http.get("/ok"),
    }
    rates: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(_SLICES):
        for name, ask in asks.items():
            rates[name].append(await _rate(ask, seconds / _SLICES))
    get, ok = (statistics.median(rates[name]) for name in ("get", "ok"))
    return {"get_per_second": get, "ok_per_second": ok, "get_to_ok_ratio": get / ok}


async def _rate(ask: Ask, seconds: float) -> float:
    started, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds or not done:
        await _done(ask)
        done += 1
    return done / elapsed if elapsed else 0.0


def _requests(http: aiohttp.ClientSession, ids: list[str]) -> dict[str, Ask]:
    last = reversed(ids)  # each is deleted once; the first ones are still needed
    searches = {
        f"search_{name}": partial(http.post, "/threads/search", json=wanted)
        for name, wanted in _SEARCHES.items()
    }
    return {
        "create": lambda: http.post("/threads", json={"metadata": {"n": 1}}),
        "update": lambda: http.patch(f"/threads/{ids[0]}", json={"metadata": {"n": 2}}),
        "state": lambda: http.get(f"/threads/{ids[0]}/state"),
        "delete": lambda: http.delete(f"/threads/{next(last)}"),
        **searches,
        "count_all": lambda: http.post("/threads/count", json={}),
    }


async def _copy(http: aiohttp.ClientSession) -> Ask:
    """Copying a thread of `_CHECKPOINTS` checkpoints."""
    step = {"updates": [{"as_node": "step0", "values": {"n": 1}}]}
    body = {"metadata": {"graph_id": "one_step"}, "supersteps": [step] * _CHECKPOINTS}
    async with http.post("/threads", json=body) as answer:
        answer.raise_for_status()
        path = f"/threads/{(await answer.json())['thread_id']}/copy"
    return lambda: http.post(path)


async def _p50_ms(ask: Ask, repeats: int) -> float:
    await _done(ask)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        await _done(ask)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


async def _done(ask: Ask) -> None:
    async with ask() as answer:
        answer.raise_for_status()
        await answer.read()


def _name(size: int) -> str:
    return f"{size // 1000}k"


SCENARIO = Scenario(
    "threads",
    "Reading, writing and searching threads",
    "One client. Names: how many threads are stored (over HTTP they are given no values, into"
    " lgtrio's file they are). `get` and `ok` are asked for in short turns. A selective search"
    f" finds 100. `copy`: of a thread with {_CHECKPOINTS:,} checkpoints.",
    [
        Cell(_name(size), _turn, setting=Setting(stored=size), headline="get_per_second", few=True)
        for size in SIZES
    ],
    figures=[
        *("get_per_second", "ok_per_second", "get_to_ok_ratio"),
        *("create_ms", "update_ms", "state_ms", "delete_ms"),
        *(f"search_{name}_ms" for name in _SEARCHES),
        *("count_all_ms", "copy_ms"),
    ],
    transposed=True,
)
