"""Closed-loop HTTP load: each client sends its next request when the last one is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from attrs import define, field

from bench.figures import BY_THREAD, quantile
from bench.processes import cpu_seconds_of_self
from bench.servers import Server

Request = Callable[[aiohttp.ClientSession], Awaitable[Any]]
_BELOW_NOTICE_MS = 0.01


@define
class Load:
    """What the clients of one turn saw."""

    seconds: float
    latencies: list[float]
    results: list[Any]
    server_cpu: dict[str, float]
    """CPU seconds by group of threads, and `all` of them; empty if unknown."""
    client_share: float
    """CPU seconds of the load generator a second; near 1 it is the bottleneck."""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def summary(self) -> dict[str, float]:
        done = len(self.latencies)
        figures = {
            "per_second": self.rate,
            "p50_ms": quantile(self.latencies, 0.5) * 1000,
            "p95_ms": quantile(self.latencies, 0.95) * 1000,
            "client_cpu_share": self.client_share,
        }
        each = {name: seconds / done * 1000 for name, seconds in self.server_cpu.items()}
        if "all" in each:
            figures["cpu_ms_each"] = each.pop("all")
        figures |= {BY_THREAD + name: ms for name, ms in each.items() if ms > _BELOW_NOTICE_MS}
        return figures


@define
class _Clients:
    url: str
    request: Request
    until: float
    latencies: list[float] = field(factory=list)
    results: list[Any] = field(factory=list)

    async def one(self) -> None:
        # A session a client: one connection each, kept alive, as a real client has.
        async with aiohttp.ClientSession(self.url) as session:
            while time.perf_counter() < self.until:
                started = time.perf_counter()
                self.results.append(await self.request(session))
                self.latencies.append(time.perf_counter() - started)


async def drive(server: Server, request: Request, *, clients: int, seconds: float) -> Load:
    """Load the server with `clients` at a time for about `seconds`; one request each at least."""
    meter, own, started = server.cpu_meter(), cpu_seconds_of_self(), time.perf_counter()
    crowd = _Clients(server.url, request, started + seconds)
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(crowd.one())
    elapsed = time.perf_counter() - started
    return Load(
        elapsed,
        crowd.latencies,
        crowd.results,
        meter.used(),
        (cpu_seconds_of_self() - own) / elapsed,
    )


async def warm_up(server: Server) -> None:
    """Have everything imported, compiled and cached that the first runs need.

    Raises:
        Exception: the server cannot run the graphs.
    """
    for graph, clients in (("one_step", 4), ("ten_steps", 2), ("chunks", 2)):
        request = waiting(graph)
        await drive(server, request, clients=clients, seconds=0.3)


def waiting(graph: str, state: dict[str, Any] | None = None, *, thread: bool = False) -> Request:
    """`POST /runs/wait`, or a new thread and a run on it that is waited for."""
    body = {"assistant_id": graph, "input": state or {"n": 0}}

    async def stateless(session: aiohttp.ClientSession) -> None:
        await _wait(session, "/runs/wait", body)

    async def on_a_thread(session: aiohttp.ClientSession) -> None:
        async with session.post("/threads", json={}) as answer:
            answer.raise_for_status()
            thread_id = (await answer.json())["thread_id"]
        await _wait(session, f"/threads/{thread_id}/runs/wait", body)

    return on_a_thread if thread else stateless


async def _wait(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
    async with session.post(path, json=body) as answer:
        result = await answer.json(content_type=None)
        if answer.status != 200 or "__error__" in result:
            raise RuntimeError(f"{answer.status}: {str(result)[:500]}")
