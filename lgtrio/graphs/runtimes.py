"""The `ServerRuntime` that graph factories may ask for.

Its public name is a type alias; the classes behind it are private to langgraph-sdk and are
named here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from langgraph.store.base import BaseStore
from langgraph_sdk.auth.types import BaseUser
from langgraph_sdk.runtime import (
    AccessContext,
    ServerRuntime,
    _ExecutionRuntime,
    _ReadRuntime,
    _ServerRuntimeBase,
)

__all__ = ["AccessContext", "ServerRuntime", "execution_runtime", "is_server_runtime", "reading"]


def execution_runtime(
    *, store: BaseStore, context: Any = None, user: BaseUser | None = None
) -> ServerRuntime[Any]:
    """For a graph that is about to be executed."""
    return _ExecutionRuntime(
        access_context="threads.create_run", store=store, context=context, user=user
    )


def reading(
    access: AccessContext, *, store: BaseStore, user: BaseUser | None = None
) -> ServerRuntime[Any]:
    """For everything else: `threads.read`, `threads.update`, `assistants.read`."""
    return _ReadRuntime(access_context=access, store=store, user=user)


def is_server_runtime(annotation: object) -> bool:
    """Whether a parameter annotated like this wants a `ServerRuntime` (not subscripted)."""
    if annotation is ServerRuntime:
        return True
    return isinstance(annotation, type) and issubclass(annotation, _ServerRuntimeBase)
