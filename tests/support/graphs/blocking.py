"""Nodes that do what a node should not: block the event loop, or hold the interpreter."""

import time

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from ledger import record


class State(TypedDict, total=False):
    seconds: float
    file: str
    """Gets a line when the node is about to block."""
    blocked_for: float


async def sleeping_node(state: State) -> State:
    record(state.get("file"), "blocking")
    time.sleep(state["seconds"])  # noqa: ASYNC251 - the mistake under test
    return {"blocked_for": state["seconds"]}


async def burning_node(state: State) -> State:
    record(state.get("file"), "blocking")
    end = time.monotonic() + state["seconds"]
    count = 0
    while time.monotonic() < end:
        count += sum(number * number for number in range(1000))
    return {"blocked_for": state["seconds"]}


def thread_node(state: State) -> State:
    record(state.get("file"), "blocking")
    time.sleep(state["seconds"])
    return {"blocked_for": state["seconds"]}


def _single(node):
    return StateGraph(State).add_node(node).add_edge(START, node.__name__).compile()


sleeps_in_async = _single(sleeping_node)
burns_cpu = _single(burning_node)
sleeps_in_thread = _single(thread_node)
