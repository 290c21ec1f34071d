"""A loop that a closed run holds: a new one in its place, and what becomes of what was on it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import trio
import trio.testing
from graph_client import Client, Open, Recorder, happened, open_client, record
from odd_graphs import GATES, Gate
from structlog.testing import capture_logs

from lgtrio.errors import LoopBlocked, LoopReplaced
from lgtrio.graphs import loops
from lgtrio.graphs.importing import forget_modules
from lgtrio.graphs.trio_nodes.thread import TRIO_THREAD
from lgtrio.langgraph_json import read_langgraph_json
from lgtrio.runs.executor import GraphEnd
from lgtrio.storage.sqlite.vectors import enable_vectors

MOVING = Path(__file__).parent / "moving"


@pytest.fixture(params=["moving.json"])
def open_moving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    interval = sys.getswitchinterval()
    forget_modules([str(MOVING)])  # those of an earlier test were made for its loop
    config = read_langgraph_json(MOVING / request.param)
    yield partial(open_client, tmp_path, config, cancel_grace=0.1, blocked_after=0.1)
    sys.setswitchinterval(interval)


with_embeddings = pytest.mark.parametrize("open_moving", ["moving_store.json"], indirect=True)


@pytest.fixture
def make_gate() -> Iterator[Callable[[str], Gate]]:
    """Makes gates by name; all are open in the end."""
    made: dict[str, Gate] = {}

    def make(name: str) -> Gate:
        GATES[name] = made[name] = Gate()
        return made[name]

    yield make
    for name, gate in made.items():
        gate.opened.set()
        del GATES[name]


@asynccontextmanager
async def blocked(client: Client, gate: Gate) -> AsyncIterator[trio.CancelScope]:
    """While a run of `blocks` holds the loop at a gate called `gate`; its scope."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.run, "blocks", {"name": "gate"})
        await happened(gate.reached)
        yield nursery.cancel_scope
        nursery.cancel_scope.cancel()


