"""When a run has ended nothing of it is written any more: also with a slow database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, empty_checkpoint
from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from lgtrio.errors import Fenced, StorageError, StorageUnavailable
from lgtrio.graphs.saver import RunSaver
from lgtrio.graphs.store import RunStore
from lgtrio.wire.enums import Durability
from support.savers import Database

RUN = "11111111-1111-1111-1111-111111111111"
CONFIG: RunnableConfig = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
ON_CHECKPOINT: RunnableConfig = {
    "configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "c"}
}


async def drain(iterator: Any) -> None:
    async for _ in iterator:
        pass


ASYNC_CALLS: dict[str, Callable[[RunSaver], Awaitable[Any]]] = {
    "aget_tuple": lambda saver: saver.aget_tuple(CONFIG),
    "alist": lambda saver: drain(saver.alist(CONFIG)),
    "aput": lambda saver: saver.aput(CONFIG, empty_checkpoint(), {}, {}),
    "aput_writes": lambda saver: saver.aput_writes(ON_CHECKPOINT, [("x", 1)], "task"),
    "history": lambda saver: saver.aget_delta_channel_history(config=CONFIG, channels=["x"]),
    "adelete_thread": lambda saver: saver.adelete_thread("t"),
    "adelete_for_runs": lambda saver: saver.adelete_for_runs(["r"]),
    "acopy_thread": lambda saver: saver.acopy_thread("t", "u"),
    "aprune": lambda saver: saver.aprune(["t"]),
}

BLOCKING_CALLS: dict[str, Callable[[RunSaver], Any]] = {
    "get_tuple": lambda saver: saver.get_tuple(CONFIG),
    "list": lambda saver: list(saver.list(CONFIG)),
    "put": lambda saver: saver.put(CONFIG, empty_checkpoint(), {}, {}),
    "put_writes": lambda saver: saver.put_writes(ON_CHECKPOINT, [("x", 1)], "task"),
    "history": lambda saver: saver.get_delta_channel_history(config=CONFIG, channels=["x"]),
    "delete_thread": lambda saver: saver.delete_thread("t"),
    "delete_for_runs": lambda saver: saver.delete_for_runs(["r"]),
    "copy_thread": lambda saver: saver.copy_thread("t", "u"),
    "prune": lambda saver: saver.prune(["t"]),
}


@pytest.mark.parametrize("name", ASYNC_CALLS)
def test_async_calls_after_the_end(database: Database, name: str) -> None:
    async def main() -> None:
        access = database.access(RUN)
        saver = RunSaver(access, run_id=RUN)
        access.close()
        with pytest.raises(Fenced, match=RUN):
            await ASYNC_CALLS[name](saver)

    asyncio.run(main())
    assert database.count("checkpoints") == database.count("checkpoint_writes") == 0


@pytest.mark.parametrize("name", BLOCKING_CALLS)
def test_blocking_calls_after_the_end(database: Database, name: str) -> None:
    access = database.access(RUN)
    saver = RunSaver(access, run_id=RUN)
    access.close()
    with pytest.raises(Fenced, match=RUN):
        BLOCKING_CALLS[name](saver)
    assert database.count("checkpoints") == database.count("checkpoint_writes") == 0


def test_a_derived_saver_is_closed_too(database: Database) -> None:
    """LangGraph clones the checkpointer to allow the types of the graph's state."""
    access = database.access(RUN)
    clone = RunSaver(access, run_id=RUN).with_allowlist([("somewhere", "Something")])
    access.close()
    with pytest.raises(Fenced):
        clone.get_tuple(CONFIG)


# -- slow database ------------------------------------------------------------------------


def test_async_durability_does_not_wait(database: Database) -> None:
    async def main() -> None:
        access = database.access(RUN)
        saver = RunSaver(access, run_id=RUN, durability=Durability.ASYNC)
        with database.held() as release:
            await saver.aput(CONFIG, empty_checkpoint(), {}, {})
            await saver.aput_writes(ON_CHECKPOINT, [("x", 1)], "task")
            assert access.in_flight == 2
            drained = asyncio.ensure_future(access.wait_drained())
            await asyncio.sleep(0)
            assert not drained.done()
            release.set()
            await drained
        assert access.in_flight == 0
        assert database.count("checkpoints") == database.count("checkpoint_writes") == 1

    asyncio.run(main())


