"""The thread of the Trio nodes: starts with the first, dies, is replaced, ends with the process."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from contextvars import copy_context
from typing import Any

import pytest
import trio
from on_asyncio import Signal, error_of, on_asyncio
from structlog.testing import capture_logs

from lgtrio import trio_node
from lgtrio.errors import InternalError
from lgtrio.graphs.trio_nodes.thread import TRIO_THREAD, TrioThread, TrioThreadKeeper


@trio_node
async def thread_of_nodes() -> threading.Thread:
    return threading.current_thread()


async def _crash() -> None:
    raise RuntimeError("a task outside of any node")


@trio_node
async def crash_the_loop() -> None:
    trio.lowlevel.spawn_system_task(_crash)
    await trio.sleep_forever()


# -- dying -----------------------------------------------------------------------------------
@on_asyncio
async def test_a_loop_that_died_is_replaced_and_its_nodes_fail() -> None:
    ended = Signal()
    started = Signal()

    @trio_node
    async def bystander() -> None:
        started.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    before = await thread_of_nodes()
    waiting = asyncio.create_task(bystander())
    await started.wait()
    with capture_logs() as logs:
        error = await error_of(crash_the_loop())
        assert isinstance(error, InternalError)
        assert str(error) == "The Trio loop of the nodes has ended."
        assert isinstance(await error_of(waiting), InternalError)
        await ended.wait()
        await asyncio.to_thread(before.join, 30)
    [line] = [line for line in logs if line["log_level"] == "critical"]
    assert line["event"] == "the Trio loop of the nodes died"
    assert isinstance(line["exc_info"], trio.TrioInternalError)
    after = await thread_of_nodes()
    assert after is not before
    assert after.is_alive()


@on_asyncio
async def test_what_a_node_raises_while_its_loop_dies_is_raised() -> None:
    @trio_node
    async def node() -> None:
        try:
            await crash_the_loop()
        finally:
            raise ValueError("could not close")

    thread = await thread_of_nodes()
    with capture_logs():
        error = await error_of(node())
        await asyncio.to_thread(thread.join, 30)
    assert type(error) is ValueError


@on_asyncio
async def test_nodes_called_while_the_loop_dies_end_one_way_or_the_other() -> None:
    before = await thread_of_nodes()
    results: list[Any] = []
    with capture_logs():
        crashing = asyncio.create_task(error_of(crash_the_loop()))
        while not crashing.done() or before.is_alive():
            results += await asyncio.gather(thread_of_nodes(), return_exceptions=True)
    assert {type(result) for result in results} <= {InternalError, threading.Thread}
    assert await thread_of_nodes() is not before


class _Visitor:
    """Notes what becomes of it."""

    def __init__(self) -> None:
        self.context = copy_context()
        self.noted: list[str] = []
        self.over = threading.Event()

    async def run(self) -> None:
        self.lose("ran")

    def lose(self, what: str = "was lost") -> None:
        self.noted.append(what)
        self.over.set()


def test_a_closed_thread_admits_nobody() -> None:
    thread = TrioThread()
    thread.start()
    thread.close()
    assert not thread.alive
    visitor = _Visitor()
    with pytest.raises(trio.RunFinishedError):
        thread.admit(visitor)
    assert visitor.noted == []
    thread.cancel(trio.CancelScope(), "nothing happens")


def test_a_thread_whose_loop_has_just_ended_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keeper = TrioThreadKeeper()
    ended = keeper.admit(_Visitor())
    ended.close()
    # The moment between the end of the loop and the end of its thread.
    monkeypatch.setattr(TrioThread, "alive", True)
    visitor = _Visitor()
    assert keeper.admit(visitor) is not ended
    monkeypatch.undo()
    assert visitor.over.wait(30)
    keeper.close()
    assert visitor.noted == ["ran"]


def test_who_comes_when_the_nursery_is_closed_is_lost_and_told() -> None:
    thread = TrioThread()
    visitor = _Visitor()

    async def admit_at_the_very_end() -> None:
        try:
            await trio.sleep_forever()
        finally:  # system tasks are cancelled when the main task has ended
            thread.admit(visitor)

    class Spawner(_Visitor):
        async def run(self) -> None:
            trio.lowlevel.spawn_system_task(admit_at_the_very_end)
            self.over.set()

    thread.start()
    spawner = Spawner()
    thread.admit(spawner)
    assert spawner.over.wait(30)
    with capture_logs() as logs:
        thread.close()
    assert not thread.alive
    assert logs == [], "an end, and not a crash"
    assert visitor.noted == ["was lost"]


def test_a_loop_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no file descriptors left")

    monkeypatch.setattr(trio, "run", refuse)
    keeper = TrioThreadKeeper()
    with capture_logs() as logs, pytest.raises(InternalError, match="did not start"):
        keeper.admit(_Visitor())
    [line] = logs
    assert isinstance(line["exc_info"], OSError)


@on_asyncio
async def test_nothing_is_kept_of_a_call_that_has_ended() -> None:
    class Argument:
        pass

    @trio_node
    async def node(argument: Argument) -> str:
        await trio.lowlevel.checkpoint()
        return type(argument).__name__

    argument = Argument()
    gone = weakref.ref(argument)
    assert await node(argument) == "Argument"
    del argument
    await thread_of_nodes()  # the task of the first call has ended as well
    gc.collect()
    assert gone() is None


# -- the end of the process ------------------------------------------------------------------
def test_closing_ends_the_nodes_and_the_next_call_starts_anew() -> None:
    async def scenario() -> None:
        started = Signal()

        @trio_node
        async def node() -> None:
            started.set()
            await trio.sleep_forever()

        before = await thread_of_nodes()
        task = asyncio.create_task(node())
        await started.wait()
        await asyncio.to_thread(TRIO_THREAD.close)
        assert not before.is_alive()
        assert isinstance(await error_of(task), InternalError)
        assert await thread_of_nodes() is not before

    asyncio.run(scenario())


EXITS = {
    "after its nodes": "asyncio.run(node(0))",
    "under a node": (
        "loop = asyncio.new_event_loop()\n"
        "task = loop.create_task(node(60))\n"
        "loop.run_until_complete(asyncio.wait([task], timeout=0.05))\n"
        "task._log_destroy_pending = False\n"
        "del task; loop.close()\n"
    ),
    "without any": "",
}


@pytest.mark.parametrize("last_words", EXITS.values(), ids=EXITS)
def test_a_process_ends_at_once_and_in_silence(last_words: str) -> None:
    code = (
        "import asyncio, trio\n"
        "from lgtrio import trio_node\n"
        "@trio_node\n"
        "async def node(seconds):\n"
        "    try:\n"
        "        await trio.sleep(seconds)\n"
        "    finally:\n"
        "        print('left')\n" + last_words
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("left\n" if last_words else "", "")


def test_a_forked_child_gets_a_thread_of_its_own() -> None:
    # In a process of its own: forking one with as many threads as pytest's is asking for trouble.
    code = (
        "import asyncio, os, trio\n"
        "from lgtrio import trio_node\n"
        "@trio_node\n"
        "async def node():\n"
        "    return os.getpid()\n"
        "assert asyncio.run(node()) == os.getpid()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if asyncio.run(node()) == os.getpid() else 1)\n"
        "_, status = os.waitpid(child, 0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(status))\n"
    )
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True)
