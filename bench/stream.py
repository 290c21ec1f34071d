"""`POST /runs/stream` of many small custom events beside in-process `astream`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from bench.graphs import CHUNKS
from bench.inprocess import floor
from bench.load import drive
from bench.measure import median_of, quantile
from bench.options import Options
from bench.servers import Server, lgtrio_server

CLIENTS = 16


def measure(options: Options) -> list[dict[str, Any]]:
    with lgtrio_server(options.server_cpus) as server:
        _round(server, 4, 1.0)  # warm up
        return [_throughput(server, options), _first_event(server, options)]


def _throughput(server: Server, options: Options) -> dict[str, Any]:
    ours, floors = [], []
    for _ in range(options.rounds):
        ours.append(_round(server, CLIENTS, options.seconds))
        floors.append(floor("stream", "chunks", CLIENTS, options.seconds, options.server_cpus))
    pairs = zip(ours, floors, strict=True)
    ratios = [
        {"events_ratio": our["events_per_second"] / its["events_per_second"]} for our, its in pairs
    ]
    return {
        "graph": "chunks",
        "clients": CLIENTS,
        "chunks_each": CHUNKS,
        "lgtrio": median_of(ours),
        "in_process": median_of(floors),
        **median_of(ratios),
    }


def _first_event(server: Server, options: Options) -> dict[str, Any]:
    rounds = [_round(server, 1, options.seconds) for _ in range(options.rounds)]
    return {"graph": "chunks", "clients": 1, "lgtrio": median_of(rounds)}


def _round(server: Server, clients: int, seconds: float) -> dict[str, float]:
    body = {"assistant_id": "chunks", "input": {"n": 0}, "stream_mode": ["custom"]}

    async def run(session: aiohttp.ClientSession) -> float:
        """Seconds until the first custom event has arrived."""
        started, first, events = time.perf_counter(), 0.0, 0
        async with session.post("/runs/stream", json=body) as response:
            async for chunk in response.content.iter_any():
                events += chunk.count(b"event: custom")
                if events and not first:
                    first = time.perf_counter() - started
        if events != CHUNKS:
            raise RuntimeError(f"{response.status}: {events} of {CHUNKS} events")
        return first

    load = asyncio.run(drive(server.url, server.pid, run, clients=clients, seconds=seconds))
    return {
        **load.summary(),
        "events_per_second": load.rate * CHUNKS,
        "first_event_p50_ms": quantile(load.results, 0.5) * 1000,
    }
