"""As many parallel workers as the input says."""

import asyncio
import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    width: int
    results: Annotated[list[int], operator.add]


async def worker(state: dict[str, int]) -> State:
    await asyncio.sleep(0.02)
    return {"results": [state["number"] ** 2]}


def spread(state: State) -> list[Send]:
    return [Send("worker", {"number": number}) for number in range(state["width"])]


graph = (
    StateGraph(State).add_node(worker).add_conditional_edges(START, spread, ["worker"]).compile()
)
