"""`@trio_node`: an async function written for Trio, as a node that LangGraph can call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import trio

from lgtrio.graphs.trio_nodes.node_call import call_in_trio

P = ParamSpec("P")
T = TypeVar("T")


def trio_node(
    function: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make a LangGraph node, task, entrypoint or tool of an async function written for Trio.

        @trio_node
        async def fetch(state: State) -> State:
            async with trio.open_nursery() as nursery:
                ...

    The graph calls it from asyncio, with the same arguments, annotations and context variables; it
    runs in the Trio loop for nodes, in a cancel scope of its own. When the graph cancels the node,
    that scope is cancelled and the graph goes on when the function has ended.

    Called from Trio (by another Trio node, or by a test) it is the plain function.

    Raises:
        TypeError: when it decorates something that is no `async def` function.
    """
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"@trio_node needs an `async def` function, not {function!r}.")

    @wraps(function)
    async def node(*args: P.args, **kwargs: P.kwargs) -> T:
        if trio.lowlevel.in_trio_task():
            return await function(*args, **kwargs)
        return await call_in_trio(partial(function, *args, **kwargs))

    return node
