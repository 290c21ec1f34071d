"""Loads the graphs of a langgraph.json, and reports everything that is wrong with them at once.

    loaded = await load_graphs(read_langgraph_json(path), store=store)  # on the graph loop
    async with loaded.graphs["agent"].open(config, runtime) as graph:   # for each run
        await graph.ainvoke(...)

A static graph is handed out as it is, the same object every time; who wants to set a
checkpointer or store copies it (`graph.copy(update=...)`). A factory is called for each `open`.

Modules are imported in a thread that no event loop runs in but that has the graph loop as its
current one: so `asyncio.run(...)` at module level works as it does under `python agent.py`, and
clients that ask for the current loop when they are made get the one they will be used on.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import outcome
import structlog
from attrs import define, field, frozen
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from lgtrio.errors import GraphLoadFailed
from lgtrio.graphs.factories import Factory, NotAGraph, as_graph
from lgtrio.graphs.hints import candidates, line_of
from lgtrio.graphs.importing import extend_sys_path, import_file
from lgtrio.graphs.runtimes import ServerRuntime, reading
from lgtrio.graphs.tracebacks import user_place, user_traceback
from lgtrio.langgraph_json import GraphSpec, LanggraphConfig
from lgtrio.problems import Problem

log = structlog.get_logger(__name__)

T = TypeVar("T")
Graph = Pregel[Any, Any, Any, Any]


class GraphKind(StrEnum):
    STATIC = "static"  # one object, built at import
    FACTORY = "factory"  # built anew for each run and state operation


@frozen
class LoadedGraph:
    """A graph that was imported, built once and found good."""

    graph_id: str
    description: str | None
    kind: GraphKind
    sample: Graph
    """The static graph, or what the factory built at the start: good for schemas and drawings.
    A factory that is a context manager has been left since, so a sample must not be executed."""
    factory: Factory | None = None

    def open(
        self, config: RunnableConfig, runtime: ServerRuntime[Any]
    ) -> AbstractAsyncContextManager[Graph]:
        """The graph for one run or state operation; a static one costs nothing.

        Args:
            runtime: from `graphs.runtimes`; factories that ask for one get it.

        Raises (on entering):
            GraphLoadFailed: the factory returned something that is not a graph.
            Exception: whatever the factory raises.

        Cancellation: passes through the factory; what it has entered is left again.
        """
        if self.factory is None:
            return nullcontext(self.sample)
        return self._open_factory(self.factory, config, runtime)

    @asynccontextmanager
    async def _open_factory(
        self, factory: Factory, config: RunnableConfig, runtime: ServerRuntime[Any]
    ) -> AsyncIterator[Graph]:
        async with AsyncExitStack() as stack:
            try:
                graph = await factory.build(stack, config, runtime)
            except NotAGraph as error:
                raise GraphLoadFailed(f"The factory of graph {self.graph_id} {error}.") from error
            yield graph


@frozen
class Loaded:
    """All graphs of a langgraph.json."""

    graphs: Mapping[str, LoadedGraph]
    """By graph id, in the order of langgraph.json."""
    warnings: Sequence[str] = ()
    """Sentences for the log."""


class GraphsFailed(GraphLoadFailed):
    """At least one graph could not be loaded; `problems` has every one that could not."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(each) for each in problems))
        self.problems = problems


async def load_graphs(
    config: LanggraphConfig, *, only: Sequence[str] | None = None, store: BaseStore | None = None
) -> Loaded:
    """Import and build the graphs; call it on the loop that will execute them.

    Puts the config's folders on `sys.path`. Does not touch the environment.

    Args:
        only: graph ids to load; None loads all of them.
        store: what factories find in `runtime.store` while they are tried; None gives them an
            empty one that forgets.

    Raises:
        GraphsFailed: with every problem of every graph.

    Cancellation: an import that is under way goes on in its thread and its result is dropped.
    """
    extend_sys_path(config.search_path)
    wanted = config.graphs if only is None else {name: config.graphs[name] for name in only}
    loading = _Loading(config, store or InMemoryStore())
    graphs = [await loading.load(spec) for spec in wanted.values()]
    if loading.problems:
        raise GraphsFailed(loading.problems)
    found = {each.graph_id: each for each in graphs if each is not None}
    return Loaded(found, loading.warnings)


