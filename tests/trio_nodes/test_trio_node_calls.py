"""A Trio node is a node like any other: called as LangGraph calls nodes, with what it injects."""

# ruff: noqa: ARG001, ARG002 - LangGraph and LangChain dictate these signatures

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal, TypedDict, get_type_hints

import pytest
import sniffio
import trio
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config, get_store, get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime, get_runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, RetryPolicy, Send, StreamWriter
from on_asyncio import Signal, error_of, on_asyncio

import lgtrio
from lgtrio import graph_side, trio_node


class State(TypedDict, total=False):
    given: str
    seen: Any


class Part(TypedDict):
    given: str


class Context(TypedDict):
    who: str


def graph_of(node: Any, **options: Any) -> Any:
    return (
        StateGraph(State, Context).add_node("node", node).add_edge(START, "node").compile(**options)
    )


async def seen_by(node: Any, *, config: Any = None, **options: Any) -> Any:
    graph = graph_of(node, store=InMemoryStore())
    return (await graph.ainvoke({"given": "this"}, config, **options))["seen"]


# -- where it runs ---------------------------------------------------------------------------
@on_asyncio
async def test_nodes_run_in_one_trio_loop_beside_the_graphs() -> None:
    @trio_node
    async def node(state: State) -> State:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.checkpoint)
        token = trio.lowlevel.current_trio_token()
        return {"seen": (sniffio.current_async_library(), threading.current_thread(), token)}

    library, thread, token = await seen_by(node)
    assert library == "trio"
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert await seen_by(node) == (library, thread, token)


@on_asyncio
async def test_nodes_of_one_step_run_at_once() -> None:
    met = 0
    everybody = trio.Event()

    @trio_node
    async def meet(state: State) -> State:
        nonlocal met
        met += 1
        if met == 20:
            everybody.set()
        await everybody.wait()
        return {}

    graph = (
        StateGraph(State)
        .add_node(meet)
        .add_conditional_edges(START, lambda _: [Send("meet", {})] * 20, ["meet"])
        .compile()
    )
    await graph.ainvoke({"given": ""})
    assert met == 20


@on_asyncio
async def test_the_graphs_loop_goes_on_meanwhile() -> None:
    started, go_on = Signal(), trio.Event()

    @trio_node
    async def wait(state: State) -> State:
        started.set()
        await go_on.wait()
        return {"seen": trio.lowlevel.current_trio_token()}

    @trio_node
    async def release(state: State) -> State:
        go_on.set()
        return {"seen": trio.lowlevel.current_trio_token()}

    waiting = asyncio.create_task(seen_by(wait))
    await started.wait()
    assert await seen_by(release) is await waiting


# -- what LangGraph gives to it --------------------------------------------------------------
@on_asyncio
async def test_signatures_that_langgraph_knows() -> None:
    @trio_node
    async def with_config(state: State, config: RunnableConfig) -> State:
        return {"seen": config["configurable"]["mine"]}

    @trio_node
    async def with_runtime(state: State, runtime: Runtime[Context]) -> State:
        return {"seen": runtime.context["who"]}

    @trio_node
    async def with_keywords(state: State, *, writer: StreamWriter, store: BaseStore) -> State:
        return {"seen": (callable(writer), isinstance(store, InMemoryStore))}

    @trio_node
    async def with_state_only(state: State) -> State:
        return {"seen": state.get("given")}

    class Nodes:
        @trio_node
        async def method(self, state: State, config: RunnableConfig) -> State:
            return {"seen": (type(self) is Nodes, config["configurable"]["mine"])}

    options: Any = {"config": {"configurable": {"mine": 7}}, "context": {"who": "ada"}}
    assert await seen_by(with_config, **options) == 7
    assert await seen_by(with_runtime, **options) == "ada"
    assert await seen_by(with_keywords, **options) == (True, True)
    assert await seen_by(with_state_only, **options) == "this"
    assert await seen_by(Nodes().method, **options) == (True, 7)


@on_asyncio
async def test_schemas_and_targets_are_those_of_the_function() -> None:
    @trio_node
    async def first(state: Part) -> Command[Literal["second", "__end__"]]:
        """Says where to go."""
        return Command(goto="second", update={"seen": sorted(state)})

    @trio_node
    async def second(state: State) -> State:
        return {"given": "over"}

    graph = StateGraph(State).add_node(first).add_node(second).add_edge(START, "first").compile()
    assert await graph.ainvoke({"given": "a", "seen": 1}) == {"given": "over", "seen": ["given"]}
    edges = {(edge.source, edge.target) for edge in graph.get_graph().edges}
    assert {("first", "second"), ("first", END)} <= edges
    assert (first.__name__, first.__doc__) == ("first", "Says where to go.")


def test_the_decorated_function_has_the_face_of_the_plain_one() -> None:
    async def plain(state: State, *, store: BaseStore) -> State:
        return {}

    node = trio_node(plain)
    assert inspect.iscoroutinefunction(node)
    assert inspect.signature(node) == inspect.signature(plain)
    assert get_type_hints(node) == get_type_hints(plain)


