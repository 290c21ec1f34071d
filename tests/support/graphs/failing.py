"""Every way for a node to end badly, chosen by the input."""

import asyncio
import sys
from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class OwnError(Exception):
    pass


class OwnBaseException(BaseException):
    pass


class State(TypedDict, total=False):
    kind: str
    reached: str


def _raise(kind: str) -> None:
    plain: dict[str, Any] = {
        "value": ValueError("boom happened"),
        "key": KeyError("missing"),
        "type": TypeError("not that"),
        "runtime": RuntimeError("went wrong"),
        "zero": ZeroDivisionError("division by zero"),
        "os": OSError("secret path"),
        "own": OwnError("secret text"),
        "group": ExceptionGroup("many", [ValueError("first"), TypeError("second")]),
        "keyboard": KeyboardInterrupt(),
        "stop_iteration": StopIteration("no more"),
        "cancelled": asyncio.CancelledError(),
        "base": OwnBaseException("secret base"),
    }
    if kind == "exit":
        sys.exit(3)
    raise plain[kind]


async def breaks(state: State) -> State:
    _raise(state["kind"])
    return {"reached": "unreachable"}


def breaks_sync(state: State) -> State:
    _raise(state["kind"])
    return {"reached": "unreachable"}


async def works(state: State) -> State:
    return {"reached": "works"}


fails = StateGraph(State).add_node(breaks).add_edge(START, "breaks").compile()
fails_sync = StateGraph(State).add_node(breaks_sync).add_edge(START, "breaks_sync").compile()
fails_late = (
    StateGraph(State)
    .add_node(works)
    .add_node(breaks)
    .add_edge(START, "works")
    .add_edge("works", "breaks")
    .compile()
)
