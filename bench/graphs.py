"""The graphs that are measured: the same objects on the server and in process."""

from __future__ import annotations

import asyncio
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


def _chain(length: int) -> Any:
    builder = StateGraph(Count)
    names = [f"step{index}" for index in range(length)]
    builder.add_sequence([(name, add_one) for name in names])
    builder.add_edge(START, names[0])
    return builder


def _chunks() -> Any:
    builder = StateGraph(Count)
    builder.add_node("emit", emit_chunks)
    builder.add_edge(START, "emit")
    return builder


# Left to be compiled: the server compiles them with its saver, the floor with its own.
one_step = _chain(1)
ten_steps = _chain(10)
chunks = _chunks()
BUILDERS = {"one_step": one_step, "ten_steps": ten_steps, "chunks": chunks}
