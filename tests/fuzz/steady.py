"""A graph inside of a graph whose state stays as big as it is given.

In `support/graphs/nested.py` each subgraph adds everything it has been given once more, so that
each run makes three of one entry. Made-up requests have many runs on one thread: after some twenty
its state would fill the memory.
"""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    foo: str


async def leaf(state: State) -> State:
    return {"foo": state.get("foo", "")}


_below = StateGraph(State).add_node(leaf).add_edge(START, "leaf").compile()
_child = StateGraph(State).add_node("below", _below).add_edge(START, "below").compile()
graph = StateGraph(State).add_node("child", _child).add_edge(START, "child").compile()
