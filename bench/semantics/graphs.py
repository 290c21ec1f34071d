"""The graph that is watched: three nodes that tell a socket what they do, while they do it.

A node sends a datagram for each sign of life, so the instrument sees the work itself and not what
the server says about it. Nothing else is asked of a server than to serve this file.
"""

from __future__ import annotations

import asyncio
import json
import operator
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

NODES = ("first", "work", "last")


class Work(TypedDict, total=False):
    """What one node does."""

    ticks: int
    seconds: float
    """Between two ticks."""
    swallows: bool
    """Goes on when it is cancelled."""
    asks: bool
    """Stops at an `interrupt()` before it does anything."""
    fails: bool
    """Raises at its end."""


class State(TypedDict, total=False):
    sink: list[Any]
    """Host (an address, not a name) and UDP port that get the signs."""
    work: dict[str, Work]
    """Node to what it does; the others return at once."""
    trail: Annotated[list[str], operator.add]
    """`run id:node`, for each node that was stored."""


class _Signs:
    """Datagrams of one node of one run."""

    def __init__(self, state: State, config: RunnableConfig, node: str) -> None:
        self.run_id = str(config["configurable"]["run_id"])
        self._node = node
        self._sink = (state["sink"][0], state["sink"][1])
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, what: str, number: int = 0) -> None:
        sign = {"run_id": self.run_id, "node": self._node, "what": what, "number": number}
        self._socket.sendto(json.dumps(sign).encode(), self._sink)

    @contextmanager
    def of_life(self) -> Iterator[None]:
        self.send("enter")
        try:
            yield
        finally:
            self.send("leave")
            self._socket.close()


def _begin(work: Work) -> None:
    if work.get("asks"):
        interrupt("go on?")


def _end(work: Work, run_id: str, node: str) -> State:
    if work.get("fails"):
        raise ValueError("as asked for")
    return {"trail": [f"{run_id}:{node}"]}


def _async_node(name: str) -> Any:
    async def node(state: State, config: RunnableConfig) -> State:
        work = state["work"].get(name, Work())
        _begin(work)
        signs, write = _Signs(state, config, name), get_stream_writer()
        with signs.of_life():
            for number in range(work.get("ticks", 0)):
                signs.send("tick", number)
                write({"node": name, "number": number})
                try:
                    await asyncio.sleep(work["seconds"])
                except asyncio.CancelledError:  # noqa: ASYNC103  swallowing it is one of the cases
                    if not work.get("swallows"):
                        raise
        return _end(work, signs.run_id, name)

    return node


def _sync_node(name: str) -> Any:
    def node(state: State, config: RunnableConfig) -> State:
        work = state["work"].get(name, Work())
        _begin(work)
        signs = _Signs(state, config, name)
        with signs.of_life():
            for number in range(work.get("ticks", 0)):
                signs.send("tick", number)
                time.sleep(work["seconds"])
        return _end(work, signs.run_id, name)

    return node


def _chain(make_node: Any) -> Any:
    builder = StateGraph(State)
    builder.add_sequence([(name, make_node(name)) for name in NODES])
    builder.add_edge(START, NODES[0])
    return builder.compile()


probe = _chain(_async_node)
sync_probe = _chain(_sync_node)
