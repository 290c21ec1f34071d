"""State, history and state updates of a thread: LangGraph's operations, rendered for clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Final

import structlog
import trio
from attrs import define
from langchain_core.runnables import RunnableConfig
from langgraph.constants import START
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateSnapshot, StateUpdate

from lgtrio.errors import BadRequest, LgtrioError, NotFound, StorageUnavailable
from lgtrio.graphs.encode import to_json
from lgtrio.graphs.failures import error_info
from lgtrio.graphs.inputs import to_command
from lgtrio.graphs.loader import LoadedGraph
from lgtrio.graphs.loops import LoopSlot
from lgtrio.graphs.persistence import Graph, GraphDatabase
from lgtrio.graphs.runtimes import AccessContext, reading
from lgtrio.graphs.snapshots import pending_interrupts, thread_state
from lgtrio.runs.executor import StateUpdated
from lgtrio.storage.interface import Json
from lgtrio.wire.states import EMPTY_STATE

log = structlog.get_logger(__name__)

INPUT: Final = "__input__"
"""LangGraph's name for the node that an input comes from."""
_UPDATE_SECONDS: Final = 30.0
"""Deadline of a state update, which is not torn by a client that goes away."""


@define(eq=False)
class LanggraphStates:
    """Implements `lgtrio.runs.executor.GraphStates`, each operation on its graph's loop."""

    graphs: Mapping[str, LoadedGraph]
    slots: Mapping[str, LoopSlot]
    database: GraphDatabase

    async def get_state(
        self,
        thread_id: str,
        graph_id: str,
        *,
        checkpoint: dict[str, object] | None = None,
        subgraphs: bool = False,
    ) -> Json:
        graph = self._graph(graph_id)
        at = _config(thread_id, checkpoint)
        return await self.slots[graph_id].call(self._get_state, graph, at, subgraphs)

    async def get_history(
        self,
        thread_id: str,
        graph_id: str,
        *,
        limit: int,
        before: str | None = None,
        metadata: dict[str, object] | None = None,
        checkpoint: dict[str, object] | None = None,
    ) -> Json:
        graph = self._graph(graph_id)
        at = _config(thread_id, checkpoint)
        return await self.slots[graph_id].call(
            self._get_history, graph, at, limit, before, metadata
        )

    async def update_state(
        self,
        thread_id: str,
        graph_id: str,
        *,
        values: object,
        as_node: str | None = None,
        checkpoint: dict[str, object] | None = None,
        metadata: dict[str, object] | None = None,
    ) -> StateUpdated:
        """
        Cancellation: shielded, at most 30 s: an update is more than one write.
        """
        graph = self._graph(graph_id)
        at = _config(thread_id, checkpoint)
        at["metadata"] = {**(metadata or {}), "graph_id": graph_id, "thread_id": thread_id}
        with trio.move_on_after(_UPDATE_SECONDS, shield=True):
            return await self.slots[graph_id].call(self._update_state, graph, at, values, as_node)
        raise StorageUnavailable("The state update took too long; it may have been stored.")

    async def write_history(
        self,
        thread_id: str,
        graph_id: str,
        *,
        supersteps: Sequence[Sequence[Mapping[str, Any]]],
    ) -> StateUpdated:
        graph = self._graph(graph_id)
        at = _config(thread_id, None)
        at["metadata"] = {"graph_id": graph_id}
        steps = with_start([[_update(each) for each in updates] for updates in supersteps])
        return await self.slots[graph_id].call(self._write_history, graph, at, steps)

    def _graph(self, graph_id: str) -> LoadedGraph:
        graph = self.graphs.get(graph_id)
        if graph is None:
            raise NotFound(f"Graph '{graph_id}' not found. Expected one of: {sorted(self.graphs)}")
        return graph

    # -- on the graph's loop -------------------------------------------------------------

    async def _get_state(self, loaded: LoadedGraph, at: RunnableConfig, subgraphs: bool) -> Json:
        async with self._open(loaded, at, "threads.read") as graph:
            snapshot = await graph.aget_state(at, subgraphs=subgraphs)
        if snapshot.created_at is not None:
            return to_json(thread_state(snapshot))
        if checkpoint_id := at.get("configurable", {}).get("checkpoint_id"):
            raise NotFound(f"Checkpoint {checkpoint_id} not found on this thread.")
        return EMPTY_STATE

    async def _get_history(
        self,
        loaded: LoadedGraph,
        at: RunnableConfig,
        limit: int,
        before: str | None,
        metadata: dict[str, Any] | None,
    ) -> Json:
        bound = RunnableConfig(configurable={"checkpoint_id": before}) if before else None
        async with self._open(loaded, at, "threads.read") as graph:
            history = graph.aget_state_history(at, filter=metadata, before=bound, limit=limit)
            return to_json([thread_state(snapshot) async for snapshot in history])

    async def _update_state(
        self, loaded: LoadedGraph, at: RunnableConfig, values: Any, as_node: str | None
    ) -> StateUpdated:
        latest = _config(at.get("configurable", {})["thread_id"], None)
        async with self._open(loaded, at, "threads.update") as graph:
            stored = await graph.aupdate_state(at, values, as_node=as_node)
            return _updated(stored, await graph.aget_state(latest))

    async def _write_history(
        self, loaded: LoadedGraph, at: RunnableConfig, steps: Sequence[Sequence[StateUpdate]]
    ) -> StateUpdated:
        async with self._open(loaded, at, "threads.update") as graph:
            stored = await graph.abulk_update_state(at, steps)
            return _updated(stored, await graph.aget_state(stored))

    @asynccontextmanager
    async def _open(
        self, loaded: LoadedGraph, config: RunnableConfig, access: AccessContext
    ) -> AsyncIterator[Graph]:
        """The graph with a persistence of this operation's own; errors become sentences."""
        persistence = self.database.for_state()
        try:
            async with loaded.open(config, reading(access, store=persistence.store)) as graph:
                yield _checkpointed(persistence.give_to(graph))
        except LgtrioError:
            raise
        except (InvalidUpdateError, ValueError) as error:  # LangGraph's word about the request
            raise BadRequest(str(error)) from error
        except Exception as error:  # the user's channels, reducers or factory
            log.warning("a state operation failed", graph_id=loaded.graph_id, exc_info=error)
            info = error_info(error)
            raise BadRequest(f"The graph failed: {info.error}: {info.message}") from error
        finally:
            persistence.access.close()


