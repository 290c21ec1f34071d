"""A run's stored kwargs as what LangGraph takes: input or command, config, context. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import langgraph.version
from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import CONFIG_KEY_STRICT_RESUME
from langgraph.types import Command, Send
from pydantic import BaseModel, ValidationError

from lgtrio import __version__
from lgtrio.graphs.tracing import own_tracer
from lgtrio.storage.interface import RunRecord
from lgtrio.wire.kwargs import RunKwargs

_PRIVATE: Final = "__pregel_"
"""Keys of `configurable` that steer LangGraph itself; a client has no business with them."""

_ABOUT_SERVER: Final = {
    "langgraph_version": langgraph.version.__version__,
    "langgraph_api_version": __version__,
    "langgraph_host": "self-hosted",
    "langgraph_plan": "developer",
}


def run_config(run: RunRecord, kwargs: RunKwargs, unknown: frozenset[str]) -> RunnableConfig:
    """
    Args:
        unknown: keys that nodes must not find in `configurable`, see `unknown_context`.
    """
    given = kwargs.config
    configurable = {
        key: value
        for key, value in (given.get("configurable") or {}).items()
        if not key.startswith(_PRIVATE) and key not in unknown
    }
    configurable |= {
        "thread_id": run.thread_id,
        "run_id": run.run_id,
        "graph_id": run.graph_id,
        "assistant_id": run.assistant_id,
    }
    if kwargs.strict_resume:
        configurable[CONFIG_KEY_STRICT_RESUME] = True
    config = RunnableConfig(
        configurable=configurable,
        run_id=UUID(run.run_id),
        metadata={
            **(given.get("metadata") or {}),
            **_ABOUT_SERVER,
            "run_attempt": run.attempt,
            "thread_id": run.thread_id,
            "run_id": run.run_id,
        },
    )
    if tracers := own_tracer(kwargs):
        config["callbacks"] = tracers
    if "tags" in given:
        config["tags"] = list(given["tags"] or ())
    if "run_name" in given:
        config["run_name"] = given["run_name"]
    if given.get("recursion_limit") is not None:
        config["recursion_limit"] = given["recursion_limit"]
    if given.get("max_concurrency") is not None:
        config["max_concurrency"] = given["max_concurrency"]
    return config


def run_input(kwargs: RunKwargs) -> Any:
    """The graph's input; a command wins over it."""
    return kwargs.input if kwargs.command is None else to_command(kwargs.command)


def to_command(command: Mapping[str, Any]) -> Command[Any]:
    goto = command.get("goto") or ()
    targets = [goto] if isinstance(goto, str | Mapping) else list(goto)
    update = command.get("update")
    if isinstance(update, list):
        update = [(key, value) for key, value in update]
    return Command(
        update=update, resume=command.get("resume"), goto=[_target(each) for each in targets]
    )


def _target(target: Any) -> str | Send:
    if isinstance(target, Mapping):
        return Send(target["node"], target.get("input"))
    return str(target)


# -- context -----------------------------------------------------------------------------


def run_context(schema: type[Any] | None, kwargs: RunKwargs) -> Any:
    """The context as the graph declares it; a dataclass is not given fields it does not have.

    Raises:
        Exception: what the schema raises for a context that does not fit.
    """
    context = kwargs.context or {}
    if schema is None:
        return context
    if dataclasses.is_dataclass(schema):
        known = _field_names(schema)
        context = {key: value for key, value in context.items() if key in known}
    elif not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return context
    try:
        return schema(**context)
    except (TypeError, ValidationError):
        if context:
            raise
        return None  # nothing was given, and it needs something: as in `graph.invoke(input)`


def unknown_context(schema: type[Any] | None, kwargs: RunKwargs) -> frozenset[str]:
    """Keys that a run gave as `context` and a dataclass schema does not have.

    `configurable` is a copy of the context; a field that the author did not declare should not
    come in by that door either. A run that gave `configurable` itself meant it.
    """
    if not kwargs.context_given or schema is None or not dataclasses.is_dataclass(schema):
        return frozenset()
    return frozenset(kwargs.context or ()) - _field_names(schema)


def _field_names(schema: Any) -> frozenset[str]:
    return frozenset(each.name for each in dataclasses.fields(schema) if each.init)


def node_names(names: str | Sequence[str] | None) -> Any:
    """`"*"` or node names, as `astream` takes them."""
    return names if isinstance(names, str) or names is None else list(names)
