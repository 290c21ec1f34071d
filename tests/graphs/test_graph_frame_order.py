"""Checkpoints of resumable runs wait for the log of their streams, and for nothing else."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from attrs import define, evolve, field
from graph_client import ODD_GRAPHS, Client, Open, Recorder, happened, open_client, record
from odd_graphs import Gate

from lgtrio.errors import StorageError
from lgtrio.langgraph_json import read_langgraph_json
from lgtrio.runs import streams
from lgtrio.runs.executor import GraphEnd
from lgtrio.runs.supervisor import Supervisor, open_supervisor
from lgtrio.storage.interface import (
    Cause,
    Frame,
    NewRun,
    NewThread,
    RunRecord,
    Stop,
    StopKind,
)
from lgtrio.wire.enums import Durability

EVERY = pytest.mark.parametrize("durability", Durability)
SECONDS = 20


def resumable(graph_id: str, given: Any, **options: Any) -> RunRecord:
    return evolve(record(graph_id, given, **options), resumable=True)


async def eventually(condition: Callable[[], Any]) -> None:
    """For what happens in other threads, which tell nobody."""
    with trio.fail_after(SECONDS):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.002)


# -- at the executor -----------------------------------------------------------------------


class HeldLog(Recorder):
    """Its log takes nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] | None = []

    def when_logged(self, callback: Callable[[], None]) -> None:
        if self.held is None:
            callback()
        else:
            self.held.append(callback)

    def let_go(self) -> None:
        held, self.held = self.held or [], None
        for callback in held:
            callback()


@pytest.mark.parametrize("durability", [Durability.SYNC, Durability.ASYNC])
async def test_a_checkpoint_waits_for_the_frames_before_it(
    open_odd: Open, gate: Gate, held_input: dict[str, str], durability: Durability
) -> None:
    sink = HeldLog()
    waits = durability is Durability.SYNC
    async with open_odd() as client, trio.open_nursery() as nursery:
        run = resumable("held", held_input, durability=durability)
        nursery.start_soon(partial(client.run, "held", run=run, sink=sink))
        await sink.until_parts(2)
        if not waits:
            await happened(gate.reached)
        await trio.sleep(0.05)
        assert client.rows()[:2] == (0, 0)
        assert gate.reached.is_set() is not waits
        sink.let_go()
        await eventually(lambda: client.rows()[0] == 3)
        await happened(gate.reached)
        gate.opened.set()


@EVERY
@pytest.mark.parametrize("temporary", [False, True])
async def test_a_run_to_its_end(open_graphs: Open, durability: Durability, temporary: bool) -> None:
    sink = Recorder()
    run = resumable("nested", {}, durability=durability, modes=["values", "updates", "tasks"])
    async with open_graphs() as client:
        await client.run("nested", run=evolve(run, temporary=temporary), sink=sink)
        assert sink.outcome.end is GraphEnd.FINISHED
        state = await client.state("nested", run.thread_id)
    assert state["values"] == orjson.loads(sink.outcome.values)


async def test_a_fenced_run_holds_nothing_back(
    open_odd: Open, gate: Gate, held_input: dict[str, str]
) -> None:
    sink = HeldLog()
    async with open_odd(cancel_grace=0.1) as client:
        run = resumable("held", held_input, durability=Durability.ASYNC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.run, "held", run=run, sink=sink))
            await happened(gate.reached)
            assert client.rows()[:2] == (0, 0)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await eventually(lambda: not client.side.executor.is_open(run.run_id))
                sink.let_go()
        assert sink.outcome.end is GraphEnd.ABANDONED
        assert client.rows()[0] == 3


# -- under a supervisor --------------------------------------------------------------------


