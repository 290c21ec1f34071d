"""Graphs that stop and ask: once, twice in one node, in two nodes at once, inside a subgraph."""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    foo: str
    answers: Annotated[list[str], operator.add]
    log: Annotated[list[str], operator.add]


def before(state: State) -> State:
    return {"log": ["before"]}


def asker(state: State) -> State:
    return {"answers": [interrupt({"q": "name?"})], "log": ["asker"]}


def asks_twice(state: State) -> State:
    first = interrupt({"q": "first?"})
    second = interrupt({"q": "second?"})
    return {"answers": [first, second]}


def left(state: State) -> State:
    return {"answers": [f"left:{interrupt({'q': 'left?'})}"]}


def right(state: State) -> State:
    return {"answers": [f"right:{interrupt({'q': 'right?'})}"]}


def after(state: State) -> State:
    return {"log": ["after"]}


ask = (
    StateGraph(State)
    .add_node(before)
    .add_node(asker)
    .add_node(after)
    .add_edge(START, "before")
    .add_edge("before", "asker")
    .add_edge("asker", "after")
    .compile()
)
ask_twice = StateGraph(State).add_node(asks_twice).add_edge(START, "asks_twice").compile()
ask_parallel = (
    StateGraph(State)
    .add_node(left)
    .add_node(right)
    .add_edge(START, "left")
    .add_edge(START, "right")
    .compile()
)
_inner = StateGraph(State).add_node(asker).add_edge(START, "asker").compile()
ask_nested = StateGraph(State).add_node("inner", _inner).add_edge(START, "inner").compile()
