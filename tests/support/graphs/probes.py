"""Graphs that show from inside what cannot be seen from outside."""

import asyncio
import time

import httpx
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    thread_id: str
    at: float
    url: str
    """Of the server."""
    stored: int
    stopped: bool


def _single(node):
    return StateGraph(State).add_node("node", node).add_edge(START, "node").compile()


async def _who_and_when(state: State, config: RunnableConfig) -> State:
    return {"thread_id": config["configurable"]["thread_id"], "at": time.time()}


async def _what_is_stored(state: State, config: RunnableConfig) -> State:
    """How many states of its thread are stored while it executes: the first are written beside
    it, so it gives them a while."""
    path = f"{state['url']}/threads/{config['configurable']['thread_id']}/history"
    async with httpx.AsyncClient() as client:
        for _ in range(20):
            if found := (await client.post(path, json={"limit": 10})).json():
                break
            await asyncio.sleep(0.05)
    return {"stored": len(found)}


async def _slow_to_stop(state: State) -> State:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(3)
        raise
    return {"stopped": False}


whoami = _single(_who_and_when)
stored = _single(_what_is_stored)
slow_to_stop = _single(_slow_to_stop)