def _checkpointed(graph: Graph) -> Graph:
    if graph.checkpointer is False:
        raise BadRequest("This graph was compiled with checkpointer=False and keeps no state.")
    return graph


def _config(thread_id: str, checkpoint: Mapping[str, object] | None) -> RunnableConfig:
    given = {key: value for key, value in (checkpoint or {}).items() if value is not None}
    return RunnableConfig(configurable={"checkpoint_ns": "", **given, "thread_id": thread_id})


def _updated(stored: RunnableConfig, latest: StateSnapshot) -> StateUpdated:
    return StateUpdated(
        to_json(stored.get("configurable")),
        to_json(latest.values),
        tuple(latest.next),
        to_json(pending_interrupts(latest)),
    )


def _update(plain: Mapping[str, Any]) -> StateUpdate:
    command = plain["command"]
    values: Any = plain["values"] if command is None else to_command(command)
    return StateUpdate(values, plain["as_node"])


def with_start(steps: Sequence[Sequence[StateUpdate]]) -> list[Sequence[StateUpdate]]:
    """The steps, and one for the start node where an input is followed by another node's.

    LangGraph keeps an input for the start node to take. A client who tells what came in and what
    the first node made of it means that it has been taken.
    """
    taken: list[Sequence[StateUpdate]] = []
    for step, following in pairwise([*steps, ()]):
        taken.append(step)
        nodes = {update.as_node for update in following}
        if [update.as_node for update in step] == [INPUT] and nodes and START not in nodes:
            taken.append([step[0]._replace(as_node=START)])
    return taken
