"""Parent, child and grandchild, each writing a custom event from inside."""

import operator
from typing import Annotated

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def _node(name: str):
    async def run(state: State) -> State:
        get_stream_writer()({"from": name})
        return {"log": [name]}

    return run


_grandchild = StateGraph(State).add_node("leaf", _node("leaf")).add_edge(START, "leaf").compile()
_child = (
    StateGraph(State)
    .add_node("branch", _node("branch"))
    .add_node("below", _grandchild)
    .add_edge(START, "branch")
    .add_edge("branch", "below")
    .compile()
)
graph = (
    StateGraph(State)
    .add_node("root", _node("root"))
    .add_node("child", _child)
    .add_edge(START, "root")
    .add_edge("root", "child")
    .compile()
)
