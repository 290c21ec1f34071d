"""Mixed load for minutes, and whether anything is left of it that should not be.

`python -m bench.soak --minutes 10 --clients 200` starts a server, warms it up, notes what it holds
while idle, loads it, lets it come to rest and compares. Prints JSON; exit status 1 if a promise
was broken: memory that grows, open files, threads or tasks that stay, a run that nobody can
account for, an answer that no client should get.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import psutil
from attrs import asdict, define, field, fields, frozen
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from bench.accounts import unaccounted
from bench.clients import Client, Ledger
from bench.gauges import gauges
from bench.machine import environment
from bench.processes import memory_mb
from bench.servers import lgtrio_server

_SHARED_THREADS = 10
_REST_SECONDS = 30
"""Until idle threads, connections and tasks must be gone."""
_STEADY_SECONDS = 4
_SHOWN = 50
"""Problems in the report."""


@frozen
class Options:
    seconds: float = 600
    clients: int = 200
    warm_up: float = 60
    """Seconds of the same load before anything is compared."""
    pause: float = 2.0
    """Mean seconds between two acts of a client; the server is to be busy, not overrun."""
    seed: int = 1
    growth: float = 0.05
    """Share by which memory may be higher in the last fifth of the time than in the first."""


@frozen
class Sample:
    """What the server process holds at a time."""

    at: float
    memory_mb: float
    files: int
    threads: int
    gauges: Mapping[str, int]
    """Tasks, subscribers and connections; empty if the server does not tell."""

    def held(self) -> dict[str, int]:
        """Everything that must be given back."""
        return {"open files": self.files, "threads": self.threads, **self.gauges}


@define
class Soak:
    options: Options
    url: str
    pid: int
    tell: Callable[[str], None] = lambda _text: None
    ledger: Ledger = field(factory=Ledger)
    samples: list[Sample] = field(factory=list)

    async def run(self) -> dict[str, Any]:
        """
        Returns:
            The report; its `problems` are empty if everything held.
        """
        async with aiohttp.ClientSession(self.url) as http:
            self.tell("filling the caches")
            await _fill_caches(http)
            self.tell("warming up")
            await self._load(self.options.warm_up)
            self.tell("coming to rest, to see what an idle server holds")
            base = await self._when_steady(http)
            self.tell("loading")
            await self._load_and_sample(http)
            self.tell("coming to rest again")
            final = await self._when_back_to(base, http)
            self.tell("accounting for every run")
            missing = await unaccounted(http, self.ledger)
        return self._report(base, final, missing)

    async def _load_and_sample(self, http: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            sampler = group.create_task(self._sample_for_ever(http))
            await self._load(self.options.seconds)
            sampler.cancel()

    async def _load(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        async with aiohttp.ClientSession(self.url) as http:
            shared = [await _new_thread(http) for _ in range(_SHARED_THREADS)]
        async with asyncio.TaskGroup() as group:
            for number in range(self.options.clients):
                group.create_task(self._one_client(number, shared, until))

    async def _one_client(self, number: int, shared: list[str], until: float) -> None:
        # A session a client: connections of its own, like a program of its own.
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(self.url, timeout=timeout) as http:
            choices = random.Random(self.options.seed * 10_000 + number + len(self.samples))
            client = Client(http, self.ledger, choices, shared, self.options.pause)
            await client.work(until)

    async def _sample_for_ever(self, http: aiohttp.ClientSession) -> None:
        while True:
            self.samples.append(await self._sample(http))
            await asyncio.sleep(max(0.2, self.options.seconds / 600))

    async def _sample(self, http: aiohttp.ClientSession) -> Sample:
        process = psutil.Process(self.pid)
        return Sample(
            round(time.perf_counter(), 2),
            round(memory_mb(self.pid), 2),
            process.num_fds(),
            process.num_threads(),
            await gauges(http),
        )

    async def _when_steady(self, http: aiohttp.ClientSession) -> Sample:
        """What it holds when that has not changed for some seconds."""
        last = [await self._sample(http)]
        for _ in range(_REST_SECONDS):
            await asyncio.sleep(1)
            last = [*last[1 - _STEADY_SECONDS :], await self._sample(http)]
            if len(last) == _STEADY_SECONDS and all(each.held() == last[0].held() for each in last):
                break
        return last[-1]

    async def _when_back_to(self, base: Sample, http: aiohttp.ClientSession) -> Sample:
        """What it holds when that is no more than it was, or else after a while."""
        sample = await self._sample(http)
        for _ in range(_REST_SECONDS):
            if not left_over(base, sample):
                break
            await asyncio.sleep(1)
            sample = await self._sample(http)
        return sample

    def _report(self, base: Sample, final: Sample, missing: Sequence[str]) -> dict[str, Any]:
        grown = growth([sample.memory_mb for sample in self.samples])
        problems = [
            *self.ledger.complaints,
            *missing,
            *(f"{name}: {more} more than before the load" for name, more in left_over(base, final)),
        ]
        if grown > self.options.growth:
            problems.append(f"memory grew by {grown:.1%}")
        return {
            "options": asdict(self.options),
            "problems": problems[:_SHOWN],
            "problems_in_all": len(problems),
            "runs": len(self.ledger.created),
            "refused": self.ledger.refused,
            "acts": dict(self.ledger.acts),
            "memory_growth": round(grown, 4),
            "memory_peak_mb": max(sample.memory_mb for sample in self.samples),
            "before": asdict(base),
            "after": asdict(final),
            "samples": [asdict(sample) for sample in self.samples],
        }


def growth(values: Sequence[float]) -> float:
    """By which share the median of the last fifth is above that of the first."""
    fifth = max(1, len(values) // 5)
    return statistics.median(values[-fifth:]) / statistics.median(values[:fifth]) - 1


def left_over(base: Sample, final: Sample) -> list[tuple[str, int]]:
    """What is held beyond the base: name and number."""
    before = base.held()
    return [
        (name, number - before.get(name, 0))
        for name, number in final.held().items()
        if number > before.get(name, 0)
    ]


async def _fill_caches(http: aiohttp.ClientSession) -> None:
    """Make the database larger than SQLite's page caches, whose filling would look like growth.

    So many at once open all the connections of readers that are kept.
    """
    ballast = {"ballast": "x" * 100_000}

    async def one_thread() -> None:
        thread_id = await _new_thread(http, metadata=ballast)
        for _ in range(2):
            async with http.get(f"/threads/{thread_id}") as answer:
                await answer.read()

    for _ in range(12):
        await asyncio.gather(*(one_thread() for _ in range(50)))


async def _new_thread(http: aiohttp.ClientSession, **fields: Any) -> str:
    async with http.post("/threads", json=fields) as answer:
        answer.raise_for_status()
        return str((await answer.json())["thread_id"])


def soak(options: Options, tell: Callable[[str], None] = lambda _text: None) -> dict[str, Any]:
    """Start a server of its own, soak it and report."""
    with lgtrio_server(None) as server:
        return asyncio.run(Soak(options, server.url, server.pid, tell).run())


def main() -> None:
    options = _options()
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("starting")
        report = soak(options, lambda text: progress.update(bar, description=text))
    print(json.dumps({"environment": environment(), **report}, indent=2))
    sys.exit(1 if report["problems"] else 0)


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=_first_sentence())
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=fields(Options).clients.default)
    parser.add_argument("--warm-up", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--pause", type=float, default=fields(Options).pause.default)
    parser.add_argument("--seed", type=int, default=fields(Options).seed.default)
    args = parser.parse_args()
    return Options(args.minutes * 60, args.clients, args.warm_up, args.pause, args.seed)


def _first_sentence() -> str:
    return (__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
