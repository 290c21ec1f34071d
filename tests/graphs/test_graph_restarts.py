"""Runs that are started again after the server has died under them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import orjson
import pytest
import trio
from graph_client import Client, Open, Recorder, again, record

from lgtrio.runs.executor import GraphEnd, GraphOutcome
from lgtrio.storage.interface import RunRecord
from lgtrio.wire.enums import Durability


async def _cut_off(client: Client, run: RunRecord, *, after: int) -> None:
    """Cancel a run after that many parts: what is stored then is what a crash could leave."""
    sink = Recorder()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(client.run, run.graph_id, run=run, sink=sink))
        await sink.until_parts(after)
        nursery.cancel_scope.cancel()
    assert sink.outcome.end is GraphEnd.CANCELLED


def _effects(file: Path, run: RunRecord) -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.removeprefix(f"{run.run_id} ") for line in lines if line.startswith(run.run_id)]


async def test_it_goes_on_from_its_last_checkpoint(open_graphs: Open, tmp_path: Path):
    file = tmp_path / "effects"
    async with open_graphs() as client:
        run = record("effects", {"file": str(file), "seconds": 0.01}, durability=Durability.SYNC)
        await _cut_off(client, run, after=2)  # the input, then `first`
        sink = Recorder()
        outcome = await client.run("effects", run=again(run), sink=sink)
    assert outcome.end is GraphEnd.FINISHED
    assert orjson.loads(outcome.values)["done"] == ["first", "second", "third"]
    effects = _effects(file, run)
    assert effects.count("first") == 1, "a finished step was executed again"
    assert effects[-1] == "third"


async def test_with_durability_exit_it_starts_over(open_graphs: Open, tmp_path: Path):
    file = tmp_path / "effects"
    given = {"file": str(file), "seconds": 0}
    async with open_graphs() as client:
        run = record("effects", given, durability=Durability.EXIT)
        # Cut off with nothing stored, as a killed process leaves it.
        outcome = await client.run("effects", run=again(run))
    assert orjson.loads(outcome.values)["done"] == ["first", "second", "third"]


async def test_without_a_checkpoint_of_its_own_it_takes_its_input_again(open_graphs: Open):
    async with open_graphs() as client:
        first = record("echo", {"foo": "one"})
        await client.run("echo", run=first)
        second = record("echo", {"foo": "two"}, thread_id=first.thread_id)
        outcome = await client.run("echo", run=again(second))
    assert orjson.loads(outcome.values) == {"foo": "two!", "log": ["e1", "e2", "e1", "e2"]}


async def test_a_run_that_had_finished_does_nothing_again(open_graphs: Open, tmp_path: Path):
    """Killed between the last checkpoint and the status."""
    file = tmp_path / "effects"
    async with open_graphs() as client:
        run = record("effects", {"file": str(file), "seconds": 0})
        await client.run("effects", run=run)
        outcome = await client.run("effects", run=again(run))
    assert outcome.end is GraphEnd.FINISHED
    assert orjson.loads(outcome.values)["done"] == ["first", "second", "third"]
    assert _effects(file, run) == ["first", "second", "third"]


def _asked(outcome: GraphOutcome) -> list[str]:
    return [each["value"] for asked in orjson.loads(outcome.interrupts).values() for each in asked]


async def _interrupted(client: Client, graph: str) -> tuple[str, GraphOutcome]:
    run = record(graph, {})
    return run.thread_id, await client.run(graph, run=run)


async def test_a_resume_is_never_applied_twice(open_odd: Open):
    """The first question had been answered and the second asked when the server died."""
    async with open_odd() as client:
        thread_id, outcome = await _interrupted(client, "twice")
        assert _asked(outcome) == ["first?"]
        run = record("twice", thread_id=thread_id, command={"resume": "A"})
        assert _asked(await client.run("twice", run=run)) == ["second?"]
        repeated = await client.run("twice", run=again(run))
        assert _asked(repeated) == ["second?"], "the answer was taken for the second question"
        last = await client.run("twice", thread_id=thread_id, command={"resume": "B"})
    assert orjson.loads(last.values)["log"] == ["A, B"]


async def test_a_resume_by_id_is_never_applied_twice(open_odd: Open):
    async with open_odd() as client:
        thread_id, outcome = await _interrupted(client, "twice")
        ((asked,),) = orjson.loads(outcome.interrupts).values()
        run = record("twice", thread_id=thread_id, command={"resume": {asked["id"]: "A"}})
        await client.run("twice", run=run)
        assert _asked(await client.run("twice", run=again(run))) == ["second?"]


async def test_a_resume_that_had_no_effect_is_applied(open_odd: Open):
    """The server died between the claim and the first step."""
    async with open_odd() as client:
        thread_id, _ = await _interrupted(client, "twice")
        run = record("twice", thread_id=thread_id, command={"resume": "A"})
        assert _asked(await client.run("twice", run=again(run))) == ["second?"]


@pytest.mark.parametrize("answer", [None, False, 0, "", {"a": 1}, [1]])
async def test_anything_is_an_answer(open_graphs: Open, answer: object):
    async with open_graphs() as client:
        thread_id, _ = await _interrupted(client, "ask")
        outcome = await client.run("ask", thread_id=thread_id, command={"resume": answer})
    assert orjson.loads(outcome.values)["answers"] == [answer]


async def test_a_drain_stops_between_two_steps(open_graphs: Open, tmp_path: Path):
    file = tmp_path / "steps"
    async with open_graphs() as client:
        run = record("steps", {"file": str(file), "seconds": 0.05})
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, "steps", run=run, sink=sink))
            await sink.until_parts(2)
            client.side.executor.request_drain(run.run_id)
        assert sink.outcome.end is GraphEnd.DRAINED
        drained = orjson.loads(sink.outcome.values)["log"]
        assert drained in (["a"], ["a", "b"])
        outcome = await client.run("steps", run=again(run))
    assert orjson.loads(outcome.values)["log"] == ["a", "b", "c"]
    assert len(_effects(file, run)) == 6, "each node once, none cut off"
