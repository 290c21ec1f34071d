"""`interrupt()` and resuming in Trio nodes, and what of a graph's control flow leaves them."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
import trio
import trio.testing
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from on_asyncio import on_asyncio
from structlog.testing import capture_logs

from lgtrio import trio_node

THREAD: Any = {"configurable": {"thread_id": "1"}}


class State(TypedDict, total=False):
    answers: list[str]


def graph_of(node: Any) -> Any:
    graph = StateGraph(State).add_node("node", node).add_edge(START, "node")
    return graph.compile(checkpointer=InMemorySaver())


def questions(result: Any) -> list[Any]:
    return [each.value for each in result["__interrupt__"]]


@on_asyncio
async def test_one_question_after_the_other() -> None:
    @trio_node
    async def ask(_: State) -> State:
        await trio.lowlevel.checkpoint()
        first = interrupt("your name?")
        return {"answers": [first, interrupt(f"your age, {first}?")]}

    graph = graph_of(ask)
    assert questions(await graph.ainvoke({}, THREAD)) == ["your name?"]
    assert questions(await graph.ainvoke(Command(resume="Ada"), THREAD)) == ["your age, Ada?"]
    assert await graph.ainvoke(Command(resume="36"), THREAD) == {"answers": ["Ada", "36"]}


@on_asyncio
async def test_a_question_deep_in_nurseries_cancels_what_is_beside_it() -> None:
    cancelled: list[str] = []

    @trio_node
    async def ask(_: State) -> State:
        answers: list[str] = []

        async def work(name: str) -> None:
            try:
                await trio.sleep(0 if answers else 60)
            except trio.Cancelled:
                cancelled.append(name)
                raise

        async def question() -> None:
            async with trio.open_nursery() as inner:
                inner.start_soon(work, "inner")
                await trio.testing.wait_all_tasks_blocked()
                answers.append(interrupt("go on?"))
                inner.cancel_scope.cancel()

        async with trio.open_nursery() as outer:
            outer.start_soon(work, "outer")
            await question()
            outer.cancel_scope.cancel()
        return {"answers": answers}

    graph = graph_of(ask)
    assert questions(await graph.ainvoke({}, THREAD)) == ["go on?"]
    assert sorted(cancelled) == ["inner", "outer"]
    state = await graph.aget_state(THREAD)
    assert state.next == ("node",)
    assert await graph.ainvoke(Command(resume="yes"), THREAD) == {"answers": ["yes"]}


@on_asyncio
async def test_a_question_wins_over_the_failures_beside_it_which_are_logged() -> None:
    @trio_node
    async def ask(_: State) -> State:
        async def fail_at_the_end() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("could not close")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_at_the_end)
            await trio.testing.wait_all_tasks_blocked()
            return {"answers": [interrupt("go on?")]}

    with capture_logs() as logs:
        assert questions(await graph_of(ask).ainvoke({}, THREAD)) == ["go on?"]
    [line] = logs
    assert line["log_level"] == "warning"
    assert line["raised"] == "GraphInterrupt"
    assert pytest.RaisesGroup(ValueError, flatten_subgroups=True).matches(line["exc_info"])


@on_asyncio
async def test_a_command_for_the_parent_graph() -> None:
    inner = (
        StateGraph(State).add_node("leave", trio_node(_to_parent)).add_edge(START, "leave")
    ).compile()
    outer = (
        StateGraph(State)
        .add_node("inner", inner, destinations=("after",))
        .add_node("after", lambda state: {"answers": [*state["answers"], "after"]})
        .add_edge(START, "inner")
        .compile()
    )
    assert await outer.ainvoke({"answers": []}) == {"answers": ["left", "after"]}


async def _to_parent(_: State) -> Any:
    async with trio.open_nursery():
        return Command(graph=Command.PARENT, goto="after", update={"answers": ["left"]})


@on_asyncio
async def test_a_subgraph_of_trio_nodes_asks() -> None:
    @trio_node
    async def ask(_: State) -> State:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 60)
            answer = interrupt("inside?")
            nursery.cancel_scope.cancel()
        return {"answers": [answer]}

    inner = StateGraph(State).add_node(ask).add_edge(START, "ask").compile()
    graph = graph_of(inner)
    assert questions(await graph.ainvoke({}, THREAD)) == ["inside?"]
    assert await graph.ainvoke(Command(resume="yes"), THREAD) == {"answers": ["yes"]}
