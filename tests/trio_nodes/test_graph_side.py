"""`graph_side`: asyncio awaited from a Trio node, on the loop of its graph."""

from __future__ import annotations

import asyncio
import threading
import traceback
from contextvars import ContextVar
from typing import Any

import pytest
import trio
import trio.testing
from langgraph.config import get_store, get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore
from on_asyncio import Signal, error_of, on_asyncio, turns

from lgtrio import graph_side, trio_node
from lgtrio.demo.model import DemoModel


async def add(a: int, b: int = 0) -> int:
    await asyncio.sleep(0)
    return a + b


async def raise_(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


class Work:
    """A coroutine that waits for ever and notes how it ends."""

    def __init__(self) -> None:
        self.started = Signal()
        self.cancels: list[str] = []
        self.ended = False

    async def run(self) -> str:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # noqa: ASYNC103  (`in_the_end` says what comes of it)
            self.cancels.append("cancelled")
        try:
            await turns()  # a second cancel would hit here
            return await self.in_the_end()
        finally:
            self.ended = True

    async def in_the_end(self) -> str:
        raise asyncio.CancelledError


# -- what it takes and gives -----------------------------------------------------------------
@on_asyncio
async def test_functions_coroutines_and_futures() -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.set_result("done")

    @trio_node
    async def node() -> list[Any]:
        return [
            await graph_side(add, 1, b=2),
            await graph_side(add(3, 4)),
            await graph_side(lambda: add(5)),
            await graph_side(future),
            await graph_side(_loop_and_thread),
        ]

    assert await node() == [3, 7, 5, "done", (loop, threading.get_ident())]


async def _loop_and_thread() -> tuple[asyncio.AbstractEventLoop, int]:
    return asyncio.get_running_loop(), threading.get_ident()


@on_asyncio
async def test_many_at_once() -> None:
    met = asyncio.Barrier(20)

    @trio_node
    async def node() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(graph_side, met.wait)

    await node()


def test_each_graph_has_its_own_loop() -> None:
    @trio_node
    async def node() -> bool:
        loop, thread = await graph_side(_loop_and_thread)
        loops.append(loop)
        return thread == threading.get_ident()

    loops: list[asyncio.AbstractEventLoop] = []
    assert asyncio.run(node()) is False
    assert asyncio.run(node()) is False
    assert loops[0] is not loops[1]


@on_asyncio
async def test_a_trio_node_inside_an_asyncio_call_of_a_trio_node() -> None:
    @trio_node
    async def inner() -> int:
        return await graph_side(add, 20, 1)

    @trio_node
    async def outer() -> int:
        return 2 * await graph_side(inner)

    assert await outer() == 42


@on_asyncio
async def test_context_variables_cross() -> None:
    mine: ContextVar[str] = ContextVar("mine")

    async def read() -> str:
        return mine.get()

    @trio_node
    async def node() -> str:
        mine.set("the node's")
        return await graph_side(read)

    assert await node() == "the node's"


@on_asyncio
async def test_models_stream_stores_store_and_writers_write() -> None:
    async def write() -> None:
        get_stream_writer()("from asyncio")

    @trio_node
    async def agent(state: MessagesState) -> dict[str, Any]:
        message = await graph_side(DemoModel(word_seconds=0).ainvoke, state["messages"])
        await graph_side(get_store().aput, ("answers",), "1", {"text": message.text})
        await graph_side(write)
        return {"messages": [message]}

    store = InMemoryStore()
    graph = StateGraph(MessagesState).add_node(agent).add_edge(START, "agent").compile(store=store)
    tokens, custom = [], []
    given: Any = {"messages": [("user", "hello you")]}
    async for mode, part in graph.astream(given, stream_mode=["messages", "custom"]):
        if mode == "messages":
            tokens.append(part[0].text)
        else:
            custom.append(part)
    text = "".join(tokens)
    assert text.startswith("You said: hello you")
    assert len(tokens) > 5
    assert (await store.aget(("answers",), "1")).value == {"text": text}  # type: ignore[union-attr]
    assert custom == ["from asyncio"]


# -- exceptions ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "error", [ValueError("no"), StopAsyncIteration(), SystemExit(3), asyncio.CancelledError("own")]
)
@on_asyncio
async def test_exceptions_arrive_as_they_are(error: BaseException) -> None:
    @trio_node
    async def node() -> BaseException:
        return await error_of(graph_side(raise_, error))

    assert await node() is error
    assert "raise_" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@on_asyncio
async def test_what_cannot_be_awaited() -> None:
    @trio_node
    async def node(*args: Any) -> None:
        await graph_side(*args)

    error = await error_of(node(7))
    assert type(error) is TypeError
    assert "needs an async function or a coroutine, not 7" in str(error)
    error = await error_of(node(add(1), 2))
    assert type(error) is TypeError
    assert "arguments only for a function" in str(error)
    error = await error_of(node(len, []))
    assert type(error) is TypeError
    assert "can't be used in 'await' expression" in str(error)


