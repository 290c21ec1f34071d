"""Graphs that are described, never run."""

import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.func import entrypoint
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict


class Numbers(TypedDict):
    number: int


class Question(BaseModel):
    question: str = Field(description="What to ask")
    times: int = 1


class Answer(TypedDict):
    answer: str


class Talk(TypedDict, total=False):
    question: str
    times: int
    answer: str
    secret: list[str]


@dataclass
class Voice:
    loud: bool = False


class Opaque:
    """pydantic has no schema of it."""


class OldTalk(typing.TypedDict, total=False):
    """On Python 3.11 pydantic refuses `typing.TypedDict`."""

    question: typing.Required[Annotated[str, Field(min_length=1)]]
    opaque: Opaque
    numbers: list[int]


def node(_state: Any) -> Any:
    return {}


_lowest = StateGraph(Numbers).add_node("leaf", node).add_edge(START, "leaf").compile()
_middle = (
    StateGraph(Numbers)
    .add_node("before", node)
    .add_node("low", _lowest)
    .add_edge(START, "before")
    .add_edge("before", "low")
    .compile()
)
deep = (
    StateGraph(Talk, input_schema=Question, output_schema=Answer, context_schema=Voice)
    .add_node("talk", node)
    .add_node("mid", _middle)
    .add_node("low", _lowest)
    .add_edge(START, "talk")
    .add_edge("talk", "mid")
    .add_edge("mid", "low")
    .compile()
)


def choose(state: Numbers) -> Literal["odd", "even"]:
    return "odd" if state["number"] % 2 else "even"


choosing = (
    StateGraph(Numbers)
    .add_node("odd", node)
    .add_node("even", node)
    .add_conditional_edges(START, choose)
    .add_conditional_edges("odd", choose, {"even": "even", "odd": END})
    .compile()
)


def make_sized(config: RunnableConfig) -> StateGraph[Numbers]:
    """As many nodes as the config says."""
    size = config.get("configurable", {}).get("size", 1)
    if size < 0:
        raise LookupError("no such size")
    builder = StateGraph(Numbers)
    builder.add_sequence([(f"n{number}", node) for number in range(size)])
    builder.add_edge(START, "n0")
    return builder


@entrypoint(context_schema=Voice)
def functional(_number: int) -> list[str]:
    return []


awkward = (
    StateGraph(OldTalk, context_schema=OldTalk).add_node("n", node).add_edge(START, "n").compile()
)
