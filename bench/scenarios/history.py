"""Whether a run takes longer on a thread that has had many."""

from __future__ import annotations

import statistics
import time
from functools import partial

import aiohttp

from bench.cells import Cell, Scenario, TooSlow
from bench.figures import Figures
from bench.options import Options
from bench.servers import Server

EARLIER = (50, 500)
_EARLY = 5
_PAIRS = 25
"""Runs on the long thread that are timed in one turn, each beside a 5th run."""
_SLOW_SECONDS = 0.2
_FEW_PAIRS = 5
"""With servers that look for runs once in a while."""
_LIMIT_SECONDS = 120.0
_BODY = {"assistant_id": "one_step", "input": {"n": 0}}


async def _turn(server: Server, _options: Options, *, earlier: int) -> Figures:
    """The long thread's runs in turns with the 5th runs of new threads.

    Raises:
        TooSlow: it would take longer than a turn may.
    """
    async with aiohttp.ClientSession(server.url) as http:
        first = await _run(http, await _thread(http, runs=1))
        pairs = _PAIRS if first < _SLOW_SECONDS else _FEW_PAIRS
        if first * (earlier + pairs * (_EARLY + 1)) > _LIMIT_SECONDS:
            raise TooSlow(f"a run takes {first * 1000:.0f} ms")
        long = await _thread(http, runs=earlier)
        early, late = [], []
        for _ in range(pairs):
            early.append(await _run(http, await _thread(http, runs=_EARLY - 1)))
            late.append(await _run(http, long))
    fifth, then = (statistics.median(each) * 1000 for each in (early, late))
    return {"fifth_run_p50_ms": fifth, "run_after_them_p50_ms": then, "times_as_long": then / fifth}


async def _thread(http: aiohttp.ClientSession, *, runs: int) -> str:
    async with http.post("/threads", json={}) as answer:
        answer.raise_for_status()
        path = f"/threads/{(await answer.json())['thread_id']}/runs/wait"
    for _ in range(runs):
        await _run(http, path)
    return path


async def _run(http: aiohttp.ClientSession, path: str) -> float:
    """Seconds."""
    started = time.perf_counter()
    async with http.post(path, json=_BODY) as answer:
        answer.raise_for_status()
        await answer.read()
    return time.perf_counter() - started


SCENARIO = Scenario(
    "history",
    "A thread with a history",
    "1-step runs, one after the other. Names: how many the thread has had; beside each run on it"
    f" the {_EARLY}th run of a new thread is timed.",
    [
        Cell(
            f"{earlier}-runs",
            partial(_turn, earlier=earlier),
            headline="run_after_them_p50_ms",
            few=True,
            limit=_LIMIT_SECONDS,
        )
        for earlier in EARLIER
    ],
    figures=["fifth_run_p50_ms", "run_after_them_p50_ms", "times_as_long"],
)
