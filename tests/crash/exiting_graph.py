"""A node that takes the whole process with it, and one that does not."""

# ruff: noqa: ARG001 - nodes take the state, whether they look at it or not
import os
from pathlib import Path

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    file: str
    times: int
    """How many starts of the node end the process; later ones go on."""
    done: bool


async def first(state: State) -> State:
    return {"done": False}


def leaves(state: State) -> State:
    file = Path(state["file"])
    with file.open("a") as ledger:
        ledger.write("start\n")
    if len(file.read_text().splitlines()) <= state["times"]:
        os._exit(3)
    return {"done": True}


async def stays(state: State) -> State:
    return {"done": True}


exits = (
    StateGraph(State)
    .add_node(first)
    .add_node(leaves)
    .add_edge(START, "first")
    .add_edge("first", "leaves")
    .compile()
)
polite = StateGraph(State).add_node(stays).add_edge(START, "stays").compile()
