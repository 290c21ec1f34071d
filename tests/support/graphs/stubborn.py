"""A node that will not be cancelled, and goes on working for a while."""

import asyncio

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from ledger import record


class State(TypedDict, total=False):
    file: str
    ticks: int
    survived: bool


async def stays(state: State) -> State:
    for number in range(state["ticks"]):
        record(state.get("file"), f"tick {number}")
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            record(state.get("file"), "swallowed")
    record(state.get("file"), "finished")
    return {"survived": True}


graph = StateGraph(State).add_node(stays).add_edge(START, "stays").compile()
