"""Closed-loop HTTP load: each client sends its next request when the last one is answered."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from attrs import define, field

from bench.measure import cpu_seconds, quantile

Request = Callable[[aiohttp.ClientSession], Awaitable[Any]]


@define
class Load:
    """What the clients of one round saw."""

    seconds: float
    latencies: list[float]
    results: list[Any]
    server_cpu: float
    client_share: float
    """CPU seconds of the load generator a second; near 1 it is the bottleneck."""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def summary(self) -> dict[str, float]:
        done = len(self.latencies)
        return {
            "per_second": self.rate,
            "p50_ms": quantile(self.latencies, 0.5) * 1000,
            "p95_ms": quantile(self.latencies, 0.95) * 1000,
            "cpu_ms_each": self.server_cpu / done * 1000,
            "client_cpu_share": self.client_share,
        }


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


async def drive(url: str, pid: int, request: Request, *, clients: int, seconds: float) -> Load:
    """Load the server with `clients` at a time for about `seconds`."""
    own, server, started = cpu_seconds_of_self(), cpu_seconds(pid), time.perf_counter()
    crowd = _Clients(url, request, started + seconds)
    await asyncio.gather(*(crowd.one() for _ in range(clients)))
    elapsed = time.perf_counter() - started
    return Load(
        elapsed,
        crowd.latencies,
        crowd.results,
        cpu_seconds(pid) - server,
        (cpu_seconds_of_self() - own) / elapsed,
    )


def cpu_seconds_of_self() -> float:
    times = os.times()
    return times.user + times.system
