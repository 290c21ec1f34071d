"""`POST /runs/stream` of token chunks beside in-process `astream`."""

from __future__ import annotations

import time
from functools import partial

import aiohttp

from bench.cells import Cell, Scenario
from bench.figures import Figures, quantile
from bench.floor import floors
from bench.graphs import CHUNKS
from bench.load import drive
from bench.options import Options
from bench.servers import Server

_BODY = {"assistant_id": "chunks", "input": {"n": 0}, "stream_mode": ["custom"]}
_EVENT = b"event: custom"


async def _run(session: aiohttp.ClientSession) -> float:
    """Seconds until the first custom event has arrived.

    Raises:
        RuntimeError: not all events came.
    """
    started, first, events, rest = time.perf_counter(), 0.0, 0, b""
    async with session.post("/runs/stream", json=_BODY) as answer:
        async for chunk in answer.content.iter_any():
            text = rest + chunk
            events += text.count(_EVENT)
            # An event's name may be cut in two by the network.
            rest = text[max(0, len(text) - len(_EVENT) + 1) :]
            if events and not first:
                first = time.perf_counter() - started
    if events != CHUNKS:
        raise RuntimeError(f"{answer.status}: {events} of {CHUNKS} events")
    return first


async def _turn(server: Server, options: Options, *, clients: int) -> Figures:
    load = await drive(server, _run, clients=clients, seconds=options.seconds)
    return {
        **load.summary(),
        "events_per_second": load.rate * CHUNKS,
        "first_event_p50_ms": quantile(load.results, 0.5) * 1000,
    }


def _cell(clients: int) -> Cell:
    return Cell(
        f"{clients}",
        partial(_turn, clients=clients),
        alone=floors("chunks", clients, stream=True),
        headline="events_per_second",
        profiled=clients > 1,
    )


SCENARIO = Scenario(
    "stream",
    "Token chunks",
    f"{CHUNKS} custom events a run, one `await` before each, as models do. Names: how many clients"
    " read a stream each at a time.",
    [_cell(1), _cell(16)],
    figures=[
        "events_per_second",
        "first_event_p50_ms",
        "p50_ms",
        "cpu_ms_each",
        "client_cpu_share",
    ],
)
