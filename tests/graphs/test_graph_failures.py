"""What nodes raise: it ends their run and nothing else."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import orjson
import pytest
import trio
from graph_client import Open, Recorder

from lgtrio.errors import StorageError
from lgtrio.graphs.failures import MASKED
from lgtrio.runs.executor import ErrorInfo, GraphEnd, LastWritesFailed

KINDS = {
    "value": ErrorInfo("ValueError", "boom happened"),
    "key": ErrorInfo("KeyError", "'missing'"),
    "zero": ErrorInfo("ZeroDivisionError", MASKED),
    "own": ErrorInfo("OwnError", MASKED),
    "group": ErrorInfo("ValueError", "first"),
    "exit": ErrorInfo("SystemExit", MASKED),
    "keyboard": ErrorInfo("KeyboardInterrupt", MASKED),
    "base": ErrorInfo("OwnBaseException", MASKED),
}


@pytest.mark.parametrize("modes", [["values"], ["events"]])
@pytest.mark.parametrize("graph", ["fails", "fails_sync"])
async def test_whatever_a_node_raises(open_graphs: Open, graph: str, modes: list[str]):
    async with open_graphs() as client:
        loop = client.side.executor.slots[graph].loop
        other = Recorder()
        async with trio.open_nursery() as nursery:
            # On the same loop, and executing while the others fail.
            nursery.start_soon(
                partial(client.run, "ticker", {"count": 3, "every": 0.02}, sink=other)
            )
            for kind, expected in KINDS.items():
                outcome = await client.run(graph, {"kind": kind}, modes=modes)
                assert (outcome.end, outcome.error) == (GraphEnd.FAILED, expected)
            stopped = await client.run(graph, {"kind": "stop_iteration"}, modes=modes)
            assert stopped.error is not None
            assert stopped.error.error == "RuntimeError"
            cancelled = await client.run(graph, {"kind": "cancelled"}, modes=modes)
            assert cancelled.end is GraphEnd.FAILED
            assert cancelled.error is not None
            assert cancelled.error.error == "NodeCancelledError"
        assert other.outcome.end is GraphEnd.FINISHED
        assert client.side.executor.slots[graph].loop is loop, "the loop has been replaced"


async def test_a_last_write_that_fails_is_found_by_the_end_that_is_stored_with_it(
    open_graphs: Open,
):
    async with open_graphs() as client:
        broken = """CREATE TRIGGER broken BEFORE INSERT ON checkpoints
            WHEN (SELECT count(*) FROM checkpoints) >= 2 BEGIN SELECT RAISE(ABORT, 'broken'); END"""
        await client.storage.engine.write(lambda connection: connection.execute(broken) and None)
        sink = Recorder()
        with pytest.raises(LastWritesFailed) as failed:
            await client.run("ticker", {"count": 1, "every": 0}, sink=sink)
        assert isinstance(failed.value.__cause__, StorageError)
        outcome = sink.outcome
        assert outcome is not None
        assert outcome.end is GraphEnd.FINISHED
        left = await trio.to_thread.run_sync(outcome.last_writes.outcome)
        assert left.end is GraphEnd.FAILED
        assert left.error.error == "StorageError"


async def test_a_failed_run_keeps_what_was_done(open_graphs: Open):
    async with open_graphs() as client:
        outcome = await client.run("fails_late", {"kind": "value"})
        assert orjson.loads(outcome.values) == {"kind": "value", "reached": "works"}
        assert outcome.next == ("breaks",)


def test_a_loop_that_dies_is_replaced(tmp_path: Path):
    """Its runs fail, those that come later find a new loop.

    In a process of its own: the tasks of a dead loop can be neither finished nor cancelled.
    """
    script = Path(__file__).with_name("dying_loop.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    assert orjson.loads(done.stdout.splitlines()[-1]) == {
        "first": ["failed", "InternalError", "The event loop of the run's graph died."],
        "loop": "replaced",
        "then": "finished",
    }
    assert "a graph loop died and is replaced" in done.stdout


async def test_a_graph_that_is_not_there_any_more(open_odd: Open):
    async with open_odd() as client:
        outcome = await client.run("gone", {})
    assert outcome.end is GraphEnd.FAILED
    assert "gone" in outcome.error.message
