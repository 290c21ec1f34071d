"""Slow graphs that write down what they did: how far a run got is read from their file."""

import asyncio
import operator
import time
from pathlib import Path
from typing import Annotated

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from ledger import record


class State(TypedDict, total=False):
    seconds: float
    """How long each node takes."""
    slow: str
    """The only node that takes its time, if given."""
    file: str
    log: Annotated[list[str], operator.add]


def _node(name: str):
    async def run(state: State, config: RunnableConfig) -> State:
        run_id = config["configurable"]["run_id"]
        record(state.get("file"), f"{run_id} {name} start")
        if state.get("slow", name) == name:
            await asyncio.sleep(state.get("seconds", 0.2))
        record(state.get("file"), f"{run_id} {name} end")
        return {"log": [name]}

    return run


def _sync_node(name: str):
    def run(state: State) -> State:
        time.sleep(state.get("seconds", 0.2))
        return {"log": [name]}

    return run


def _chain(make_node):
    builder = StateGraph(State)
    before = START
    for name in ("a", "b", "c"):
        builder.add_node(name, make_node(name)).add_edge(before, name)
        before = name
    return builder.compile()


async def quick(state: State) -> State:
    record(state.get("file"), "quick")
    return {"log": ["quick"]}


async def slow_once(state: State) -> State:
    """For ever, but not when it is tried again."""
    file = Path(state["file"])
    again = file.exists() and "slow_once" in file.read_text()  # noqa: ASYNC240
    record(state["file"], "slow_once")
    if not again:
        await asyncio.sleep(60)
    return {"log": ["slow_once"]}


class Ticks(TypedDict, total=False):
    count: int
    every: float
    file: str
    ticked: int


async def tick(state: Ticks) -> Ticks:
    for number in range(state["count"]):
        record(state.get("file"), f"tick {number}")
        await asyncio.sleep(state.get("every", 0.05))
    return {"ticked": state["count"]}


steps = _chain(_node)
sync_steps = _chain(_sync_node)
two_at_once = (
    StateGraph(State)
    .add_node(quick)
    .add_node(slow_once)
    .add_edge(START, "quick")
    .add_edge(START, "slow_once")
    .compile()
)
ticker = StateGraph(Ticks).add_node(tick).add_edge(START, "tick").compile()
