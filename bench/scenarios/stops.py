"""How long it takes until a stop has stopped.

Each figure is taken from something that is pushed (an answer, the end of a stream, a datagram of
the graph), so that nothing is disturbed by looking.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial

from bench.cells import Cell, Scenario
from bench.figures import Figures
from bench.options import Options
from bench.semantics.disconnects import Caller
from bench.semantics.lab import LONG, Lab, lab
from bench.semantics.pulse import Pulse, listening
from bench.semantics.runs import Run
from bench.servers import Server

Stop = Callable[[Lab, Run, Caller], Awaitable[Figures]]
"""Stops a run, given the connection of its creator; figures of that one run."""


async def _turn(server: Server, options: Options, *, stop: Stop) -> Figures:
    found: defaultdict[str, list[float]] = defaultdict(list)
    async with listening("127.0.0.1") as pulse:
        for _ in range(options.repeats):
            for name, value in (await _stopped(server.url, pulse, stop)).items():
                found[name].append(value)
    return {
        **{name: statistics.median(values) for name, values in found.items()},
        **{f"{name.removesuffix('_ms')}_worst_ms": max(each) for name, each in found.items()},
    }


async def _stopped(url: str, pulse: Pulse, stop: Stop) -> Figures:
    """Stop a run in its second node, whose creator listens to its stream."""
    async with lab(url, pulse) as made:
        created_at = time.perf_counter()
        path = f"/threads/{made.thread_id}/runs/stream"
        creator = await made.call("POST", path, made.order(LONG, on_disconnect="cancel"))
        run = await made.newest_run(created_at)
        await run.ticked(10)
        figures = await stop(made, run, creator)
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
    return {"to_status_ms": _ms(asked, terminal), "to_last_tick_ms": _ms(asked, run.signs[-1].at)}


async def _displace(made: Lab, run: Run, _creator: Caller) -> Figures:
    """Another who listens is told the end."""
    async with made.join(run) as events:
        await anext(events)
        asked = time.perf_counter()
        order = made.order(strategy="interrupt")
        async with made.http.post(f"/threads/{made.thread_id}/runs", json=order) as answer:
            answer.raise_for_status()
            new = made.met((await answer.json())["run_id"], asked)
        async for _ in events:
            pass
        ended = time.perf_counter()
    await new.entered("first")
    await run.quiet()
    return {
        "to_status_ms": _ms(asked, ended),
        "to_last_tick_ms": _ms(asked, run.signs[-1].at),
        "to_first_step_of_next_ms": _ms(asked, new.signs[0].at),
    }


async def _disconnect(made: Lab, run: Run, creator: Caller) -> Figures:
    """Another who listens is told the end."""
    async with made.join(run) as events:
        await anext(events)
        asked = time.perf_counter()
        await creator.goes_away("close")
        async for _ in events:
            pass
        ended = time.perf_counter()
    await run.quiet()
    return {"to_status_ms": _ms(asked, ended), "to_last_tick_ms": _ms(asked, run.signs[-1].at)}


def _ms(start: float, end: float) -> float:
    return max(0.0, end - start) * 1000


_STOPS = {"cancel": _cancel, "displace": _displace, "disconnect": _disconnect}

SCENARIO = Scenario(
    "stops",
    "Stopping a run",
    "A run whose node ticks every 5 ms is cancelled (`wait=true`), displaced by another run of its"
    " thread, or left by its creator (`on_disconnect: cancel`). Until a client is told that it has"
    " ended, and until the graph's last tick; medians and worst of a turn's runs.",
    [
        Cell(name, partial(_turn, stop=stop), headline="to_status_ms", limit=90)
        for name, stop in _STOPS.items()
    ],
    figures=[
        "to_status_ms",
        "to_status_worst_ms",
        "to_last_tick_ms",
        "to_last_tick_worst_ms",
        "to_first_step_of_next_ms",
    ],
)
