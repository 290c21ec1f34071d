"""Graphs that block their loop, wait on it, and tell which loop they were made for.

In a folder of their own: when a loop is replaced, everything in the folder is imported anew. What
the tests hold on to (the gates) is elsewhere.
"""

# ruff: noqa: ARG001 - nodes take the state, whether they look at it or not
import asyncio
import operator
from typing import Annotated

import trio
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from odd_graphs import GATES
from typing_extensions import TypedDict

from lgtrio import trio_node

MADE_FOR = asyncio.get_event_loop()
"""As a client is that a module makes for the loop it will be used on."""

if refuses := GATES.get("refuses to be imported"):
    refuses.reached.set()
    raise RuntimeError("not again")


class State(TypedDict, total=False):
    name: str
    log: Annotated[list[str], operator.add]
    at_home: bool


def _chain(*nodes):
    builder = StateGraph(State)
    for before, node in zip((START, *(each.__name__ for each in nodes)), nodes, strict=False):
        builder.add_node(node).add_edge(before, node.__name__)
    return builder


async def blocks_loop(state: State) -> State:  # noqa: ASYNC124
    GATES[state["name"]].hold()
    return {"log": ["blocked"]}


@trio_node
async def blocks_trio(state: State) -> State:  # noqa: ASYNC124
    GATES[state["name"]].hold()
    return {"log": ["blocked"]}


async def first(state: State) -> State:
    return {"log": ["first"]}


async def waits(state: State, config: RunnableConfig) -> State:
    """For ever; but not when it is tried again."""
    attempt = config["metadata"]["run_attempt"]
    if attempt == 1:
        GATES[state["name"]].reached.set()
        await asyncio.sleep(60)
    return {"log": [f"attempt {attempt}"]}


@trio_node
async def waits_in_trio(state: State, config: RunnableConfig) -> State:
    attempt = config["metadata"]["run_attempt"]
    if attempt == 1:
        GATES[state["name"]].reached.set()
        try:
            await trio.sleep(60)
        finally:
            GATES[state["name"]].ended.set()
    return {"log": [f"attempt {attempt}"]}


async def tells(state: State) -> State:
    return {"at_home": MADE_FOR is asyncio.get_running_loop()}


async def make(config: RunnableConfig):
    return _chain(tells).compile()


blocks = _chain(blocks_loop).compile()
trio_blocks = _chain(blocks_trio).compile()
steps = _chain(first, waits).compile()
trio_steps = _chain(first, waits_in_trio).compile()
where = _chain(tells).compile()
