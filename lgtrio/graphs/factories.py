"""Functions that build a graph: what they want to be given, and how their result is opened.

A factory may be sync or async, may return a graph or a context manager of one (sync or async),
and may take a config, a runtime, both or nothing. Its parameters are looked at once.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from enum import Enum, auto
from typing import Any

from attrs import frozen
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import StateGraph
from langgraph.pregel import Pregel
from langgraph.pregel.protocol import PregelProtocol
from langgraph.runtime import Runtime

from lgtrio.graphs.runtimes import ServerRuntime, is_server_runtime


class NotAGraph(Exception):
    """An object that cannot be served; the text says what it is and what would do."""


class _Wants(Enum):
    CONFIG = auto()
    SERVER_RUNTIME = auto()
    LANGGRAPH_RUNTIME = auto()


@frozen
class Factory:
    """A function that builds a graph, and what it has to be given."""

    function: Callable[..., Any]
    positional: tuple[_Wants, ...]
    keywords: Mapping[str, _Wants]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Factory:
        """
        Raises:
            NotAGraph: it is a generator, or takes something we do not have.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise NotAGraph(
                "is a generator function; put @contextlib.asynccontextmanager (or"
                " @contextlib.contextmanager) above it"
            )
        wanted = {each: _wanted(each) for each in _parameters(function)}
        unknown = [each for each, wants in wanted.items() if wants is None and _is_needed(each)]
        if len(unknown) == 1 and not any(wanted.values()):
            wanted[unknown[0]] = _Wants.CONFIG  # the oldest convention: one argument, any name
        elif unknown:
            names = ", ".join(each.name for each in unknown)
            raise NotAGraph(
                f"takes the argument {names}; a function that builds a graph may take `config`"
                " (RunnableConfig) and `runtime` (ServerRuntime), and nothing else"
            )
        given = {each: wants for each, wants in wanted.items() if wants is not None}
        return cls(
            function,
            tuple(w for each, w in given.items() if each.kind is each.POSITIONAL_ONLY),
            {p.name: wants for p, wants in given.items() if p.kind is not p.POSITIONAL_ONLY},
        )

    async def build(
        self, stack: AsyncExitStack, config: RunnableConfig, runtime: ServerRuntime[Any]
    ) -> Pregel[Any, Any, Any, Any]:
        """Call it; a context manager it returns is entered and left by `stack`.

        Raises:
            NotAGraph: it returned something else.
            Exception: whatever the function raises.
        """
        made = self.function(
            *[_argument(wants, config, runtime) for wants in self.positional],
            **{name: _argument(wants, config, runtime) for name, wants in self.keywords.items()},
        )
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AbstractAsyncContextManager):
            made = await stack.enter_async_context(made)
        elif isinstance(made, AbstractContextManager):
            made = stack.enter_context(made)
        try:
            return as_graph(made)
        except NotAGraph as error:
            raise NotAGraph(f"returned something that {error}") from None


def as_graph(value: object) -> Pregel[Any, Any, Any, Any]:
    """The value as a compiled graph; a `StateGraph` is compiled.

    Raises:
        NotAGraph: it is neither.
        Exception: compiling failed.
    """
    if isinstance(value, Pregel):
        return value
    if isinstance(value, StateGraph):
        return value.compile()
    kind = type(value).__name__
    if isinstance(value, PregelProtocol):
        raise NotAGraph(f"is a {kind}; make it a node of a StateGraph to serve it")
    raise NotAGraph(
        f"is of the type {kind}; it must be a compiled graph, a StateGraph, an @entrypoint, or a"
        " function that returns one of these"
    )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError:  # a name that is imported for type checkers only
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise NotAGraph(f"has no signature to look at: {error}") from error
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [each for each in signature.parameters.values() if each.kind not in variadic]


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty


def _wanted(parameter: inspect.Parameter) -> _Wants | None:
    """By annotation where there is one that we know, else by name."""
    for annotation in _members(parameter.annotation):
        bare = typing.get_origin(annotation) or annotation
        if bare is RunnableConfig or _ends_with(bare, "RunnableConfig"):
            return _Wants.CONFIG
        if is_server_runtime(bare) or _ends_with(bare, "ServerRuntime"):
            return _Wants.SERVER_RUNTIME
        if bare is Runtime or _ends_with(bare, "Runtime"):
            return _Wants.LANGGRAPH_RUNTIME
    by_name = {"config": _Wants.CONFIG, "runtime": _Wants.SERVER_RUNTIME}
    return by_name.get(parameter.name)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The parts of a union such as `RunnableConfig | None`, else the annotation alone."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return typing.get_args(annotation)
    if isinstance(annotation, str):  # could not be evaluated
        return tuple(part.strip() for part in annotation.split("|"))
    return (annotation,)


def _ends_with(annotation: object, name: str) -> bool:
    if not isinstance(annotation, str):
        return False
    return annotation.split("[")[0].rsplit(".", 1)[-1] == name


def _argument(wants: _Wants, config: RunnableConfig, runtime: ServerRuntime[Any]) -> Any:
    match wants:
        case _Wants.CONFIG:
            return config
        case _Wants.SERVER_RUNTIME:
            return runtime
        case _Wants.LANGGRAPH_RUNTIME:
            executing = runtime.execution_runtime
            return Runtime(context=executing and executing.context, store=runtime.store)
