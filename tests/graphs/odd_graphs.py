"""Graphs that no author should write, and the handles by which tests steer them."""

# ruff: noqa: ARG001 - nodes take the state, whether they look at it or not
import asyncio
import operator
import threading
from typing import Annotated

import trio
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_store, get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from lgtrio import trio_node


class State(TypedDict, total=False):
    name: str
    every: float
    log: Annotated[list[str], operator.add]


class Gate:
    """Holds a node until the test lets it go on, and keeps what happened to it then."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.ended = threading.Event()
        self.errors: dict[str, BaseException | None] = {}
        self.ticks = 0

    def hold(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)

    def attempt(self, what: str, action) -> None:
        try:
            action()
        except BaseException as error:  # noqa: ASYNC103 - kept for the test
            self.errors[what] = error
        else:
            self.errors[what] = None


GATES: dict[str, Gate] = {}


def _chain(*nodes, **options):
    builder = StateGraph(State)
    for before, node in zip((START, *(each.__name__ for each in nodes)), nodes, strict=False):
        builder.add_node(node).add_edge(before, node.__name__)
    return builder.compile(**options)


def quick(state: State) -> State:
    return {"log": ["quick"]}


async def aquick(state: State) -> State:
    await asyncio.sleep(0)
    return {"log": ["aquick"]}


async def alast(state: State) -> State:
    await asyncio.sleep(0)
    return {"log": ["alast"]}


_child = _chain(quick, checkpointer=True)


def held_in_thread(state: State) -> State:
    """A sync node that goes on after its run has been closed."""
    gate = GATES[state["name"]]
    store, write = get_store(), get_stream_writer()
    gate.hold()
    gate.attempt("subgraph", lambda: _child.invoke({"log": ["child"]}))
    gate.attempt("put", lambda: store.put(("late",), "key", {"late": True}))
    gate.attempt("write", lambda: write("late"))
    gate.ended.set()
    return {"log": ["held"]}


async def blocks_loop(state: State) -> State:  # noqa: ASYNC124
    """Holds the whole loop, as a blocking call in an async node does."""
    gate = GATES[state["name"]]
    gate.hold()
    gate.ended.set()
    return {"log": ["blocked"]}


async def swallows(state: State) -> State:
    """Never stops for a cancel."""
    gate = GATES[state["name"]]
    gate.reached.set()
    while not gate.opened.is_set():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:  # noqa: ASYNC103 - the fault under test
            gate.errors["cancelled"] = None
    gate.ended.set()
    return {"log": ["swallowed"]}


async def ticking(state: State) -> State:
    """Awaits again and again, and counts how often."""
    gate = GATES[state["name"]]
    while True:
        await asyncio.sleep(state["every"])
        gate.ticks += 1
        gate.reached.set()


@trio_node
async def shielded(state: State) -> State:
    """A Trio node that a cancel does not reach."""
    gate = GATES[state["name"]]
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(gate.hold)
    return {"log": ["shielded"]}


async def breaks_loop(state: State) -> State:
    asyncio.get_running_loop()._selector.close()
    await asyncio.sleep(30)
    return {}


def asks_twice(state: State) -> State:
    first = interrupt("first?")
    return {"log": [f"{first}, {interrupt('second?')}"]}


async def counts_elsewhere(state: State, config: RunnableConfig) -> State:
    """Keeps what it counts on a thread of its own choice, beside the run's."""
    elsewhere = {**config["configurable"], "thread_id": state["name"]}
    counted = await counter.ainvoke({"log": []}, {**config, "configurable": elsewhere})
    return {"log": [str(len(counted["log"]))]}


held = _chain(quick, held_in_thread)
blocked = _chain(blocks_loop)
deaf = _chain(aquick, swallows, alast)
ticks = _chain(ticking)
shielding = _chain(quick, shielded)
breaking = _chain(breaks_loop)
three = _chain(aquick, quick, alast)
twice = _chain(asks_twice)
forgetful = _chain(quick, checkpointer=False)
counter = _chain(quick, checkpointer=True)
elsewhere = _chain(counts_elsewhere)