@on_asyncio
async def test_context_variables_reach_the_node_and_its_children() -> None:
    mine: ContextVar[str] = ContextVar("mine", default="nothing")

    @trio_node
    async def node(state: State) -> State:
        seen: dict[str, Any] = {}

        async def child() -> None:
            get_stream_writer()("from a child")
            seen["config"] = get_config()["configurable"]["mine"]
            seen["runtime"] = get_runtime(Context).context["who"]
            seen["store"] = isinstance(get_store(), InMemoryStore)
            seen["variable"] = mine.get()
            mine.set("the node's own")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
        return {"seen": seen}

    graph = graph_of(node, store=InMemoryStore())
    mine.set("the caller's")
    parts = [
        part
        async for part in graph.astream(
            {"given": ""},
            {"configurable": {"mine": 7}},
            context={"who": "ada"},
            stream_mode=["custom", "updates"],
        )
    ]
    expected = {"config": 7, "runtime": "ada", "store": True, "variable": "the caller's"}
    assert parts == [("custom", "from a child"), ("updates", {"node": {"seen": expected}})]
    assert mine.get() == "the caller's"


@on_asyncio
async def test_callbacks_hear_of_it() -> None:
    heard: list[str] = []

    class Handler(AsyncCallbackHandler):
        async def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
            heard.append(f"start {kwargs['name']}")

        async def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
            heard.append("end")

    @trio_node
    async def node(state: State) -> State:
        return {"seen": ""}

    await seen_by(node, config={"callbacks": [Handler()]})
    assert heard == ["start LangGraph", "start node", "end", "end"]


# -- other places for it ---------------------------------------------------------------------
@on_asyncio
async def test_under_task_and_entrypoint() -> None:
    @task
    @trio_node
    async def double(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * number

    @entrypoint(checkpointer=InMemorySaver())
    @trio_node
    async def flow(numbers: list[int]) -> list[int]:
        return [await graph_side(double, number) for number in numbers]

    config: Any = {"configurable": {"thread_id": "1"}}
    assert await flow.ainvoke([1, 2, 3], config) == [2, 4, 6]


@on_asyncio
async def test_under_tool() -> None:
    @tool
    @trio_node
    async def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        await trio.lowlevel.checkpoint()
        return a * b

    assert multiply.description == "Multiply two numbers."
    assert set(multiply.args) == {"a", "b"}
    assert await multiply.ainvoke({"a": 6, "b": 7}) == 42


@on_asyncio
async def test_as_a_conditional_edge() -> None:
    @trio_node
    async def route(state: State) -> Literal["node", "__end__"]:
        await trio.lowlevel.checkpoint()
        return "__end__" if "seen" in state else "node"

    graph = (
        StateGraph(State)
        .add_node("node", lambda _: {"seen": "once"})
        .add_conditional_edges(START, route)
        .add_conditional_edges("node", route)
        .compile()
    )
    assert await graph.ainvoke({"given": ""}) == {"given": "", "seen": "once"}


@on_asyncio
async def test_retried_by_its_policy() -> None:
    attempts = 0

    @trio_node
    async def flaky(state: State) -> State:
        nonlocal attempts
        attempts += 1
        async with trio.open_nursery() as nursery:
            if attempts < 3:
                nursery.start_soon(partial(_raise, ConnectionError("gone")))
        return {"seen": attempts}

    policy = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    graph = StateGraph(State).add_node("node", flaky, retry_policy=policy)
    result = await graph.add_edge(START, "node").compile().ainvoke({"given": ""})
    assert result["seen"] == 3


async def _raise(error: Exception) -> None:
    raise error


async def test_called_from_trio_it_is_the_plain_function() -> None:
    here = trio.lowlevel.current_trio_token()

    @trio_node
    async def inner(state: State) -> State:
        return {"seen": trio.lowlevel.current_trio_token()}

    @trio_node
    async def outer(state: State) -> State:
        return await inner(state)

    assert await outer({}) == {"seen": here}


@on_asyncio
async def test_a_trio_node_calls_another() -> None:
    @trio_node
    async def inner(state: State) -> State:
        return {"seen": trio.lowlevel.current_task()}

    @trio_node
    async def outer(state: State) -> State:
        return {"seen": (await inner(state))["seen"] is trio.lowlevel.current_task()}

    assert await seen_by(outer) is True


# -- what it refuses -------------------------------------------------------------------------
def test_only_for_async_functions() -> None:
    def plain(state: State) -> State:
        return state

    async def generator(state: State) -> Any:
        yield state

    with pytest.raises(TypeError, match=r"needs an `async def` function, not .*plain"):
        trio_node(plain)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"needs an `async def` function, not .*generator"):
        trio_node(generator)  # type: ignore[arg-type]


@on_asyncio
async def test_a_sync_graph_says_that_it_cannot() -> None:
    @trio_node
    async def node(state: State) -> State:
        return {}

    error = await error_of(asyncio.to_thread(graph_of(node).invoke, {"given": ""}))
    assert isinstance(error, TypeError)
    assert "async API" in str(error)


def test_importing_lgtrio_imports_neither_trio_nor_langgraph() -> None:
    code = (
        "import sys, lgtrio\n"
        "assert not {'trio', 'langgraph', 'asyncio'} & set(sys.modules), list(sys.modules)\n"
        "from lgtrio import trio_node, graph_side\n"
        "assert 'trio' in sys.modules and callable(trio_node) and callable(graph_side)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match=r"module 'lgtrio' has no attribute 'no_such_name'"):
        lgtrio.no_such_name  # noqa: B018
