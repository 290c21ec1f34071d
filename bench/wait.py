"""`POST /runs/wait` of short graphs beside in-process `ainvoke` with the in-memory saver."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from bench.inprocess import floor
from bench.load import drive
from bench.measure import median_of
from bench.options import Options
from bench.servers import Server, lgtrio_server

CELLS = [("one_step", 1), ("one_step", 8), ("ten_steps", 8)]
"""Graph and number of clients."""


def measure(options: Options) -> list[dict[str, Any]]:
    with lgtrio_server(options.server_cpus) as server:
        for graph, _ in CELLS:
            _server_round(server, graph, 4, 1.0)  # warm up
        return [_cell(server, graph, clients, options) for graph, clients in CELLS]


def _cell(server: Server, graph: str, clients: int, options: Options) -> dict[str, Any]:
    ours, floors = [], []
    for _ in range(options.rounds):
        ours.append(_server_round(server, graph, clients, options.seconds))
        floors.append(floor("invoke", graph, clients, options.seconds, options.server_cpus))
    rates = zip(ours, floors, strict=True)
    ratios = [{"rate_ratio": our["per_second"] / its["per_second"]} for our, its in rates]
    return {
        "graph": graph,
        "clients": clients,
        "lgtrio": median_of(ours),
        "in_process": median_of(floors),
        **median_of(ratios),
    }


def _server_round(server: Server, graph: str, clients: int, seconds: float) -> dict[str, float]:
    body = {"assistant_id": graph, "input": {"n": 0}}

    async def run(session: aiohttp.ClientSession) -> None:
        async with session.post("/runs/wait", json=body) as response:
            result = await response.json(content_type=None)
            if response.status != 200 or "__error__" in result:
                raise RuntimeError(f"{response.status}: {result}")

    driven = drive(server.url, server.pid, run, clients=clients, seconds=seconds)
    return asyncio.run(driven).summary()
