"""How cells are played: in turns, and without one contestant's failure being the others'."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bench import runner as runner_module
from bench.cells import Cell, Scenario, Setting
from bench.figures import Figures
from bench.options import Options
from bench.profiling import Profiler
from bench.results import Results
from bench.runner import Runner
from bench.servers import Peer, Server, Start

OPTIONS = Options(rounds=3, few=1, server_cpus=None)


class Stage:
    """Servers that are only names, and what happened to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []

        async def no_warm_up(server: Server) -> None:
            self.events.append(f"warm {server.url}")

        monkeypatch.setattr(runner_module, "warm_up", no_warm_up)

    def peer(self, name: str, *, most_stored: int = 10) -> Peer:
        return Peer(name, partial(self._serve, name), most_stored)

    @contextmanager
    def _serve(self, name: str, start: Start) -> Iterator[Server]:
        self.events.append(f"start {name} {start.stored}")
        yield Server(name, None)
        self.events.append(f"stop {name}")

    def play(self, *cells: Cell, names: str = "lgtrio other") -> Results:
        results = Results({}, {})
        peers = [self.peer(name) for name in names.split()]
        Runner(peers, OPTIONS, results).play([Scenario("s", "", "", cells, [])])
        return results

    async def note(self, server: Server, _options: Options) -> Figures:
        self.events.append(server.url)
        return {"per_second": 1.0}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_contestants_take_turns_and_begin_in_turns(stage: Stage) -> None:
    results = stage.play(Cell("a", stage.note, alone={"floor": lambda _floor, _options: {}}))
    played = [each for each in stage.events if " " not in each]
    assert played == ["lgtrio", "other", "other", "lgtrio", "lgtrio", "other"]
    assert {name: len(turns) for name, turns in results.cells[0].turns.items()} == {
        "lgtrio": 3,
        "other": 3,
        "floor": 3,
    }
    assert results.cells[0].contestants == ["lgtrio", "other", "floor"]


def test_neighbours_share_a_server_and_others_get_their_own(stage: Stage) -> None:
    stored = Setting(stored=5)
    stage.play(
        Cell("a", stage.note, few=True),
        Cell("b", stage.note, few=True),
        Cell("c", stage.note, few=True, setting=stored),
        names="lgtrio",
    )
    assert stage.events == [
        *("start lgtrio 0", "warm lgtrio", "lgtrio", "lgtrio", "stop lgtrio"),
        *("start lgtrio 5", "warm lgtrio", "lgtrio", "stop lgtrio"),
    ]


def test_fresh_servers_play_one_turn(stage: Stage) -> None:
    stage.play(Cell("a", stage.note, setting=Setting(fresh=True)), names="lgtrio")
    assert stage.events == ["start lgtrio 0", "warm lgtrio", "lgtrio", "stop lgtrio"] * 3


def test_a_failure_ends_one_part_of_one_cell(stage: Stage) -> None:
    async def fails(server: Server, options: Options) -> Figures:
        if server.url == "other":
            raise ExceptionGroup("all of it", [RuntimeError("no such graph")])
        return await stage.note(server, options)

    results = stage.play(Cell("a", fails), Cell("b", stage.note))
    first, second = results.cells
    assert first.failures == {"other": "RuntimeError: no such graph"}
    assert (len(first.turns["lgtrio"]), "other" in first.turns) == (3, False)
    assert not second.failures
    assert len(second.turns["other"]) == 3
    # What a failure has left behind is not measured: the next cell has a new server.
    assert stage.events.count("start other 0") == 2
    assert stage.events.count("start lgtrio 0") == 1


def test_who_is_too_slow_is_given_up(stage: Stage) -> None:
    async def hangs(server: Server, options: Options) -> Figures:
        if server.url == "other":
            await asyncio.Event().wait()
        return await stage.note(server, options)

    results = stage.play(Cell("a", hangs, limit=0.05))
    assert results.cells[0].failures == {"other": "too slow: a turn took more than 0.05 s"}
    assert len(results.cells[0].turns["lgtrio"]) == 3


def test_a_server_that_does_not_start_is_reported(stage: Stage) -> None:
    @contextmanager
    def broken(_start: Start) -> Iterator[Server]:
        raise RuntimeError("port in use")
        yield

    results = Results({}, {})
    peers = [Peer("other", broken, 10), stage.peer("lgtrio")]
    Runner(peers, OPTIONS, results).play([Scenario("s", "", "", [Cell("a", stage.note)], [])])
    assert results.cells[0].failures == {"other": "RuntimeError: port in use"}
    assert len(results.cells[0].turns["lgtrio"]) == 3


def test_what_cannot_be_stored_is_not_played(stage: Stage) -> None:
    results = stage.play(Cell("a", stage.note, setting=Setting(stored=11)), names="other")
    assert results.cells[0].failures == {
        "other": "not played: 11 threads would take too long to store"
    }
    assert stage.events == []


def test_figures_without_a_profile_are_kept(stage: Stage, tmp_path: Path) -> None:
    """Here because nothing is known of the server's threads; elsewhere py-spy may be refused."""
    results = Results({}, {})
    runner = Runner([stage.peer("lgtrio")], OPTIONS, results, Profiler(tmp_path, ["s/*"]))
    runner.play([Scenario("s", "", "", [Cell("a", stage.note)], [])])
    assert results.notes == [
        "s/a has no profile: RuntimeError: what CPU time each thread takes is not known"
    ]
    assert len(results.cells[0].turns["lgtrio"]) == 3
    assert results.budgets == {}


def test_a_turn_that_warms_up_is_not_counted(stage: Stage) -> None:
    turns = iter(range(10))
    alone = {"floor": lambda _floor, _options: {"turn": float(next(turns))}}
    results = stage.play(Cell("a", alone=alone, warm_up=True, few=True), names="lgtrio")
    assert results.cells[0].turns["floor"] == [{"turn": 1.0}]
