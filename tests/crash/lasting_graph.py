"""A node that swallows its cancellation and goes on, behind one that has finished."""

# ruff: noqa: ARG001 - nodes take the state, whether they look at it or not
import asyncio
from contextlib import suppress
from pathlib import Path

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    file: str
    name: str
    done: bool


async def first(state: State) -> State:
    return {"done": True}


def _note(state: State) -> None:
    with Path(state["file"]).open("a") as ledger:
        ledger.write(f"{state['name']} starts\n")


async def lasts(state: State) -> State:
    _note(state)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


graph = (
    StateGraph(State)
    .add_node(first)
    .add_node(lasts)
    .add_edge(START, "first")
    .add_edge("first", "lasts")
    .compile()
)
