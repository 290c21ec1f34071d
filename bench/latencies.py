"""How long it takes until a stop has stopped, beside the reference server where there is one.

Each figure is taken from something that is pushed (an answer, the end of a stream, a datagram of
the graph), so that nothing is disturbed by looking.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.measure import quantile
from bench.options import Options
from bench.semantics.disconnects import Caller
from bench.semantics.lab import LONG, Lab, lab
from bench.semantics.peers import langgraph_dev, lgtrio
from bench.semantics.pulse import Pulse, listening
from bench.semantics.runs import Run

REPEATS = 10
"""Runs of each kind a round."""

Figures = dict[str, float]
"""Name to milliseconds, of one run."""
Play = Callable[[Lab, Run, Caller], Awaitable[Figures]]
"""Stops a run, given the connection of its creator."""


def measure(options: Options) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        urls = {"lgtrio": stack.enter_context(lgtrio())}
        if options.langgraph:
            urls["langgraph-dev"] = stack.enter_context(langgraph_dev(Path(options.langgraph)))
        return asyncio.run(_measure(urls, options.rounds))


async def _measure(urls: dict[str, str], rounds: int) -> list[dict[str, Any]]:
    """In turns, so that a noisy minute hits all servers."""
    found: dict[str, defaultdict[str, list[float]]] = {name: defaultdict(list) for name in urls}
    async with listening("127.0.0.1") as pulse:
        for _ in range(rounds):
            for name, url in urls.items():
                for figures in await _round(url, pulse):
                    for figure, value in figures.items():
                        found[name][figure].append(value)
    return [
        {"figure": figure, **{name: _summary(found[name][figure]) for name in urls}}
        for figure in found["lgtrio"]
    ]


def _summary(values: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(quantile(values, 0.5), 2),
        "p95_ms": round(quantile(values, 0.95), 2),
        "runs": len(values),
    }


async def _round(url: str, pulse: Pulse) -> list[Figures]:
    return [await _played(play, url, pulse) for play in PLAYS for _ in range(REPEATS)]


async def _played(play: Play, url: str, pulse: Pulse) -> Figures:
    """Stop a run in its second node, whose creator listens to its stream."""
    async with lab(url, pulse) as made:
        created_at = time.perf_counter()
        path = f"/threads/{made.thread_id}/runs/stream"
        creator = await made.call("POST", path, made.order(LONG, on_disconnect="cancel"))
        run = await made.newest_run(created_at)
        await run.ticked(10)
        figures = await play(made, run, creator)
        await creator.goes_away("close")
        for each in made.runs:
            await each.ended()
            await each.quiet()
        return figures


async def _cancel(made: Lab, run: Run, _creator: Caller) -> Figures:
    asked = time.perf_counter()
    query = {"action": "interrupt", "wait": "true"}
    async with made.http.post(f"{run.path}/cancel", params=query) as answer:
        answer.raise_for_status()
        terminal = time.perf_counter()
    await run.quiet()
    return {
        "cancel to terminal status": (terminal - asked) * 1000,
        "cancel to last sign of the graph": (run.signs[-1].at - asked) * 1000,
    }


async def _displace(made: Lab, _run: Run, _creator: Caller) -> Figures:
    asked = time.perf_counter()
    async with made.http.post(
        f"/threads/{made.thread_id}/runs", json=made.order(strategy="interrupt")
    ) as answer:
        answer.raise_for_status()
        new = made.met((await answer.json())["run_id"], asked)
    await new.entered("first")
    return {"displacing create to first step": (new.signs[0].at - asked) * 1000}


async def _close(made: Lab, run: Run, creator: Caller) -> Figures:
    """Another who listens is told the end."""
    async with made.join(run) as events:
        await anext(events)
        asked = time.perf_counter()
        await creator.goes_away("close")
        async for _ in events:
            pass
        ended = time.perf_counter()
    return {"closed socket to terminal status": (ended - asked) * 1000}


PLAYS: list[Play] = [_cancel, _displace, _close]