async def test_outside_of_a_graph() -> None:
    with pytest.raises(RuntimeError, match="works only in a Trio node that a graph executes"):
        await graph_side(add, 1)
    with pytest.raises(RuntimeError, match="works only in a Trio node that a graph executes"):
        await graph_side(add(1))


@on_asyncio
async def test_in_the_graphs_own_loop_or_in_a_thread() -> None:
    @trio_node
    async def in_asyncio() -> BaseException:
        return await graph_side(error_of, graph_side(add, 1))

    @trio_node
    async def in_a_thread() -> BaseException:
        return await trio.to_thread.run_sync(lambda: asyncio.run(error_of(graph_side(add, 1))))

    for error in [await in_asyncio(), await in_a_thread()]:
        assert type(error) is RuntimeError
        assert "use a plain `await`" in str(error)


# -- cancelling ------------------------------------------------------------------------------
@on_asyncio
async def test_cancelling_the_graph_cancels_the_coroutine_once() -> None:
    work = Work()

    @trio_node
    async def node() -> None:
        await graph_side(work.run)

    task = asyncio.create_task(node())
    await work.started.wait()
    task.cancel()
    assert isinstance(await error_of(task), asyncio.CancelledError)
    assert work.cancels == ["cancelled"]
    assert work.ended


@on_asyncio
async def test_a_scope_of_the_node_cancels_the_coroutine_and_waits_for_it() -> None:
    work = Work()

    @trio_node
    async def node() -> tuple[bool, bool]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(graph_side, work.run)
            await graph_side(work.started.wait)
            nursery.cancel_scope.cancel()
        return nursery.cancel_scope.cancelled_caught, work.ended

    assert await node() == (True, True)
    assert work.cancels == ["cancelled"]


@on_asyncio
async def test_in_a_scope_that_is_cancelled_already() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    @trio_node
    async def node() -> list[bool]:
        caught = []
        for work in (forever, forever()):  # the coroutine must not be left unawaited
            with trio.CancelScope() as scope:
                scope.cancel()
                await graph_side(work)
            caught.append(scope.cancelled_caught)
        return caught

    assert await node() == [True, True]


@on_asyncio
async def test_what_the_coroutine_raises_or_returns_when_cancelled() -> None:
    class Failing(Work):
        async def in_the_end(self) -> str:
            raise ValueError("could not close")

    class Returning(Work):
        async def in_the_end(self) -> str:
            return "all the same"

    @trio_node
    async def node(work: Work) -> Any:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await graph_side(work.started.wait)
                    scope.cancel()

                nursery.start_soon(cancel)
                return await graph_side(work.run)

    assert await node(Returning()) == "all the same"
    error = await error_of(node(Failing()))
    assert type(error) is ValueError


def test_a_loop_that_was_closed_is_no_longer_waited_for() -> None:
    loop = asyncio.new_event_loop()
    results: list[Any] = []
    waiting, closed, ended = threading.Event(), threading.Event(), threading.Event()

    async def never() -> None:
        waiting.set()
        await asyncio.Event().wait()

    @trio_node
    async def node() -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(graph_side, never)
                await trio.to_thread.run_sync(closed.wait)
                results.append(await error_of(graph_side(add(1))))
                nursery.cancel_scope.cancel()
            results.append("went on")
        finally:
            ended.set()

    call = node()
    loop.call_soon(call.send, None)
    loop.run_until_complete(asyncio.to_thread(waiting.wait))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    closed.set()
    assert ended.wait(30)
    call.close()
    assert type(results[0]) is RuntimeError
    assert "has been closed" in str(results[0])
    assert results[1:] == ["went on"]


def test_a_result_that_arrives_after_the_call_was_given_up_changes_nothing() -> None:
    loop = asyncio.new_event_loop()
    blocked, closed, ended = threading.Event(), threading.Event(), threading.Event()
    tokens: list[Any] = []

    async def stop_soon() -> None:
        await turns()
        loop.stop()

    async def work() -> asyncio.Task[None]:
        await asyncio.to_thread(blocked.wait)
        return loop.create_task(stop_soon())

    @trio_node
    async def node() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(graph_side, work)
            await trio.testing.wait_all_tasks_blocked()
            blocked.set()
            closed.wait()  # the whole Trio loop: the result has to wait at its door
            nursery.cancel_scope.cancel()
        ended.set()

    @trio_node
    async def another() -> None:
        tokens.append(trio.lowlevel.current_trio_token())

    call = node()
    loop.call_soon(call.send, None)
    loop.run_forever()
    loop.close()
    closed.set()
    assert ended.wait(30)
    asyncio.run(another())
    call.close()
    assert tokens[0] is tokens[1], "the Trio loop lives on"
