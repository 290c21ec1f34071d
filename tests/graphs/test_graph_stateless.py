"""Runs on threads that were made for them: what they need not look for and need not store."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest
import trio
import trio.testing
from attrs import evolve
from graph_client import Client, Open, Recorder, record

from lgtrio.graphs.execution import Execution
from lgtrio.wire.enums import Durability


async def _stateless(client: Client, graph_id: str, given: Any, **options: Any) -> Any:
    """The values that a run leaves whose thread goes with it."""
    run = evolve(record(graph_id, given, **options), temporary=True)
    outcome = await client.side.executor.execute(run, Recorder())
    if outcome.last_writes is not None:
        await client.storage.engine.write(partial(outcome.last_writes.settle, thread_goes=True))
    return orjson.loads(outcome.values)


@pytest.mark.parametrize("durability", Durability)
async def test_what_it_keeps_on_other_threads_stays(open_odd: Open, durability: Durability):
    given = {"name": str(uuid4())}
    async with open_odd() as client:
        counts = [
            (await _stateless(client, "elsewhere", given, durability=durability))["log"]
            for _ in range(3)
        ]
    assert counts == [["1"], ["2"], ["3"]]


async def test_a_delayed_run_finds_what_another_has_left_meanwhile(open_odd: Open):
    async with open_odd() as client:
        first = evolve(record("twice", {}), temporary=True, not_before="2026-01-01T00:00:00Z")
        await client.run("three", {}, thread_id=first.thread_id)
        outcome = await client.run("three", run=evolve(first, graph_id="three"))
    assert len(orjson.loads(outcome.values)["log"]) == 6


@pytest.mark.parametrize("temporary", [False, True])
async def test_a_run_that_has_ended_leaves_nothing_to_the_garbage_collector(
    open_odd: Open, temporary: bool
):
    """Its states may be megabytes; and who looks for such circles holds up everything."""
    async with open_odd() as client:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                run = evolve(record("three", {}), temporary=temporary)
                await client.run("three", run=run, sink=Recorder())
            await trio.testing.wait_all_tasks_blocked()
            left = [each for each in gc.get_objects() if type(each) is Execution]
            assert left == []
        finally:
            gc.enable()
