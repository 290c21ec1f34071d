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

import trio
from attrs import frozen

from lgtrio.config import Settings
from lgtrio.graphs.descriptions import LanggraphDescriptions
from lgtrio.graphs.door import Door
from lgtrio.graphs.embedding import load_index
from lgtrio.graphs.executor import LanggraphExecutor
from lgtrio.graphs.items import LanggraphItems
from lgtrio.graphs.keeper import LoopKeeper
from lgtrio.graphs.loader import LoadedGraph
from lgtrio.graphs.loops import LoopSlot
from lgtrio.graphs.persistence import GraphDatabase
from lgtrio.graphs.served import ServedGraphs
from lgtrio.graphs.states import LanggraphStates
from lgtrio.graphs.threads import NodeThreads
from lgtrio.graphs.trio_nodes.thread import TRIO_THREAD
from lgtrio.graphs.watch import LoopWatch, Watched
from lgtrio.langgraph_json import LanggraphConfig
from lgtrio.storage.sqlite.engine import Engine

_FEWEST_THREADS: Final = 100
"""However few runs may execute at once, one of them may fan out to many sync nodes."""


@frozen
class GraphSide:
    executor: LanggraphExecutor
    """Implements `lgtrio.runs.executor.Executor`."""
    states: LanggraphStates
    """Implements `lgtrio.runs.executor.GraphStates`."""
    descriptions: LanggraphDescriptions
    """Implements `lgtrio.runs.descriptions.GraphDescriptions`."""
    items: LanggraphItems
    """Implements `lgtrio.runs.item_store.ItemStore`."""
    served: ServedGraphs
    keeper: LoopKeeper
    watch: LoopWatch

    @property
    def graphs(self) -> Mapping[str, LoadedGraph]:
        """By graph id, in the order of langgraph.json; as they are now."""
        return self.served.graphs


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
        GraphsFailed: a graph, or what embeds for the store, could not be loaded; has all problems
            of all graphs.

    Leave it when no run executes any more: what is left is cancelled and not waited for long.
    """
    sys.setswitchinterval(settings.switch_interval)
    threads = NodeThreads(max(settings.n_jobs_per_worker, _FEWEST_THREADS))
    async with _open_slots(settings.graph_loops, threads) as slots:
        first, ttl = slots[0], config.store.ttl
        index = await first.call(load_index, config, lambda: first.loop.asyncio_loop)
        served = ServedGraphs(config, GraphDatabase.on(engine, index, ttl), slots)
        await served.load()
        executor = LanggraphExecutor(slots[0].door, served, threads, settings.cancel_grace)
        keeper = LoopKeeper(slots[0].door, served, executor, settings.cancel_grace)
        watch = LoopWatch(lambda: _watched(slots), settings.blocked_after, keeper.report)
        async with _kept(keeper, watch):
            yield GraphSide(
                executor,
                LanggraphStates(served),
                LanggraphDescriptions(served),
                LanggraphItems(engine, ttl, index, served.home_of_embeddings),
                served,
                keeper,
                watch,
            )


@asynccontextmanager
async def _kept(keeper: LoopKeeper, watch: LoopWatch) -> AsyncIterator[None]:
    for slot in keeper.served.slots:
        slot.on_death = keeper.replace_dead
    watch.start()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.load_again)
            yield
            nursery.cancel_scope.cancel(reason="the graph side closes")
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


def _watched(slots: Sequence[LoopSlot]) -> Sequence[Watched]:
    """All loops that nodes can block."""
    trio_nodes = TRIO_THREAD.running
    return [*(slot.loop for slot in slots), *([trio_nodes] if trio_nodes is not None else [])]
