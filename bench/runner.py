"""Plays cells: each contestant a turn, then the next turn, so that a noisy minute hits all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby

from attrs import define, evolve, field

from bench.cells import OURS, Cell, Scenario, Setting, TooSlow
from bench.figures import Figures
from bench.floor import Floor
from bench.load import warm_up
from bench.options import Options
from bench.processes import thread_names
from bench.profiling import Profiler
from bench.results import CellResult, Results
from bench.servers import Peer, Server, Start, kill

_WARM_UP_SECONDS = 60


@define
class _Running:
    """Servers of one setting, started when first needed."""

    setting: Setting
    _open: dict[str, tuple[ExitStack, Server]] = field(factory=dict, init=False)

    def get(self, peer: Peer) -> Server:
        """
        Raises:
            Exception: it does not start, or cannot run the graphs.
        """
        if peer.name not in self._open:
            with ExitStack() as stack:
                server = stack.enter_context(peer.serve(self._start()))
                asyncio.run(asyncio.wait_for(warm_up(server), _WARM_UP_SECONDS))
                server = evolve(server, threads=thread_names(server.pid))
                self._open[peer.name] = (stack.pop_all(), server)
        return self._open[peer.name][1]

    def _start(self) -> Start:
        return Start(jobs=self.setting.jobs, stored=self.setting.stored)

    def drop(self, peer: Peer) -> None:
        """Forget it: the next turn gets a new one."""
        stack, server = self._open.pop(peer.name, (ExitStack(), None))
        if server is not None and peer.startable:
            kill(server)
        stack.close()

    def close(self) -> None:
        for stack, _ in self._open.values():
            stack.close()
        self._open.clear()


@define
class Runner:
    peers: Sequence[Peer]
    options: Options
    results: Results
    profiler: Profiler | None = None
    begun: Callable[[str], None] = lambda _what: None
    """Told what is played now."""
    done: Callable[[int], None] = lambda _turns: None
    """Told how many turns have been played, or need not be."""
    complain: Callable[[str], None] = lambda _sentence: None
    _floor: Floor = field(factory=Floor, init=False)

    def play(self, scenarios: Sequence[Scenario]) -> None:
        """A failure ends a contestant's part in its cell, and nothing else."""
        try:
            for scenario in scenarios:
                for setting, cells in groupby(scenario.cells, key=lambda cell: cell.setting):
                    self._play_cells(scenario, setting, cells)
        finally:
            self._floor.close()

    def _play_cells(self, scenario: Scenario, setting: Setting, cells: Iterator[Cell]) -> None:
        running = _Running(setting)
        try:
            for cell in cells:
                result = CellResult(scenario, cell, cell.contestants(self.peers))
                self.results.cells.append(result)
                self._play_cell(result, running)
        finally:
            running.close()

    def _play_cell(self, result: CellResult, running: _Running) -> None:
        cell = result.cell
        names = result.contestants
        for number in range(cell.rounds(self.options) + cell.warm_up):
            # Another one begins each time: none always follows the same neighbour.
            first = number % len(names)
            for name in [*names[first:], *names[:first]]:
                self.begun(f"{result.name}: {name}")
                if name not in result.failures:
                    self._play_turn(result, name, running, counted=number >= cell.warm_up)
                self.done(1)
        if self.profiler is not None and OURS in names and OURS not in result.failures:
            self._profile(result, running)

    def _play_turn(
        self, result: CellResult, name: str, running: _Running, *, counted: bool
    ) -> None:
        try:
            figures = self._figures(result.cell, name, running)
        except* Exception as group:  # whatever becomes of a contestant: it is a result
            result.failures[name] = sentence(group)
            self.complain(f"{result.name}: {name}: {result.failures[name]}")
            for peer in self._named(name):
                running.drop(peer)
        else:
            if counted:
                result.turns[name].append(figures)

    def _figures(self, cell: Cell, name: str, running: _Running) -> Figures:
        if name in cell.alone:
            return cell.alone[name](self._floor, self.options)
        (peer,) = self._named(name)
        if cell.setting.stored > peer.most_stored:
            raise NotPlayed(f"{cell.setting.stored:,} threads would take too long to store")
        if cell.launch is not None:
            if not peer.startable:
                raise NotPlayed("it is not started here")
            return cell.launch(peer, self.options)
        assert cell.play is not None
        server = running.get(peer)
        try:
            return asyncio.run(_bounded(cell, server, self.options))
        finally:
            if cell.setting.fresh:
                running.drop(peer)

    def _named(self, name: str) -> list[Peer]:
        return [peer for peer in self.peers if peer.name == name]

    def _profile(self, result: CellResult, running: _Running) -> None:
        assert self.profiler is not None
        if not self.profiler.wants(result) or result.cell.play is None:
            return
        self.begun(f"{result.name}: profile of {OURS}")
        (ours,) = self._named(OURS)
        try:
            budget = self.profiler.profile(result, running.get(ours), self.options)
        except* Exception as group:  # figures without a profile are still figures
            self.results.notes.append(f"{result.name} has no profile: {sentence(group)}")
            running.drop(ours)
        else:
            self.results.budgets[result.name] = budget


class NotPlayed(Exception):
    """A contestant cannot take part in a cell."""


async def _bounded(cell: Cell, server: Server, options: Options) -> Figures:
    assert cell.play is not None
    try:
        async with asyncio.timeout(cell.limit):
            return await cell.play(server, options)
    except TimeoutError:
        raise TooSlow(f"a turn took more than {cell.limit:g} s") from None


def sentence(failure: BaseException) -> str:
    """The first of a group of failures, in words."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    words = {NotPlayed: "not played", TooSlow: "too slow"}
    if type(failure) in words:
        return f"{words[type(failure)]}: {failure}"
    text = " ".join(str(failure).split())
    return f"{type(failure).__name__}: {text[:300]}".rstrip(": ")
