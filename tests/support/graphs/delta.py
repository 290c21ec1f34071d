"""A channel whose state exists only as the sum of its writes."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


def _append(current: list[str], writes: Sequence[Any]) -> list[str]:
    return [*current, *(item for write in writes for item in write)]


class State(TypedDict, total=False):
    items: Annotated[list[str], DeltaChannel(_append)]
    seconds: float
    """How long `two` takes."""


async def one(state: State) -> State:
    return {"items": ["one"]}


async def two(state: State) -> State:
    await asyncio.sleep(state.get("seconds", 0))
    return {"items": ["two"]}


graph = (
    StateGraph(State)
    .add_node(one)
    .add_node(two)
    .add_edge(START, "one")
    .add_edge("one", "two")
    .compile()
)