@define
class _Loading:
    config: LanggraphConfig
    store: BaseStore
    modules: dict[str, outcome.Maybe[ModuleType]] = field(factory=dict)
    """Import results by file or module name, so that a broken file runs and is shown once."""
    problems: list[Problem] = field(factory=list)
    warnings: list[str] = field(factory=list)

    async def load(self, spec: GraphSpec) -> LoadedGraph | None:
        """None after adding a problem."""
        module = await self._module(spec)
        if module is None:
            return None
        if not hasattr(module, spec.variable):
            missing = f"there is no `{spec.variable}` in {module.__file__}{candidates(module)}"
            self._declared(spec, missing)
            return None
        try:
            loaded = await self._build(spec, getattr(module, spec.variable))
        except NotAGraph as error:
            self._made(spec, f"`{spec.variable}` {error}", module)
            return None
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            self._failed(spec, error)
            return None
        self._warn_of_own(loaded)
        return loaded

    async def _module(self, spec: GraphSpec) -> ModuleType | None:
        if spec.file is not None and not spec.file.is_file():
            self._declared(spec, f"there is no file {spec.file}")
            return None
        source = str(spec.file or spec.module)
        again = source in self.modules
        if not again:
            self.modules[source] = await _in_plain_thread(lambda: _import(spec))
        result = self.modules[source]
        if isinstance(result, outcome.Error):
            self._failed(spec, result.error, with_traceback=not again)
            return None
        return result.value

    async def _build(self, spec: GraphSpec, value: object) -> LoadedGraph:
        """Try a factory out as well: its mistakes belong to the start, not to the first run."""
        if isinstance(value, Pregel | type) or not callable(value):
            graph = as_graph(value)
            return LoadedGraph(spec.graph_id, spec.description, GraphKind.STATIC, graph)
        factory = Factory.of(value)
        async with AsyncExitStack() as stack:
            runtime = reading("assistants.read", store=self.store)
            graph = await factory.build(stack, RunnableConfig(configurable={}), runtime)
        return LoadedGraph(spec.graph_id, spec.description, GraphKind.FACTORY, graph, factory)

    def _warn_of_own(self, loaded: LoadedGraph) -> None:
        own = {"checkpointer": BaseCheckpointSaver, "store": BaseStore}
        for name, kind in own.items():
            if isinstance(getattr(loaded.sample, name), kind):
                self.warnings.append(
                    f"Graph {loaded.graph_id} is compiled with a {name} of its own;"
                    " it is replaced by the server's."
                )

    def _failed(
        self, spec: GraphSpec, error: BaseException, *, with_traceback: bool = True
    ) -> None:
        folders = [Path(each) for each in self.config.search_path]
        if spec.file is not None:
            folders.append(spec.file.parent)
        file, line = user_place(error, folders) or (spec.declared.file, spec.declared.line)
        lines = str(error).strip().splitlines() or [""]
        message = f"graph {spec.graph_id!r}: {type(error).__name__}: {lines[0]}".rstrip(": ")
        if isinstance(error, ModuleNotFoundError):
            message += " (install it in the environment that lgtrio runs in, or add its folder to"
            message += " `dependencies`)"
        shown = user_traceback(error) if with_traceback else None
        self.problems.append(Problem(message, file, line, traceback=shown))

    def _declared(self, spec: GraphSpec, message: str) -> None:
        """A problem that points at the entry in langgraph.json."""
        file, line = spec.declared.file, spec.declared.line
        self.problems.append(Problem(f"graph {spec.graph_id!r}: {message}", file, line))

    def _made(self, spec: GraphSpec, message: str, module: ModuleType) -> None:
        """A problem that points at the line where the variable is made."""
        file = Path(module.__file__) if module.__file__ else None
        line = line_of(file, spec.variable) if file else None
        if line is None:  # it comes from elsewhere, through `import *` or `globals()`
            self._declared(spec, message)
        else:
            self.problems.append(Problem(f"graph {spec.graph_id!r}: {message}", file, line))


def _import(spec: GraphSpec) -> ModuleType:
    if spec.file is not None:
        return import_file(spec.file)
    assert spec.module is not None
    return importlib.import_module(spec.module)


async def _in_plain_thread(function: Callable[[], T]) -> outcome.Maybe[T]:
    """Call it in a daemon thread, so that an import that hangs cannot keep the process alive."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[outcome.Maybe[T]] = loop.create_future()

    def work() -> None:
        asyncio.set_event_loop(loop)
        result = outcome.capture(function)  # BaseException too: `sys.exit()` in a module
        try:
            loop.call_soon_threadsafe(deliver, result)
        except RuntimeError:  # the loop was closed while we imported; nobody is waiting
            log.debug("import ended after its loop was closed")

    def deliver(result: outcome.Maybe[T]) -> None:
        if not finished.done():
            finished.set_result(result)

    threading.Thread(target=work, name="lgtrio-import", daemon=True).start()
    return await finished
