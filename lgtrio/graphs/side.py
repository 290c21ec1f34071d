"""The graph side of the server, opened and closed in one place.

    async with open_graph_side(config, storage.engine, settings) as side:
        async with open_supervisor(storage, side.executor) as supervisor: ...

Starts the graph loops, loads and tries all graphs (so that a broken one stops the server's start),
watches for nodes that block a loop, and on the way out ends the loops within a few seconds.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
import trio
from attrs import frozen

from lgtrio.config import Settings
from lgtrio.graphs.door import Door
from lgtrio.graphs.executor import LanggraphExecutor
from lgtrio.graphs.loader import GraphsFailed, LoadedGraph, load_graphs
from lgtrio.graphs.loops import GraphLoop, LoopSlot
from lgtrio.graphs.persistence import GraphDatabase
from lgtrio.graphs.states import LanggraphStates
from lgtrio.graphs.threads import NodeThreads
from lgtrio.graphs.watch import LoopWatch
from lgtrio.langgraph_json import LanggraphConfig
from lgtrio.problems import Problem
from lgtrio.storage.sqlite.engine import Engine

log = structlog.get_logger(__name__)

_FEWEST_THREADS: Final = 100
"""However few runs may execute at once, one of them may fan out to many sync nodes."""


@frozen
class GraphSide:
    executor: LanggraphExecutor
    """Implements `lgtrio.runs.executor.Executor`."""
    states: LanggraphStates
    """Implements `lgtrio.runs.executor.GraphStates`."""
    graphs: Mapping[str, LoadedGraph]
    """By graph id, in the order of langgraph.json."""


@asynccontextmanager
async def open_graph_side(
    config: LanggraphConfig, engine: Engine, settings: Settings
) -> AsyncIterator[GraphSide]:
    """
    Args:
        engine: of the database that runs and state operations store into; outlives the block.
        settings: `graph_loops`, `n_jobs_per_worker`, `cancel_grace`, `blocked_after` and
            `switch_interval` are used.

    Raises:
        GraphsFailed: a graph could not be loaded; has all problems of all graphs.

    Leave it when no run executes any more: what is left is cancelled and not waited for long.
    """
    sys.setswitchinterval(settings.switch_interval)
    threads = NodeThreads(max(settings.n_jobs_per_worker, _FEWEST_THREADS))
    database = GraphDatabase.on(engine)
    async with _open_slots(settings.graph_loops, threads) as slots:
        graphs, by_graph = await _load(config, database, slots)
        executor = LanggraphExecutor(
            slots[0].door, graphs, by_graph, database, threads, settings.cancel_grace
        )
        for slot in slots:
            slot.on_death = executor.lose_runs
        watch = LoopWatch(lambda: _loops(slots), settings.blocked_after)
        watch.start()
        try:
            yield GraphSide(executor, LanggraphStates(graphs, by_graph, database), graphs)
        finally:
            watch.stop()


@asynccontextmanager
async def _open_slots(count: int, threads: NodeThreads) -> AsyncIterator[Sequence[LoopSlot]]:
    door = Door.open()
    slots = [LoopSlot(f"lgtrio-graphs-{number}", threads, door) for number in range(count)]
    for slot in slots:
        slot.start()
    try:
        yield slots
    finally:
        async with trio.open_nursery() as nursery:
            for slot in slots:
                nursery.start_soon(slot.close)


async def _load(
    config: LanggraphConfig, database: GraphDatabase, slots: Sequence[LoopSlot]
) -> tuple[Mapping[str, LoadedGraph], Mapping[str, LoopSlot]]:
    """Load each graph on the loop that it will stay on."""
    by_graph = {name: slots[i % len(slots)] for i, name in enumerate(config.graphs)}
    graphs: dict[str, LoadedGraph] = {}
    problems: list[Problem] = []
    store = database.for_state().store
    for slot in slots:
        own = [name for name in config.graphs if by_graph[name] is slot]
        try:
            loaded = await slot.call(load_graphs, config, only=own, store=store)
        except GraphsFailed as failed:
            problems += failed.problems
            continue
        graphs |= loaded.graphs
        for warning in loaded.warnings:
            log.warning(warning)
    if problems:
        raise GraphsFailed(problems)
    return {name: graphs[name] for name in config.graphs}, by_graph


def _loops(slots: Sequence[LoopSlot]) -> Sequence[GraphLoop]:
    return [slot.loop for slot in slots]
