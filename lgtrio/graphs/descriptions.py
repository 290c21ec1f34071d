"""What graphs look like, take and give; see `lgtrio.runs.descriptions`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, cast

import structlog
import trio
from attrs import define, field
from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.pregel.protocol import PregelProtocol

from lgtrio.errors import BadRequest, LgtrioError, NotFound
from lgtrio.graphs.drawings import drawing
from lgtrio.graphs.encode import to_json
from lgtrio.graphs.failures import error_info
from lgtrio.graphs.loader import GraphKind, LoadedGraph
from lgtrio.graphs.persistence import Graph
from lgtrio.graphs.runtimes import reading
from lgtrio.graphs.schemas import schemas
from lgtrio.graphs.served import ServedGraphs
from lgtrio.storage.interface import Json

log = structlog.get_logger(__name__)

_DESCRIBERS: Final = 2
"""Worker threads that may describe graphs at once; they compete for the interpreter."""
_SEPARATOR: Final = "|"
"""Between the names of a namespace."""

Describe = Callable[[Graph], object]
AnyGraph = PregelProtocol[Any, Any, Any, Any]
Path = tuple[str, ...]


@define(eq=False)
class LanggraphDescriptions:
    """Implements `lgtrio.runs.descriptions.GraphDescriptions`.

    Schemas cost milliseconds of pure Python: they are made in worker threads, not on the loop. A
    graph that a function builds is built on its loop, as for a run.
    """

    served: ServedGraphs
    _describers: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(_DESCRIBERS), init=False
    )

    async def drawing(
        self, graph_id: str, config: Mapping[str, Any], *, depth: int | bool = False
    ) -> Json:
        return await self._describe(graph_id, config, partial(_draw, depth=depth))

    async def schemas(self, graph_id: str, config: Mapping[str, Any]) -> Json:
        def describe(graph: Graph) -> object:
            return {"graph_id": graph_id, **schemas(graph, graph_id)}

        return await self._describe(graph_id, config, describe)

    async def subgraphs(
        self,
        graph_id: str,
        config: Mapping[str, Any],
        *,
        namespace: str | None = None,
        recurse: bool = False,
    ) -> Json:
        describe = partial(_subgraphs, namespace=namespace, recurse=recurse)
        return await self._describe(graph_id, config, describe)

    async def _describe(self, graph_id: str, config: Mapping[str, Any], describe: Describe) -> Json:
        if graph_id not in self.served.graphs:
            known = sorted(self.served.graphs)
            raise NotFound(f"Graph '{graph_id}' not found. Expected one of: {known}")
        loaded = await self.served.current(graph_id)
        try:
            return await self._described(loaded, config, describe)
        except LgtrioError:
            raise
        except Exception as error:  # the user's factory, or types with hooks of their own
            log.warning("a graph could not be described", graph_id=graph_id, exc_info=error)
            info = error_info(error)
            raise BadRequest(f"The graph failed: {info.error}: {info.message}") from error

    async def _described(
        self, loaded: LoadedGraph, config: Mapping[str, Any], describe: Describe
    ) -> Json:
        if loaded.kind is GraphKind.STATIC:
            work = partial(_to_json, describe, loaded.sample)
            return await trio.to_thread.run_sync(
                work, limiter=self._describers, abandon_on_cancel=True
            )
        slot = self.served.slot_of[loaded.graph_id]
        return await slot.ask(self._describe_made, loaded, config, describe)

    # -- on the graph's loop -------------------------------------------------------------

    async def _describe_made(
        self, loaded: LoadedGraph, config: Mapping[str, Any], describe: Describe
    ) -> Json:
        """Of a graph that is built for this."""
        persistence = self.served.database.for_state()
        runtime = reading("assistants.read", store=persistence.store)
        runnable = cast("RunnableConfig", {"configurable": {}, **config})
        try:
            async with loaded.open(runnable, runtime) as graph:
                return await asyncio.to_thread(_to_json, describe, graph)
        finally:
            persistence.access.close()


def _to_json(describe: Describe, graph: Graph) -> Json:
    return to_json(describe(graph))


def _draw(graph: Graph, *, depth: int | bool) -> object:
    return drawing(graph.get_graph(xray=depth))


def _subgraphs(graph: Graph, *, namespace: str | None, recurse: bool) -> object:
    """By namespace, each under the whole of its own."""
    if namespace is None:
        found = _inside(graph, (), recurse=recurse)
    else:
        path = tuple(namespace.split(_SEPARATOR))
        found = _at(graph, path, recurse=recurse)
    return {
        _SEPARATOR.join(path): schemas(subgraph, path[-1])
        for path, subgraph in found
        if isinstance(subgraph, Pregel)
    }


def _inside(graph: AnyGraph, path: Path, *, recurse: bool) -> Iterator[tuple[Path, AnyGraph]]:
    for name, subgraph in _children(graph).items():
        yield (*path, name), subgraph
        if recurse:
            yield from _inside(subgraph, (*path, name), recurse=True)


def _at(graph: AnyGraph, path: Path, *, recurse: bool) -> Iterator[tuple[Path, AnyGraph]]:
    found: AnyGraph | None = graph
    for name in path:
        found = _children(found).get(name) if found is not None else None
    if found is not None:
        yield path, found
        if recurse:
            yield from _inside(found, path, recurse=True)


def _children(graph: AnyGraph) -> dict[str, AnyGraph]:
    """The graphs that are nodes of it; those of a graph on another server are not known here."""
    return dict(graph.get_subgraphs()) if isinstance(graph, Pregel) else {}
