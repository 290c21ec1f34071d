"""Cancelling a Trio node: it crosses once, and its end is awaited."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import trio
from on_asyncio import Signal, error_of, on_asyncio, turns

from lgtrio import graph_side, trio_node


class Node:
    """A Trio node that waits for ever and notes what happens to it."""

    def __init__(self) -> None:
        self.started = Signal()
        self.cancels = 0
        self.ended = False

    @trio_node
    async def run(self) -> str:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._wait)
                nursery.start_soon(self._wait)
                self.started.set()
        finally:
            await self.clean_up()  # noqa: ASYNC102  (shields itself, where it waits)
            self.ended = True
        return "not cancelled"

    async def _wait(self) -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            self.cancels += 1
            raise

    async def clean_up(self) -> None:
        """What the node does at its end."""


class Lingering(Node):
    """Its clean-up lasts until somebody opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.cleaning = Signal()
        self.gate = trio.Event()

    async def clean_up(self) -> None:
        self.cleaning.set()
        with trio.move_on_after(30, shield=True):
            await self.gate.wait()

    @trio_node
    async def open_gate(self) -> None:
        self.gate.set()


@on_asyncio
async def test_a_cancelled_task_ends_when_the_node_has() -> None:
    node = Node()
    task = asyncio.create_task(node.run())
    await node.started.wait()
    task.cancel("enough")
    error = await error_of(task)
    assert isinstance(error, asyncio.CancelledError)
    assert error.args == ("enough",)
    assert node.ended
    assert node.cancels == 2


@on_asyncio
async def test_a_shielded_clean_up_is_waited_for_and_further_cancels_change_nothing() -> None:
    node = Lingering()
    task = asyncio.create_task(node.run())
    await node.started.wait()
    task.cancel("first")
    await node.cleaning.wait()
    for _ in range(3):
        task.cancel("again")
        await turns()
    assert not task.done()
    await node.open_gate()
    error = await error_of(task)
    assert isinstance(error, asyncio.CancelledError)
    assert error.args == ("first",)
    assert node.ended


@on_asyncio
async def test_cancelled_before_it_has_started() -> None:
    started = False

    @trio_node
    async def node() -> None:
        nonlocal started
        started = True
        await trio.sleep_forever()

    task = asyncio.create_task(node())
    task.cancel()  # before the task's first step: the node is never called
    assert isinstance(await error_of(task), asyncio.CancelledError)
    assert not started
    task = asyncio.create_task(node())
    await asyncio.sleep(0)  # the call is on its way, or has arrived
    task.cancel()
    assert isinstance(await error_of(task), asyncio.CancelledError)


@on_asyncio
async def test_what_the_clean_up_raises_is_raised() -> None:
    class Failing(Node):
        async def clean_up(self) -> None:
            raise ValueError("could not close")

    node = Failing()
    task = asyncio.create_task(node.run())
    await node.started.wait()
    task.cancel()
    error = await error_of(task)
    assert type(error) is ValueError
    assert isinstance(error.__context__, BaseException)


@on_asyncio
async def test_a_value_returned_in_spite_of_the_cancel_is_not_used() -> None:
    started = Signal()

    @trio_node
    async def node() -> str:
        started.set()
        with trio.CancelScope() as inner:
            try:
                await trio.sleep_forever()
            finally:
                inner.shield = True
                await trio.lowlevel.checkpoint()  # noqa: ASYNC102  (shielded by the line above)
                return "all the same"  # noqa: B012 - that is the misbehaviour

    task = asyncio.create_task(node())
    await started.wait()
    task.cancel()
    assert isinstance(await error_of(task), asyncio.CancelledError)
    assert task.cancelled()


@on_asyncio
async def test_a_cancel_scope_of_the_node_is_no_cancel_of_the_graph() -> None:
    @trio_node
    async def node() -> bool:
        with trio.move_on_after(0) as scope:
            await trio.sleep_forever()
        return scope.cancelled_caught

    assert await node() is True


@on_asyncio
async def test_time_limits_of_asyncio_and_of_trio() -> None:
    node = Node()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await node.run()
    assert node.ended

    @trio_node
    async def limited() -> None:
        with trio.fail_after(0):
            await trio.sleep_forever()

    with pytest.raises(trio.TooSlowError):
        await limited()


@on_asyncio
async def test_one_node_of_many_is_cancelled() -> None:
    nodes = [Node() for _ in range(5)]
    tasks = [asyncio.create_task(node.run()) for node in nodes]
    for node in nodes:
        await node.started.wait()
    tasks[2].cancel()
    await asyncio.wait([tasks[2]])
    assert [node.ended for node in nodes] == [False, False, True, False, False]
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert all(node.ended for node in nodes)


@on_asyncio
async def test_cancelled_at_any_moment_it_ends_and_says_so() -> None:
    outcomes = set()
    count = completed = 0
    while completed < 20:
        entered = left = 0

        @trio_node
        async def node() -> None:
            nonlocal entered, left
            entered += 1
            try:
                await graph_side(turns, 3)
                await trio.lowlevel.checkpoint()
            finally:
                left += 1

        task = asyncio.create_task(node())
        await turns(count)
        was_cancelled = task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() is was_cancelled
        assert entered == left
        outcomes.add((was_cancelled, entered))
        completed += not was_cancelled
        count += 1
    assert {(True, 0), (True, 1)} <= outcomes, "before it has started, and in its middle"


def test_the_end_of_asyncio_run_waits_for_its_nodes() -> None:
    kept: list[Any] = []

    async def main() -> None:
        node = Node()
        kept.extend([node, asyncio.create_task(node.run())])
        await node.started.wait()

    asyncio.run(main())
    assert kept[0].ended


def test_a_loop_that_is_closed_over_a_node_cancels_it() -> None:
    ended = threading.Event()
    loop = asyncio.new_event_loop()

    class Watched(Node):
        async def clean_up(self) -> None:
            ended.set()

    async def start() -> None:
        node = Watched()
        call = node.run()
        calls.append(call)
        call.send(None)  # awaited by hand: nothing else holds on to it
        await node.started.wait()

    calls: list[Any] = []
    loop.run_until_complete(start())
    loop.close()
    assert not ended.is_set()
    calls.pop().close()
    assert ended.wait(30)
