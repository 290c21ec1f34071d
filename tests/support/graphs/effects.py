"""Effects that can be counted from outside: one line for each execution of each node."""

import asyncio
import operator
from typing import Annotated

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from ledger import record


class State(TypedDict, total=False):
    file: str
    seconds: float
    done: Annotated[list[str], operator.add]


def _effect(name: str):
    async def run(state: State, config: RunnableConfig) -> State:
        record(state["file"], f"{config['configurable']['run_id']} {name}")
        await asyncio.sleep(state.get("seconds", 0))
        return {"done": [name]}

    return run


graph = (
    StateGraph(State)
    .add_node("first", _effect("first"))
    .add_node("second", _effect("second"))
    .add_node("third", _effect("third"))
    .add_edge(START, "first")
    .add_edge("first", "second")
    .add_edge("second", "third")
    .compile()
)