@define(eq=False)
class OddLog:
    """A storage whose frames wait until they are let go; then they are stored, or fail."""

    storage: Any
    fails: bool = False
    asked: int = 0
    goes_on: trio.Event = field(factory=trio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    async def append_frames(self, run_id: str, frames: Sequence[Frame]) -> None:
        self.asked += 1
        await self.goes_on.wait()
        if self.fails:
            raise StorageError("The log has failed, as the test wants it.")
        await self.storage.append_frames(run_id, frames)


@define
class World:
    client: Client
    log: OddLog
    supervisor: Supervisor

    async def submit(self, graph_id: str, given: Any, **options: Any) -> RunRecord:
        run = record(graph_id, given, **options)
        new = NewRun(
            run_id=run.run_id,
            thread_id=run.thread_id,
            assistant_id=run.assistant_id,
            graph_id=graph_id,
            multitask_strategy=run.multitask_strategy,
            metadata=b"{}",
            kwargs=run.kwargs,
            resumable=True,
        )
        submitted = await self.supervisor.submit(new, thread=NewThread(run.thread_id))
        return submitted.run

    async def ended(self, run: RunRecord) -> str:
        with trio.fail_after(SECONDS):
            await self.supervisor.following.join(run)
        ended = await self.client.storage.get_run(run.run_id)
        return str(ended.status)

    async def frames(self, run: RunRecord) -> list[str]:
        stored = await self.client.storage.read_frames(run.run_id, after=0)
        return [frame.event for frame in stored]


@pytest.fixture
def open_world(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """The server without HTTP, on the graphs of `odd_graphs`."""
    interval = sys.getswitchinterval()

    @asynccontextmanager
    async def open_it(**settings: Any) -> AsyncIterator[World]:
        config = read_langgraph_json(ODD_GRAPHS)
        async with open_client(tmp_path, config, **settings) as client:
            log: Any = OddLog(client.storage)
            async with open_supervisor(log, client.side.executor) as supervisor:
                yield World(client, log, supervisor)

    yield open_it
    sys.setswitchinterval(interval)


@EVERY
async def test_what_a_run_stores_comes_behind_its_log(
    open_world: Any, durability: Durability
) -> None:
    async with open_world() as world:
        run = await world.submit("three", {}, durability=durability)
        await eventually(lambda: world.log.asked)
        await trio.sleep(0.1)
        assert world.client.rows()[:2] == (0, 0)
        world.log.goes_on.set()
        assert await world.ended(run) == "success"
        state = await world.client.state("three", run.thread_id)
        assert state["values"]["log"] == ["aquick", "quick", "alast"]
        frames = [event for event in await world.frames(run) if event != "mark"]
        assert frames == ["metadata", *["values"] * 3]


async def test_a_log_that_fails_holds_nothing_back(open_world: Any) -> None:
    async with open_world() as world:
        world.log.fails = True
        run = await world.submit("three", {}, durability=Durability.SYNC)
        await eventually(lambda: world.log.asked)
        # Else the run could be cancelled before it has anything to store.
        active = world.client.side.executor._active[run.run_id]
        await eventually(lambda: active.execution.persistence.access.holding)
        world.log.goes_on.set()
        await eventually(lambda: world.client.rows()[0])
        world.log.fails = False
        assert await world.ended(run) == "error"


async def test_a_log_that_overflows_holds_nothing_back(
    open_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_BYTES_UNLOGGED", 60)
    async with open_world() as world:
        run = await world.submit("three", {}, durability=Durability.ASYNC)
        await eventually(lambda: world.supervisor.executing[run.run_id].broken)
        world.log.goes_on.set()
        assert await world.ended(run) == "error"
        assert world.client.rows()[0] > 0


async def test_a_fenced_run_ends_with_its_checkpoints(
    open_world: Any, gate: Gate, held_input: dict[str, str]
) -> None:
    async with open_world(cancel_grace=0.1) as world:
        run = await world.submit("held", held_input, durability=Durability.ASYNC)
        await happened(gate.reached)
        stop = Stop(StopKind.INTERRUPT, Cause.CLIENT)
        assert world.supervisor.executing[run.run_id].request_stop(stop)
        await trio.sleep(0.3)
        world.log.goes_on.set()
        assert await world.ended(run) == "interrupted"
        state = await world.client.state("held", run.thread_id)
        assert state["values"]["log"] == ["quick"]
