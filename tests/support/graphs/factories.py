"""Graphs that langgraph.json names before they exist."""

from contextlib import asynccontextmanager

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    size: str


def say_small(state: State) -> State:
    return {"size": "small"}


def say_large(state: State) -> State:
    return {"size": "large"}


@asynccontextmanager
async def make_graph(config: RunnableConfig):
    """A different graph for each run, as its config says."""
    large = config.get("configurable", {}).get("size") == "large"
    node = say_large if large else say_small
    yield StateGraph(State).add_node("say", node).add_edge(START, "say").compile()


uncompiled = StateGraph(State).add_node("say", say_small).add_edge(START, "say")
