"""The graphs of the comparison: both servers get this one file.

They are quick, give the same output for the same input, and show in their output what a server has
handed to them.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

# Bodies of nodes whose state nobody looks at take it all the same: it is LangGraph's signature.
# ruff: noqa: ARG001, ARG002


class Noted(TypedDict, total=False):
    foo: str
    log: Annotated[list[str], operator.add]


def _says(name: str) -> Any:
    """A node that leaves its name in the state and on the custom stream."""

    async def node(state: Noted) -> Noted:
        get_stream_writer()({"from": name})
        return {"log": [name]}

    return node


def _chain(state: type, *nodes: tuple[str, Any], **options: Any) -> Any:
    builder = StateGraph(state, **options).add_sequence(list(nodes))
    return builder.add_edge(START, nodes[0][0]).compile()


# -- a plain one -----------------------------------------------------------------------------
async def shout(state: Noted) -> Noted:
    return {"foo": state.get("foo", "") + "!", "log": ["e2"]}


echo = _chain(Noted, ("e1", _says("e1")), ("e2", shout))


# -- a model that streams, with a tool -------------------------------------------------------
class Parrot(BaseChatModel):
    """Asks for the tool `add` first, then answers word by word; its messages have fixed ids."""

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[Any]:
        for chunk in _words() if isinstance(messages[-1], ToolMessage) else _call():
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for chunk in self._stream(messages):
            yield chunk

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return generate_from_stream(self._stream(messages))


def _call() -> list[AIMessageChunk]:
    call = tool_call_chunk(name="add", args='{"a": 1, "b": 3}', id="call-1", index=0)
    return [AIMessageChunk(content="", id="ai-1", tool_call_chunks=[call])]


def _words() -> list[AIMessageChunk]:
    return [AIMessageChunk(content=word, id="ai-2") for word in ("the ", "sum ", "is ", "4")]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def model(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await Parrot().ainvoke(state["messages"])]}


chat = (
    StateGraph(MessagesState)
    .add_node(model)
    .add_node("tools", ToolNode([add]))
    .add_edge(START, "model")
    .add_conditional_edges("model", tools_condition)
    .add_edge("tools", "model")
    .compile()
)


# -- graphs that ask -------------------------------------------------------------------------
def _asks(name: str) -> Any:
    async def node(state: Noted) -> Noted:
        return {"log": [f"{name}: {interrupt({'q': name})}"]}

    return node


ask = _chain(Noted, ("before", _says("before")), ("asker", _asks("name?")), ("after", shout))
ask_both = (
    StateGraph(Noted)
    .add_node("left", _asks("left?"))
    .add_node("right", _asks("right?"))
    .add_edge(START, "left")
    .add_edge(START, "right")
    .compile()
)


# -- a graph in a graph in a graph, which asks at its bottom if it is told to ------------------
async def leaf(state: Noted) -> Noted:
    answer = interrupt({"q": "deep?"}) if state.get("foo") == "ask" else "leaf"
    get_stream_writer()({"from": "leaf"})
    return {"log": [answer]}


_below = _chain(Noted, ("leaf", leaf))
_child = _chain(Noted, ("branch", _says("branch")), ("below", _below))
nested = _chain(Noted, ("root", _says("root")), ("child", _child))


# -- what a node sees of config, context and metadata ------------------------------------------
@dataclass
class Context:
    model: str = "m0"
    temperature: float = 0.5


class Seen(TypedDict, total=False):
    ask: str
    seen: dict[str, Any]


async def look(state: Seen, config: RunnableConfig, runtime: Runtime[Context]) -> Seen:
    plain = (str, int, float, bool, type(None))
    seen = {
        name: {
            key: value
            for key, value in config[name].items()  # type: ignore[literal-required]
            if not key.startswith("__") and isinstance(value, plain)
        }
        for name in ("configurable", "metadata")
    }
    context = runtime.context
    return {
        "seen": {
            **seen,
            "tags": sorted(config.get("tags") or []),
            "recursion_limit": config.get("recursion_limit"),
            "context": {"model": context.model, "temperature": context.temperature},
        }
    }


configured = _chain(Seen, ("look", look), context_schema=Context)


# -- bad ends --------------------------------------------------------------------------------
class OwnError(Exception):
    """A class that no server knows."""


class Kind(TypedDict, total=False):
    kind: str
    reached: str


async def prepare(state: Kind) -> Kind:
    return {"reached": "prepare"}


async def breaks(state: Kind) -> Kind:
    kinds: dict[str, Exception] = {
        "value": ValueError("boom happened"),
        "key": KeyError("missing"),
        "runtime": RuntimeError("went wrong"),
        "zero": ZeroDivisionError("division by zero"),
        "os": OSError("secret path"),
        "own": OwnError("secret text"),
        "group": ExceptionGroup("many", [ValueError("first"), TypeError("second")]),
    }
    raise kinds[state["kind"]]


fails = _chain(Kind, ("prepare", prepare), ("breaks", breaks))


# -- one that takes its time -----------------------------------------------------------------
class Slow(TypedDict, total=False):
    seconds: float
    """Of the middle node."""
    log: Annotated[list[str], operator.add]


async def wait(state: Slow) -> Slow:
    get_stream_writer()({"from": "wait"})
    await asyncio.sleep(state.get("seconds", 0.3))
    return {"log": ["wait"]}


slow = _chain(Slow, ("begin", _says("begin")), ("wait", wait), ("end", _says("end")))


# -- the store's meaning of a text -------------------------------------------------------------
async def embed(texts: list[str]) -> list[list[float]]:
    """Two numbers: how much of a text is about tea, and how much about trains."""
    return [[1.0 + text.count("tea"), 1.0 + text.count("train")] for text in texts]
