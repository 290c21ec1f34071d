"""Graphs of Trio nodes for a server."""

# ruff: noqa: ARG001 - LangGraph dictates these signatures

from __future__ import annotations

import asyncio
import time

import trio
from langgraph.config import get_store, get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from ledger import record
from lgtrio import graph_side, trio_node


class State(TypedDict, total=False):
    file: str
    seconds: float
    shielded: float
    said: str


@trio_node
async def busy(state: State) -> State:
    """Two tasks that take a while, then a clean-up that cannot be hurried."""
    file = state["file"]

    async def part(name: str) -> None:
        record(file, f"{name} start")
        try:
            await trio.sleep(state.get("seconds", 0))
        finally:
            record(file, f"{name} end")

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(part, "a")
            nursery.start_soon(part, "b")
    finally:
        with trio.move_on_after(state.get("shielded", 0), shield=True):
            await trio.sleep_forever()
        try:
            get_stream_writer()("too late")
        except Exception as error:
            record(file, type(error).__name__)
        record(file, "left")
    return {"said": "worked"}


@trio_node
async def question(state: State) -> State:
    answers: list[str] = []

    async def child() -> None:
        answers.append(interrupt("what do you say?"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
    await graph_side(get_store().aput, ("said",), "last", {"text": answers[0]})
    item = await graph_side(get_store().aget, ("said",), "last")
    return {"said": item.value["text"] if item else ""}


@trio_node
async def wrong(state: State) -> State:
    await asyncio.sleep(1)
    return {}


@trio_node
async def blocking(state: State) -> State:
    time.sleep(state["seconds"])  # noqa: ASYNC251 - that is what it is for
    return {}


work = StateGraph(State).add_node(busy).add_edge(START, "busy").compile()
ask = StateGraph(State).add_node(question).add_edge(START, "question").compile()
blocks = StateGraph(State).add_node(blocking).add_edge(START, "blocking").compile()
mistake = StateGraph(State).add_node(wrong).add_edge(START, "wrong").compile()