async def eventually(condition: Callable[[], Any]) -> None:
    """For what happens in other threads, which tell nobody."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def replaced(client: Client) -> None:
    await eventually(lambda: client.side.keeper.lost)
    await client.side.served.current("where")


async def test_new_runs_find_a_new_loop_and_graphs_made_for_it(open_moving, make_gate) -> None:
    gate = make_gate("gate")
    async with open_moving() as client:
        before = client.side.executor.slots["where"].loop
        async with blocked(client, gate):
            pass
        with trio.fail_after(30):
            await replaced(client)
            outcomes = [await client.run(graph, {}) for graph in ("where", "made")]
        assert all(orjson.loads(each.values)["at_home"] for each in outcomes)
        assert client.side.executor.slots["where"].loop is not before
        assert before.thread.is_alive()


@pytest.mark.parametrize("graph", ["steps", "trio"])
async def test_the_other_runs_go_on_from_their_last_checkpoint(
    open_moving, make_gate, graph: str
) -> None:
    gate, waiting = make_gate("gate"), make_gate("waiting")
    async with open_moving() as client:
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, graph, {"name": "waiting"}, sink=sink))
            await happened(waiting.reached)
            await client.storage.engine.write(lambda _: None)  # the first step is stored
            async with blocked(client, gate):
                pass
            with trio.fail_after(30):
                await sink.until(lambda sink: sink.outcome is not None)
        assert sink.outcome.end is GraphEnd.FINISHED
        assert orjson.loads(sink.outcome.values)["log"] == ["first", "attempt 2"]
        assert [data["attempt"] for event, data in sink.frames if event == "metadata"] == [2]
        if graph == "trio":
            assert waiting.ended.wait(10), "the first attempt is cancelled in the Trio loop"
        (stuck,) = client.side.executor.stuck
        assert stuck.graph_id == "blocks", "what waits on the old loop is not executing"


@pytest.mark.parametrize("begun", [True, False])
async def test_a_trio_loop_is_replaced_too(open_moving, make_gate, begun: bool) -> None:
    """Where a Trio node of a closed run holds it: other runs go on upon a new one."""
    gate, waiting = make_gate("gate"), make_gate("waiting")
    blocking, sink = record("trio blocks", {"name": "gate"}), Recorder()
    async with open_moving() as client:
        other = partial(client.run, "trio", {"name": "waiting"}, sink=sink)
        before = client.side.executor.slots["trio"].loop
        with capture_logs() as logs:
            async with trio.open_nursery() as nursery:
                if begun:
                    nursery.start_soon(other)
                    await happened(waiting.reached)
                    await client.storage.engine.write(lambda _: None)  # the first step is stored
                async with trio.open_nursery() as blocker:
                    blocker.start_soon(partial(client.run, "trio blocks", run=blocking))
                    await happened(gate.reached)
                    if not begun:
                        nursery.start_soon(other)
                        await eventually(lambda: TRIO_THREAD.running._waiting)
                    blocker.cancel_scope.cancel()
                with trio.fail_after(30):
                    await sink.until(lambda sink: sink.outcome is not None)
                    again = await client.run("trio", {"name": "waiting"}, attempt=2)
            assert orjson.loads(sink.outcome.values)["log"] == ["first", "attempt 2"]
            assert orjson.loads(again.values)["log"] == ["first", "attempt 2"]
            (lost,) = client.side.keeper.lost
            assert (lost.blocker.run_id, lost.blocker.node) == (blocking.run_id, "blocks_trio")
            await eventually(lambda: len(client.side.executor.stuck) == 1)
            assert client.side.executor.stuck[0].run_id == blocking.run_id
            assert client.side.executor.slots["trio"].loop is before, "that one was not blocked"
            rows = client.rows()
            gate.opened.set()
            await eventually(lambda: not client.side.keeper.lost)
            await eventually(lambda: not client.side.executor.stuck)
        assert client.rows() == rows
        assert waiting.ended.is_set() == begun, "it is cancelled, or has never begun"
    said = [line["event"] for line in logs if line.get("run_id") == blocking.run_id]
    for each in (
        "a node blocks its Trio loop",
        "a closed run blocks its Trio loop, which is replaced",
        "a stuck run has ended",
        "a Trio loop that had been replaced has ended",
    ):
        assert any(line.startswith(each) for line in said), each


async def test_a_run_that_had_not_begun_begins_on_the_new_loop(open_moving, make_gate) -> None:
    gate = make_gate("gate")
    async with open_moving() as client:
        async with trio.open_nursery() as nursery:
            sink = Recorder()
            async with blocked(client, gate):
                nursery.start_soon(partial(client.run, "where", {}, sink=sink))
                await trio.testing.wait_all_tasks_blocked()
            with trio.fail_after(30):
                await sink.until(lambda sink: sink.outcome is not None)
        assert orjson.loads(sink.outcome.values)["at_home"]
        before = client.rows()
        gate.opened.set()
        await eventually(lambda: not client.side.keeper.lost)
        assert client.rows() == before, "it has begun on the old loop as well"


async def test_a_cancel_that_comes_while_the_run_waits_for_its_graph(
    open_moving, make_gate
) -> None:
    gate = make_gate("gate")
    async with open_moving() as client:
        slot = client.side.executor.slots["where"]
        client.side.served.expect_new(slot)
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, "where", {}, sink=sink))
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert sink.outcome.end is GraphEnd.CANCELLED
        assert not gate.reached.is_set()


async def test_the_old_loop_is_listed_until_it_ends_and_the_log_tells(
    open_moving, make_gate
) -> None:
    gate = make_gate("gate")
    run = record("blocks", {"name": "gate"})
    async with open_moving() as client:
        with capture_logs() as logs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(client.run, "blocks", run=run))
                await happened(gate.reached)
                nursery.cancel_scope.cancel()
            await replaced(client)
            (lost,) = client.side.keeper.lost
            (stuck,) = client.side.executor.stuck
            gate.opened.set()
            await eventually(lambda: not client.side.keeper.lost)
            await eventually(lambda: not client.side.executor.stuck)
            await eventually(lambda: any("stuck run has ended" in each["event"] for each in logs))
    assert (lost.blocker.run_id, lost.blocker.node) == (run.run_id, "blocks_loop")
    assert (stuck.run_id, list(stuck.nodes)) == (run.run_id, ["blocks_loop"])
    said = [line["event"] for line in logs if line.get("run_id") == run.run_id]
    for each in (
        "a node blocks its graph loop",
        "a run is closed and something of it is still executing",
        "a closed run blocks its graph loop, which is replaced",
        "a stuck run has ended",
        "a graph loop that had been replaced has ended",
    ):
        assert any(line.startswith(each) for line in said), each


async def test_a_loop_is_left_alone_while_the_run_that_blocks_it_is_wanted(
    open_moving, make_gate
) -> None:
    """Also where runs that sit behind it are cancelled."""
    gate = make_gate("gate")
    async with open_moving() as client:
        loop = client.side.executor.slots["where"].loop
        sink = Recorder()
        with capture_logs() as logs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(client.run, "blocks", {"name": "gate"}, sink=sink))
                await happened(gate.reached)
                with trio.move_on_after(0.05):
                    await client.run("where", {})
                watched = client.side.watch.blocked_after + client.side.keeper.patience
                await trio.sleep(2 * watched)  # the watch looks many times in it
                gate.opened.set()
        assert any("blocks its graph loop" in line["event"] for line in logs)
        assert sink.outcome.end is GraphEnd.FINISHED
        assert client.side.executor.slots["where"].loop is loop


async def test_states_of_static_graphs_are_read_beside_a_blocked_loop(
    open_moving, make_gate
) -> None:
    gate, thread_id = make_gate("gate"), str(uuid4())
    async with open_moving() as client:
        await client.run("where", {}, thread_id=thread_id)
        async with blocked(client, gate):
            with trio.fail_after(30):
                state = await client.state("where", thread_id)
                history = orjson.loads(
                    await client.side.states.get_history(thread_id, "where", limit=10)
                )
        assert state["values"]["at_home"]
        assert history[0] == state


async def test_state_operations_that_wait_for_a_lost_loop_are_told_and_then_work(
    open_moving, make_gate
) -> None:
    gate, thread_id = make_gate("gate"), str(uuid4())
    async with open_moving() as client:
        update = partial(
            client.side.states.update_state, thread_id, "where", values={"log": ["by hand"]}
        )
        refused: list[LoopReplaced] = []

        async def try_it() -> None:
            try:
                await update(as_node="tells")
            except LoopReplaced as error:
                refused.append(error)

        async with trio.open_nursery() as nursery, blocked(client, gate):
            nursery.start_soon(try_it)
            await trio.testing.wait_all_tasks_blocked()
        assert len(refused) == 1
        with trio.fail_after(30):
            await update(as_node="tells")
        gate.opened.set()
        await eventually(lambda: not client.side.keeper.lost)
        values = (await client.state("where", thread_id))["values"]
        assert values["log"] == ["by hand"], "the one that was refused has come through later"


async def test_graphs_that_cannot_be_loaded_again_are_used_as_they_were(
    open_moving, make_gate
) -> None:
    gate = make_gate("gate")
    async with open_moving() as client:
        refuses = make_gate("refuses to be imported")
        with capture_logs() as logs:
            async with blocked(client, gate):
                pass
            with trio.fail_after(30):
                await replaced(client)
                outcome = await client.run("where", {})
        assert refuses.reached.is_set()
        assert not orjson.loads(outcome.values)["at_home"]
        (line,) = (each for each in logs if "could not be loaded again" in each["event"])
        assert "not again" in line["problems"]


@with_embeddings
async def test_embeddings_are_made_for_the_new_loop(open_moving, make_gate) -> None:
    gate = make_gate("gate")
    enable_vectors()
    async with open_moving() as client:
        items = client.side.items
        await items.put(["a"], "before", {"text": "one"})
        async with blocked(client, gate):
            pass
        with trio.fail_after(10):
            await eventually(lambda: client.side.keeper.lost)
            # At once: it waits until there is something to embed with.
            await items.put(["a"], "after", {"text": "two"})
            found = await items.search(["a"], query="one")
        assert {each.key for each in found} == {"before", "after"}
        assert all(each.score is not None for each in found)


@with_embeddings
async def test_embeddings_that_cannot_be_loaded_again_are_used_as_they_were(
    open_moving, make_gate
) -> None:
    gate = make_gate("gate")
    enable_vectors()
    async with open_moving() as client:
        refuses = make_gate("refuses to be imported")
        with capture_logs() as logs:
            async with blocked(client, gate):
                pass
            with trio.fail_after(10):
                await eventually(lambda: client.side.keeper.lost)
                await client.side.items.put(["a"], "after", {"text": "two"})
        assert refuses.reached.is_set()
        assert any(each["event"].startswith("what embeds for the store") for each in logs)


async def test_what_needs_a_blocked_loop_is_told(
    open_moving, make_gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what has to be on it: static graphs are read beside it, a factory's are not."""
    gate, thread_id = make_gate("gate"), str(uuid4())
    async with open_moving(cancel_grace=60) as client:
        await client.run("made", {}, thread_id=thread_id)
        states, before = client.side.states, await client.state("made", thread_id)
        update = partial(states.update_state, thread_id, "made", values={"log": ["by hand"]})
        with trio.fail_after(30):
            async with blocked(client, gate):
                monkeypatch.setattr(loops, "PATIENCE", 0.1)
                for needs_it in (
                    partial(states.get_state, thread_id, "made"),
                    partial(states.get_history, thread_id, "made", limit=10),
                    update,
                    partial(client.side.descriptions.schemas, "made", {}),
                ):
                    with pytest.raises(LoopBlocked):
                        await needs_it()
                monkeypatch.undo()
                gate.opened.set()
            await client.quiet()
        after = await client.state("made", thread_id)
    assert after == before, "the update that was refused has come through later"
