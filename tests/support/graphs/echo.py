"""Two nodes in a row: the smallest graph with a reducer and an intermediate state."""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    foo: str
    log: Annotated[list[str], operator.add]


async def e1(state: State) -> State:
    return {"log": ["e1"]}


async def e2(state: State) -> State:
    return {"foo": state.get("foo", "") + "!", "log": ["e2"]}


graph = (
    StateGraph(State).add_node(e1).add_node(e2).add_edge(START, "e1").add_edge("e1", "e2").compile()
)
