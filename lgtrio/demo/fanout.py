"""A parallel fan-out: one task for each topic, all at once, then one node that joins the results.

Input: {"topics": ["tea", "trains"]}
"""

import asyncio
from operator import add
from typing import Annotated, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Send


class State(TypedDict, total=False):
    topics: list[str]
    notes: Annotated[list[str], add]
    summary: str


class Task(TypedDict):
    topic: str


def spread(state: State) -> list[Send]:
    return [Send("research", Task(topic=topic)) for topic in state.get("topics", ["tea", "trains"])]


async def research(state: Task) -> State:
    await asyncio.sleep(0.1)
    return {"notes": [f"{state['topic']} has {len(state['topic'])} letters"]}


def summarize(state: State) -> State:
    return {"summary": "; ".join(state.get("notes", []))}


graph = (
    StateGraph(State)
    .add_node(research)
    .add_node(summarize)
    .add_conditional_edges(START, spread, ["research"])
    .add_edge("research", "summarize")
    .compile()
)
