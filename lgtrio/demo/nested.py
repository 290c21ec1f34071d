"""Nested subgraphs: a graph whose node is a graph whose node is a graph.

Input: {"path": "start"}. With `stream_subgraphs` the stream shows the inner steps too, each with
the namespace it ran in.
"""

from typing import TypedDict

from langgraph.graph import START, StateGraph


class State(TypedDict):
    path: str


def leaf(state: State) -> State:
    return {"path": state["path"] + " > leaf"}


def branch(state: State) -> State:
    return {"path": state["path"] + " > branch"}


def trunk(state: State) -> State:
    return {"path": state["path"] + " > trunk"}


leaves = StateGraph(State).add_node(leaf).add_edge(START, "leaf").compile()
branches = (
    StateGraph(State)
    .add_node(branch)
    .add_node("leaves", leaves)
    .add_edge(START, "branch")
    .add_edge("branch", "leaves")
    .compile()
)
graph = (
    StateGraph(State)
    .add_node(trunk)
    .add_node("branches", branches)
    .add_edge(START, "trunk")
    .add_edge("trunk", "branches")
    .compile()
)
