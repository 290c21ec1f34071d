"""The graphs that are measured: the same objects on the server and in process."""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph

CHUNKS = 200
"""Custom events of one run of `chunks`."""


class Count(TypedDict, total=False):
    n: int


async def add_one(state: Count) -> Count:
    return {"n": state.get("n", 0) + 1}


async def emit_chunks(_state: Count) -> Count:
    """Emit as models do: one await before each token."""
    write = get_stream_writer()
    for index in range(CHUNKS):
        await asyncio.sleep(0)
        write({"token": f"token {index}"})
    return {"n": CHUNKS}


class Kept(TypedDict, total=False):
    """A state with a value that is carried along."""

    n: int
    text: str


async def keep(state: Kept) -> Kept:
    return {"n": state.get("n", 0) + 1}


class Naps(TypedDict, total=False):
    naps: int
    seconds: float
    """Of one nap."""


async def nap(state: Naps) -> Naps:
    """Sleep some times, and say so after each with the time on `time.perf_counter`."""
    write = get_stream_writer()
    for index in range(state.get("naps", 1)):
        await asyncio.sleep(state["seconds"])
        write({"nap": index, "at": time.perf_counter()})
    return {}


def sync_nap(state: Naps) -> Naps:
    for _ in range(state.get("naps", 1)):
        time.sleep(state["seconds"])
    return {}


def _chain(length: int) -> Any:
    builder = StateGraph(Count)
    names = [f"step{index}" for index in range(length)]
    builder.add_sequence([(name, add_one) for name in names])
    builder.add_edge(START, names[0])
    return builder


def _one(state: Any, node: Any) -> Any:
    builder = StateGraph(state)
    builder.add_node("only", node)
    builder.add_edge(START, "only")
    return builder


def _naps(node: Any) -> Any:
    """Two steps, so that there is something to keep when the second one is cancelled."""
    builder = StateGraph(Naps)
    builder.add_node("begin", lambda _state: {})
    builder.add_node("nap", node)
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "nap")
    return builder


# Left to be compiled: the server compiles them with its saver, the floor with its own.
one_step = _chain(1)
ten_steps = _chain(10)
chunks = _one(Count, emit_chunks)
kept = _one(Kept, keep)
naps = _naps(nap)
sync_naps = _naps(sync_nap)
BUILDERS = {"one_step": one_step, "ten_steps": ten_steps, "chunks": chunks, "kept": kept}
