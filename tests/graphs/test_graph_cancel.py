"""Cancelling: it crosses once, its end is awaited, and nothing is written after the end."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import orjson
import pytest
import trio
import trio.testing
from graph_client import Client, Open, Recorder, happened, record
from odd_graphs import Gate
from structlog.testing import capture_logs

from lgtrio.runs.executor import GraphEnd, Part

SLOW = 0.004
"""Seconds that each database operation takes with slow storage."""


async def _cancel_at(client: Client, step: int, durability: str) -> tuple[GraphEnd, bool]:
    """Run `three` and cancel it in the `step`-th round of its loop.

    Returns:
        How it ended, and whether the cancel came before that.
    """
    while True:  # on a busy machine the run may be over before the rounds are counted
        counted, end, cancelled = await _try_to_cancel_at(client, step, durability)
        if counted:
            return end, cancelled


async def _try_to_cancel_at(
    client: Client, step: int, durability: str
) -> tuple[bool, GraphEnd, bool]:
    executor = client.side.executor
    run = record("three", {}, durability=durability)
    sink = Recorder()
    token = trio.lowlevel.current_trio_token()
    counted = cancelled = False
    with trio.CancelScope() as scope:

        def count_down(rounds: int) -> None:
            nonlocal counted, cancelled
            if sink.outcome is not None:
                return
            counted = True
            if rounds:
                asyncio.get_running_loop().call_soon(count_down, rounds - 1)
            else:
                cancelled = True
                # At once on the loop, and on the way that a client's cancel takes.
                executor._active[run.run_id].execution.cancel()
                token.run_sync_soon(scope.cancel)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.side.executor.execute, run, sink)
            await trio.testing.wait_all_tasks_blocked()
            executor.slots["three"].post(partial(count_down, step))
    assert sink.outcome is not None
    await client.storing_the_end(sink.outcome)
    at_the_end = client.rows()
    await client.quiet()
    assert client.rows() == at_the_end, f"written after the end, cancelled in round {step}"
    values = (await client.state("three", run.thread_id))["values"]
    if sink.outcome.values is not None:
        assert orjson.loads(sink.outcome.values) == values
    return counted, sink.outcome.end, cancelled


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("durability", ["async", "sync", "exit"])
async def test_nothing_is_written_after_the_end(open_odd: Open, durability: str, slow: bool):
    def hold(point: str) -> None:
        if slow and point.startswith("before-op"):
            time.sleep(SLOW)

    ends: list[GraphEnd] = []
    async with open_odd(faults=hold) as client:
        step, cancelled = 0, True
        while cancelled:
            end, cancelled = await _cancel_at(client, step, durability)
            ends.append(end)
            # With slow storage there are thousands of rounds in which nothing happens.
            step = max(step + 1, int(step * 1.15))
    assert GraphEnd.CANCELLED in ends
    assert ends[-1] is GraphEnd.FINISHED
    assert set(ends) <= {GraphEnd.CANCELLED, GraphEnd.FINISHED}


async def _cancel_when_held(client: Client, graph: str, given: dict, gate: Gate) -> Recorder:
    sink = Recorder()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(client.run, graph, given, sink=sink))
        await happened(gate.reached)
        nursery.cancel_scope.cancel()
    assert sink.outcome is not None, "Cancelled left before the run had ended"
    return sink


@pytest.mark.parametrize(("every", "at_most"), [(0.01, 0), (0, 2)])
async def test_an_awaiting_node_is_cancelled_at_once(
    open_odd: Open, gate: Gate, held_input: dict, every: float, at_most: int
):
    """One that is ready in every turn goes on while the cancel passes through LangGraph."""
    run = record("ticks", {**held_input, "every": every})
    async with open_odd() as client:
        executor, sink = client.side.executor, Recorder()
        token = trio.lowlevel.current_trio_token()
        seen: list[int] = []
        with trio.CancelScope() as scope:

            def cancel() -> None:
                """On the loop, so that nothing can come between the two."""
                seen.append(gate.ticks)
                executor._active[run.run_id].execution.cancel()
                token.run_sync_soon(scope.cancel)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(executor.execute, run, sink)
                await happened(gate.reached)
                executor.slots["ticks"].post(cancel)
        assert sink.outcome.end is GraphEnd.CANCELLED
        await client.quiet()
    assert gate.ticks - seen[0] <= at_most


async def test_a_sync_node_that_goes_on_is_fenced(open_odd: Open, gate: Gate, held_input: dict):
    async with open_odd(cancel_grace=0.1) as client:
        sink = await _cancel_when_held(client, "held", held_input, gate)
        assert sink.outcome.end is GraphEnd.ABANDONED
        assert sink.outcome.next == ("held_in_thread",)
        assert orjson.loads(sink.outcome.values)["log"] == ["quick"]
        (stuck,) = client.side.executor.stuck
        assert list(stuck.nodes) == ["held_in_thread"]

        before = client.rows()
        gate.opened.set()
        await happened(gate.ended)
        errors = {what: type(error).__name__ for what, error in gate.errors.items()}
        assert errors == {"subgraph": "Fenced", "put": "Fenced", "write": "Fenced"}
        await client.quiet()
        assert client.rows() == before
        assert client.side.executor.stuck == []


async def test_what_was_sent_before_the_fence_arrives(
    open_odd: Open, gate: Gate, held_input: dict
) -> None:
    """Also if it is still on its way through the door: rows behind it may be stored."""
    run, sink = record("held", held_input), Recorder()
    async with open_odd(cancel_grace=60) as client:
        executor = client.side.executor
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.execute, run, sink)
            await happened(gate.reached)
            active = executor._active[run.run_id]
            for number in (b"1", b"2"):
                part = Part("custom", "custom", number)
                sender = threading.Thread(target=active.execution.report, args=(part,))
                sender.start()
                sender.join()  # no await: the Trio loop receives nothing meanwhile
                if number == b"1":
                    executor._fence(active)
            active.delivery.lose(GraphEnd.FAILED)
        gate.opened.set()
        await client.quiet()
    assert sink.outcome is not None
    assert [data for event, data in sink.frames if event == "custom"] == [1]


async def test_a_sync_node_that_ends_in_time_is_waited_for(
    open_odd: Open, gate: Gate, held_input: dict
):
    """Within the grace time it may still store what it has done."""
    async with open_odd(cancel_grace=20) as client:
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, "held", held_input, sink=sink))
            await happened(gate.reached)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
                assert sink.outcome is None
            gate.opened.set()
    assert sink.outcome.end is GraphEnd.CANCELLED
    assert gate.errors["put"] is None


async def test_a_node_that_swallows_the_cancel_is_closed(
    open_odd: Open, gate: Gate, held_input: dict
):
    async with open_odd(cancel_grace=0.1) as client:
        with capture_logs() as logs:
            sink = await _cancel_when_held(client, "deaf", held_input, gate)
        assert sink.outcome.end is GraphEnd.ABANDONED
        assert gate.errors == {"cancelled": None}, "the cancel arrived, and once"
        assert sink.outcome.next == ("swallows",)
        assert any("still executing" in line["event"] for line in logs)
        assert len(client.side.executor.stuck) == 1
        before = client.rows()
        gate.opened.set()
        await client.quiet()
        assert client.rows() == before, "the step after the deaf node was stored"
        assert client.side.executor.stuck == []


async def test_a_trio_node_that_shields_itself_is_listed(
    open_odd: Open, gate: Gate, held_input: dict
):
    async with open_odd(cancel_grace=0.1) as client:
        sink = await _cancel_when_held(client, "shielding", held_input, gate)
        assert sink.outcome.end is GraphEnd.ABANDONED
        assert sink.outcome.next == ("shielded",)
        (stuck,) = client.side.executor.stuck
        assert (stuck.graph_id, list(stuck.nodes)) == ("shielding", ["shielded"])
        before = client.rows()
        gate.opened.set()
        await client.quiet()
        assert client.rows() == before
        assert client.side.executor.stuck == []


async def test_a_trio_node_that_ends_in_time_is_waited_for(
    open_odd: Open, gate: Gate, held_input: dict
):
    async with open_odd(cancel_grace=20) as client:
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, "shielding", held_input, sink=sink))
            await happened(gate.reached)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
                assert sink.outcome is None
            gate.opened.set()
        assert sink.outcome.end is GraphEnd.CANCELLED
        assert client.side.executor.stuck == []


async def test_a_blocked_loop_cannot_hold_up_a_cancel(open_odd: Open, gate: Gate, held_input: dict):
    """Neither the fence nor reading what is left needs the loop."""
    async with open_odd(cancel_grace=0.1) as client:
        with trio.fail_after(30):
            sink = await _cancel_when_held(client, "blocked", held_input, gate)
        assert sink.outcome.end is GraphEnd.ABANDONED
        assert not gate.ended.is_set()
        gate.opened.set()
        await client.quiet()


async def test_cancelled_before_it_is_executed(open_odd: Open):
    async with open_odd() as client:
        sink = Recorder()
        with trio.CancelScope() as scope:
            scope.cancel()
            await client.run("three", {}, sink=sink)
        assert sink.outcome.end is GraphEnd.CANCELLED
        before = client.rows()
        await client.quiet()
        assert client.rows() == before
