"""State, history and state updates of a thread: LangGraph's operations, rendered for clients.

Reading a static graph's state takes none of the author's async code, so it is done in a worker
thread and answers also while a node blocks the graph's loop. Factories and updates need the loop,
and are told when it is blocked for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, Final

import structlog
import trio
from attrs import define, field
from langchain_core.runnables import RunnableConfig
from langgraph.constants import START
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateSnapshot, StateUpdate

from lgtrio.errors import BadRequest, LgtrioError, NotFound, StorageUnavailable
from lgtrio.graphs.encode import to_json
from lgtrio.graphs.failures import error_info
from lgtrio.graphs.inputs import to_command
from lgtrio.graphs.loader import GraphKind, LoadedGraph
from lgtrio.graphs.persistence import Graph
from lgtrio.graphs.runtimes import AccessContext, reading
from lgtrio.graphs.served import ServedGraphs
from lgtrio.graphs.snapshots import pending_interrupts, thread_state
from lgtrio.runs.executor import StateUpdated
from lgtrio.storage.interface import Json
from lgtrio.wire.states import EMPTY_STATE

log = structlog.get_logger(__name__)

INPUT: Final = "__input__"
"""LangGraph's name for the node that an input comes from."""
_READERS: Final = 8
"""Worker threads that may read states at once; they compete for the interpreter."""
_UPDATE_SECONDS: Final = 30.0
"""Deadline of a state update, which is not torn by a client that goes away."""


@define(eq=False)
class LanggraphStates:
    """Implements `lgtrio.runs.executor.GraphStates`."""

    served: ServedGraphs
    _readers: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(_READERS), init=False
    )

    async def get_state(
        self,
        thread_id: str,
        graph_id: str,
        *,
        checkpoint: dict[str, object] | None = None,
        subgraphs: bool = False,
    ) -> Json:
        graph = await self._graph(graph_id)
        at = _config(thread_id, checkpoint)
        read = partial(_read_state, at=at, subgraphs=subgraphs)
        return await self._read(graph, at, read)

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
        graph = await self._graph(graph_id)
        at = _config(thread_id, checkpoint)
        read = partial(_read_history, at=at, limit=limit, before=before, metadata=metadata)
        return await self._read(graph, at, read)

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
        graph = await self._graph(graph_id)
        at = _config(thread_id, checkpoint)
        at["metadata"] = {**(metadata or {}), "graph_id": graph_id, "thread_id": thread_id}
        with trio.move_on_after(_UPDATE_SECONDS, shield=True):
            slot = self.served.slot_of[graph_id]
            return await slot.ask(self._update_state, graph, at, values, as_node)
        raise StorageUnavailable("The state update took too long; it may have been stored.")

    async def write_history(
        self,
        thread_id: str,
        graph_id: str,
        *,
        supersteps: Sequence[Sequence[Mapping[str, Any]]],
    ) -> StateUpdated:
        graph = await self._graph(graph_id)
        at = _config(thread_id, None)
        at["metadata"] = {"graph_id": graph_id}
        steps = with_start([[_update(each) for each in updates] for updates in supersteps])
        return await self.served.slot_of[graph_id].ask(self._write_history, graph, at, steps)

    async def _graph(self, graph_id: str) -> LoadedGraph:
        if graph_id not in self.served.graphs:
            known = sorted(self.served.graphs)
            raise NotFound(f"Graph '{graph_id}' not found. Expected one of: {known}")
        return await self.served.current(graph_id)

    async def _read(
        self, loaded: LoadedGraph, at: RunnableConfig, read: Callable[[Graph], Json]
    ) -> Json:
        if loaded.kind is GraphKind.STATIC:
            return await trio.to_thread.run_sync(
                self._read_static, loaded, read, limiter=self._readers, abandon_on_cancel=True
            )
        slot = self.served.slot_of[loaded.graph_id]
        return await slot.ask(self._read_made, loaded, at, read)

    def _read_static(self, loaded: LoadedGraph, read: Callable[[Graph], Json]) -> Json:
        persistence = self.served.database.for_state()
        try:
            with _worded(loaded):
                return read(_checkpointed(persistence.give_to(loaded.sample)))
        finally:
            persistence.access.close()

    # -- on the graph's loop -------------------------------------------------------------

    async def _read_made(
        self, loaded: LoadedGraph, at: RunnableConfig, read: Callable[[Graph], Json]
    ) -> Json:
        async with self._open(loaded, at, "threads.read") as graph:
            return await asyncio.to_thread(read, graph)

    async def _update_state(
        self, loaded: LoadedGraph, at: RunnableConfig, values: Any, as_node: str | None
    ) -> StateUpdated:
        latest = _config(at.get("configurable", {})["thread_id"], None)
        async with self._open(loaded, at, "threads.update") as graph:
            if checkpoint_id := at.get("configurable", {}).get("checkpoint_id"):
                # LangGraph would take an unknown one for the beginning of the thread.
                _check_exists(await graph.aget_state(at), checkpoint_id)
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
        persistence = self.served.database.for_state()
        try:
            with _worded(loaded):
                runtime = reading(access, store=persistence.store)
                async with loaded.open(config, runtime) as graph:
                    yield _checkpointed(persistence.give_to(graph))
        finally:
            persistence.access.close()


@contextmanager
def _worded(loaded: LoadedGraph) -> Iterator[None]:
    """What fails inside becomes a sentence for the client."""
    try:
        yield
    except LgtrioError:
        raise
    except (InvalidUpdateError, ValueError) as error:  # LangGraph's word about the request
        raise BadRequest(str(error)) from error
    except Exception as error:  # the user's channels, reducers or factory
        log.warning("a state operation failed", graph_id=loaded.graph_id, exc_info=error)
        info = error_info(error)
        raise BadRequest(f"The graph failed: {info.error}: {info.message}") from error


def _read_state(graph: Graph, *, at: RunnableConfig, subgraphs: bool) -> Json:
    snapshot = graph.get_state(at, subgraphs=subgraphs)
    if checkpoint_id := at.get("configurable", {}).get("checkpoint_id"):
        _check_exists(snapshot, checkpoint_id)
    return EMPTY_STATE if snapshot.created_at is None else to_json(thread_state(snapshot))


def _check_exists(snapshot: StateSnapshot, checkpoint_id: str) -> None:
    if snapshot.created_at is None:
        raise NotFound(f"Checkpoint {checkpoint_id} not found on this thread.")


def _read_history(
    graph: Graph,
    *,
    at: RunnableConfig,
    limit: int,
    before: str | None,
    metadata: dict[str, Any] | None,
) -> Json:
    bound = RunnableConfig(configurable={"checkpoint_id": before}) if before else None
    history = graph.get_state_history(at, filter=metadata, before=bound, limit=limit)
    return to_json([thread_state(snapshot) for snapshot in history])


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
    nothing: Sequence[StateUpdate] = []
    for step, following in pairwise([*steps, nothing]):
        taken.append(step)
        nodes = {update.as_node for update in following}
        if [update.as_node for update in step] == [INPUT] and nodes and START not in nodes:
            taken.append([step[0]._replace(as_node=START)])
    return taken