def test_sync_durability_waits(database: Database) -> None:
    async def main() -> None:
        saver = RunSaver(database.access(RUN), run_id=RUN)
        with database.held() as release:
            put = asyncio.ensure_future(saver.aput(CONFIG, empty_checkpoint(), {}, {}))
            await asyncio.sleep(0)
            assert not put.done()
            release.set()
            await put
        assert database.count("checkpoints") == 1

    asyncio.run(main())


def test_a_run_sees_what_it_has_written(database: Database) -> None:
    async def main() -> None:
        saver = RunSaver(database.access(RUN), run_id=RUN, durability=Durability.ASYNC)
        checkpoint = empty_checkpoint()
        with database.held() as release:
            stored = await saver.aput(CONFIG, checkpoint, {}, {})
            reading = asyncio.ensure_future(saver.aget_tuple(stored))
            await asyncio.sleep(0)
            assert not reading.done()
            release.set()
            found = await reading
        assert isinstance(found, CheckpointTuple)
        assert found.checkpoint["id"] == checkpoint["id"]

    asyncio.run(main())


def test_cancelled_puts_are_all_or_nothing_and_counted(database: Database) -> None:
    """Handed over before the first await: a task cancelled before it began wrote nothing, one
    cancelled while waiting is counted until its rows are there."""

    async def main() -> None:
        access = database.access(RUN)
        saver = RunSaver(access, run_id=RUN)
        with database.held() as release:
            begun = asyncio.ensure_future(saver.aput(CONFIG, empty_checkpoint(), {}, {}))
            await asyncio.sleep(0)
            never_begun = asyncio.ensure_future(saver.aput(CONFIG, empty_checkpoint(), {}, {}))
            begun.cancel()
            never_begun.cancel()
            await asyncio.wait([begun, never_begun])
            assert access.in_flight == 1
            access.close()
            release.set()
            await access.wait_drained()
        assert database.count("checkpoints") == 1

    asyncio.run(main())


def test_cancelled_waits_leave_the_count_right(database: Database) -> None:
    async def main() -> None:
        access = database.access(RUN)
        saver = RunSaver(access, run_id=RUN, durability=Durability.ASYNC)
        with database.held() as release:
            await saver.aput(CONFIG, empty_checkpoint(), {}, {})
            waits = [
                asyncio.ensure_future(access.wait_drained()),
                asyncio.ensure_future(saver.aget_tuple(CONFIG)),
                asyncio.ensure_future(saver.adelete_thread("another")),
            ]
            await asyncio.sleep(0)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
            assert access.in_flight == 2
            release.set()
            await access.wait_drained()

    asyncio.run(main())


def test_the_end_of_a_loop_with_writes_in_flight(database: Database) -> None:
    """The answer finds its loop closed; the rows are stored and the access drains all the same."""
    access = database.access(RUN)
    drained = threading.Event()
    with database.held() as release:

        async def main() -> None:
            saver = RunSaver(access, run_id=RUN)
            await asyncio.wait([asyncio.ensure_future(saver.adelete_thread("x"))], timeout=0.01)
            await asyncio.wait(
                [asyncio.ensure_future(saver.aput(CONFIG, empty_checkpoint(), {}, {}))],
                timeout=0.01,
            )

        asyncio.run(main())
        access.when_drained(drained.set)
        release.set()
    assert drained.wait(10)
    assert database.count("checkpoints") == 1


# -- failures -----------------------------------------------------------------------------


def fail_next_write(database: Database) -> None:
    """Make the next checkpoint one that cannot be stored."""
    database.engine.write_sync(
        lambda connection: (
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON checkpoints"
                " BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
            and None
        )
    )


