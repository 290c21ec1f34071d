"""A stream of numbered custom events, as many and as fast as the input says."""

import asyncio

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    count: int
    every: float
    size: int
    emitted: int


async def emitter(state: State) -> State:
    write = get_stream_writer()
    padding = "x" * state.get("size", 0)
    for number in range(state["count"]):
        write({"n": number, "padding": padding} if padding else {"n": number})
        await asyncio.sleep(state.get("every", 0))
    return {"emitted": state["count"]}


graph = StateGraph(State).add_node(emitter).add_edge(START, "emitter").compile()
