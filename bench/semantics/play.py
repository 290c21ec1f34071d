"""Play scenarios on servers, in turns, and keep what was found."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

from attrs import define, field, frozen

from bench.semantics.findings import Finding, Timing, found_in
from bench.semantics.lab import Lab, lab
from bench.semantics.pulse import Pulse, listening
from bench.semantics.scenario import Scenario


@frozen
class Server:
    name: str
    url: str


@frozen
class Play:
    """One scenario, once on one server."""

    scenario: Scenario
    server: Server
    finding: Finding | None
    """None if it could not be played to its end."""
    failure: str
    """Why it could not; empty if it could."""
    seconds: float


@define
class Results:
    """Plays by scenario and server."""

    servers: Sequence[Server]
    plays: list[Play] = field(factory=list)

    def of(self, scenario: Scenario, server: Server) -> list[Play]:
        return [play for play in self.plays if play.scenario == scenario and play.server == server]

    @property
    def scenarios(self) -> list[Scenario]:
        """Those that were played, in their order."""
        return list(dict.fromkeys(play.scenario for play in self.plays))


def verdict(plays: Sequence[Play]) -> str:
    """`ok` when every play found what is expected, else `differs` or `failed`."""
    if any(play.finding is None for play in plays):
        return "failed"
    found = [play.finding for play in plays if play.finding is not None]
    return "differs" if any(finding.differences for finding in found) else "ok"


def timings(plays: Sequence[Play]) -> list[Timing]:
    return [timing for play in plays if play.finding for timing in play.finding.timings]


class NotServed(Exception):
    """The server cannot run the graphs of this instrument."""


async def play_all(
    scenarios: Sequence[Scenario], servers: Sequence[Server], *, repeat: int, host: str
) -> AsyncIterator[Play]:
    """Play each scenario on each server, `repeat` times; neighbours in time are comparable.

    Args:
        host: address of this machine, as the servers can reach it.

    Raises:
        NotServed: a server does not know the graphs, or its signs do not arrive.
    """
    async with listening(host) as pulse:
        for server in servers:
            await _check(server, pulse)
        for scenario in scenarios:
            for _ in range(repeat):
                for server in servers:
                    yield await _play(scenario, server, pulse)


async def _play(scenario: Scenario, server: Server, pulse: Pulse) -> Play:
    started = time.perf_counter()
    finding, failure = None, ""
    try:
        async with lab(server.url, pulse) as made:
            await scenario.play(made)
            finding = await found_in(made)
    except* Exception as group:  # whatever a foreign server does: it is a result
        failure = _sentence(group)
    return Play(scenario, server, finding, failure, round(time.perf_counter() - started, 2))


def _sentence(failure: BaseException) -> str:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return f"{type(failure).__name__}: {failure}".rstrip(": ")


async def _check(server: Server, pulse: Pulse) -> None:
    try:
        async with lab(server.url, pulse) as made:
            for graph in ("probe", "sync_probe"):
                await _check_graph(made, graph)
    except* Exception as group:
        raise NotServed(
            f"{server.name} ({server.url}): {_sentence(group)}\nIt has to serve"
            " bench/semantics/langgraph.json, and its graphs must reach the address given as --host"
            f" (now {pulse.sink[0]})."
        ) from group


async def _check_graph(made: Lab, graph: str) -> None:
    run = await made.start(graph=graph)
    await run.ended()
    await run.entered("last", seconds=1)
