"""A graph that fails: the run ends with the status "error", the thread keeps its first step.

Input: {"reason": "no more paper"}
"""

from typing import TypedDict

from langgraph.graph import START, StateGraph


class State(TypedDict, total=False):
    reason: str
    attempts: int


def prepare(state: State) -> State:
    return {"attempts": state.get("attempts", 0) + 1}


def fail(state: State) -> State:
    raise RuntimeError(state.get("reason", "this graph always fails"))


graph = (
    StateGraph(State)
    .add_node(prepare)
    .add_node(fail)
    .add_edge(START, "prepare")
    .add_edge("prepare", "fail")
    .compile()
)
