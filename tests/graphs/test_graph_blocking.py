"""Nodes that block: a thread of their own for each sync one, a line in the log for the others."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial

import orjson
import pytest
import trio
from graph_client import Open, Recorder, happened, record
from odd_graphs import Gate
from structlog.testing import capture_logs

from lgtrio.graphs.calls import CALLS_OF_RUN, RunCalls
from lgtrio.graphs.threads import NodeThreads
from lgtrio.runs.executor import GraphEnd


async def test_sleeping_sync_nodes_do_not_wait_for_one_another(open_graphs: Open):
    async with open_graphs() as client:
        start = trio.current_time()
        with trio.fail_after(50):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(client.run, "sleeps_in_thread", {"seconds": 1})
        # One after the other takes 100 s.
        assert trio.current_time() - start >= 1


def test_a_stuck_thread_is_replaced():
    threads = NodeThreads(limit=1)
    gate, owner = Gate(), RunCalls("run", lambda: "node")
    context = copy_context()
    context.run(CALLS_OF_RUN.set, owner)
    stuck = context.run(threads.submit, gate.hold)
    waiting = threads.submit(lambda: "done")
    assert gate.reached.wait(10)
    assert not waiting.running(), "there is only one place"
    assert list(owner.running.values()) == ["node"]
    threads.abandon(owner)
    assert waiting.result(10) == "done"
    gate.opened.set()
    stuck.result(10)
    assert threads.submit(lambda: "still").result(10) == "still"


def test_with_all_threads_stuck_new_sync_nodes_find_as_many():
    """Again and again: the stuck ones of closed runs are never counted."""
    threads, gates = NodeThreads(limit=4), [Gate() for _ in range(12)]
    for some in (gates[:4], gates[4:8], gates[8:]):
        owners = [RunCalls(f"run {number}", lambda: "node") for number in range(4)]
        for owner, gate in zip(owners, some, strict=True):
            context = copy_context()
            context.run(CALLS_OF_RUN.set, owner)
            context.run(threads.submit, gate.hold)
        assert all(gate.reached.wait(10) for gate in some), "a closed run's thread has the place"
        assert threads.busy == 4
        for owner in owners:
            threads.abandon(owner)
    assert threads.busy == 0
    last = threads.submit(lambda: "done")
    for gate in gates:
        gate.opened.set()
    assert last.result(10) == "done"


def test_a_call_that_waited_is_named_by_the_node_that_made_it():
    threads, gate = NodeThreads(limit=1), Gate()
    nodes = iter(["first", "second"])
    owner = RunCalls("run", lambda: next(nodes))
    context = copy_context()
    context.run(CALLS_OF_RUN.set, owner)
    context.run(threads.submit, lambda: None).result(10)
    threads.submit(gate.hold)
    seen = context.run(threads.submit, lambda: list(owner.running.values()))
    gate.opened.set()
    assert seen.result(10) == ["second"]


def test_a_call_that_is_cancelled_while_it_waits_never_runs():
    threads = NodeThreads(limit=1)
    gate = Gate()
    threads.submit(gate.hold)
    waiting = threads.submit(gate.ended.set)
    assert waiting.cancel()
    last = threads.submit(lambda: "last")
    gate.opened.set()
    assert last.result(10) == "last"
    assert not gate.ended.is_set()


async def test_a_blocked_loop_does_not_hold_up_the_end_of_the_server(
    open_odd: Open, gate: Gate, held_input: dict
):
    with trio.fail_after(60):
        async with open_odd(cancel_grace=0.05) as client:
            thread = client.side.executor.slots["blocked"].loop.thread
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.run, "blocked", held_input)
                await happened(gate.reached)
                nursery.cancel_scope.cancel()
        assert thread.is_alive()
        gate.opened.set()
        await trio.to_thread.run_sync(thread.join)


@pytest.mark.parametrize("graph", ["sleeps_in_async", "burns_cpu"])
async def test_the_log_names_run_and_node(open_graphs: Open, graph: str):
    async with open_graphs(blocked_after=0.1) as client:
        run = record(graph, {"seconds": 0.6})
        with capture_logs() as logs:
            await client.run(graph, run=run)
            await client.quiet()
            with trio.fail_after(30):
                # The thread that logs tells nobody.
                while not logs[-1]["event"].endswith("free again"):  # noqa: ASYNC110
                    await trio.sleep(0.01)
    blocks, free = (line for line in logs if line.get("run_id") == run.run_id)
    node = "sleeping_node" if graph == "sleeps_in_async" else "burning_node"
    assert blocks["node"] == free["node"] == node
    assert 0.1 <= blocks["blocked_for"] < free["blocked_for"]
    assert "blocking.py:" in blocks["place"]


async def test_with_two_loops_a_blocked_one_stalls_only_its_own_graphs(
    open_odd: Open, gate: Gate, held_input: dict
):
    async with open_odd(graph_loops=2) as client:
        slots = client.side.executor.slots
        elsewhere = [name for name in slots if slots[name] is not slots["blocked"]]
        assert "three" in elsewhere, "the graphs are dealt out in turn"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run, "blocked", held_input)
            await happened(gate.reached)
            with trio.fail_after(30):
                assert (await client.run("three", {})).end is GraphEnd.FINISHED
            gate.opened.set()


async def test_parts_arrive_while_the_loop_is_blocked(open_odd: Open, gate: Gate, held_input: dict):
    async with open_odd() as client:
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, "blocked", held_input, sink=sink))
            await happened(gate.reached)
            await sink.until_parts(1)
            gate.opened.set()
    assert orjson.loads(sink.seen[-1].data)["log"] == ["blocked"]