def test_a_failed_write_is_raised_by_the_next_call_and_the_end(database: Database) -> None:
    async def main() -> None:
        access = database.access(RUN)
        saver = RunSaver(access, run_id=RUN, durability=Durability.ASYNC)
        fail_next_write(database)
        await saver.aput(CONFIG, empty_checkpoint(), {}, {})
        with pytest.raises(StorageError, match="no room"):
            await access.wait_drained()
        with pytest.raises(StorageError, match="no room"):
            await saver.aput_writes(ON_CHECKPOINT, [("x", 1)], "task")
        access.close()
        with pytest.raises(StorageError, match="no room"):
            await access.wait_drained()
        assert database.count("checkpoint_writes") == 0

    asyncio.run(main())


def test_a_failed_write_is_raised_by_a_put_that_waits(database: Database) -> None:
    fail_next_write(database)
    with pytest.raises(StorageError, match="no room"):
        database.saver(RUN).put(CONFIG, empty_checkpoint(), {}, {})


def test_a_run_that_cannot_write_does_not_hinder_others(database: Database) -> None:
    """Both are waiting when the writer comes; they share an operation, not their fate."""
    database.engine.write_sync(
        lambda connection: (
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON checkpoints WHEN NEW.run_id = 'bad'"
                " BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
            and None
        )
    )

    async def main() -> None:
        accesses = {name: database.access(name) for name in ("good", "bad", "fine")}
        with database.held():
            for name, access in accesses.items():
                saver = RunSaver(access, run_id=name, durability=Durability.ASYNC)
                await saver.aput(CONFIG, empty_checkpoint(), {}, {})
        await accesses["good"].wait_drained()
        await accesses["fine"].wait_drained()
        with pytest.raises(StorageError, match="no room"):
            await accesses["bad"].wait_drained()

    asyncio.run(main())
    assert database.count("checkpoints", "run_id IN ('good', 'fine')") == 2
    assert database.count("checkpoints") == 2


def test_after_the_database_was_closed(database: Database) -> None:
    access = database.access(RUN)
    saver = RunSaver(access, run_id=RUN, durability=Durability.ASYNC)
    database.engine.close()
    saver.put(CONFIG, empty_checkpoint(), {}, {})
    assert access.in_flight == 0
    with pytest.raises(StorageUnavailable):
        saver.get_tuple(CONFIG)


# -- a sync node that goes on -------------------------------------------------------------


def test_a_stuck_sync_node_is_fenced(database: Database) -> None:
    """What it does in a subgraph and in the store after the run's end is refused."""
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    outcomes: dict[str, BaseException | None] = {}

    class State(TypedDict):
        x: int

    def inner(state: State) -> State:
        return {"x": state["x"] + 1}

    subgraph = StateGraph(State).add_node(inner).add_edge(START, "inner").compile(checkpointer=True)

    def attempt(name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            outcomes[name] = error
        else:
            outcomes[name] = None

    def stuck(state: State) -> State:
        started.set()
        assert go_on.wait(10)
        attempt("subgraph", lambda: subgraph.invoke(state))
        attempt("put", lambda: get_store().put(("a",), "k", {"late": True}))
        attempt("get", lambda: get_store().get(("a",), "k"))
        ended.set()
        return state

    def rows(connection: sqlite3.Connection) -> list[Any]:
        tables = ("checkpoints", "checkpoint_writes", "store_items")
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]

    async def main() -> None:
        access = database.access(RUN)
        graph = (
            StateGraph(State)
            .add_node(stuck)
            .add_edge(START, "stuck")
            .compile(
                checkpointer=RunSaver(access, run_id=RUN, durability=Durability.ASYNC),
                store=RunStore(access),
            )
        )
        run = asyncio.ensure_future(graph.ainvoke({"x": 1}, CONFIG))
        await asyncio.to_thread(started.wait, 10)
        run.cancel()
        await asyncio.wait([run])
        access.close()
        await access.wait_drained()
        before = database.engine.read(rows)
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 10)
        assert database.engine.read(rows) == before

    asyncio.run(main())
    assert {name: type(error) for name, error in outcomes.items()} == {
        "subgraph": Fenced,
        "put": Fenced,
        "get": Fenced,
    }
