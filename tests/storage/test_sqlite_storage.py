"""What only SQLite has: one file for everything, which outlives the process."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from uuid import UUID

import pytest
import trio
from held_writer import held_writer
from trio.testing import wait_all_tasks_blocked

from lgtrio.runs import machine
from lgtrio.runs.lanes import admit
from lgtrio.storage.interface import (
    Cause,
    ChannelBlob,
    CheckpointRow,
    Frame,
    NewRun,
    NewThread,
    ThreadOutcome,
    WriteRow,
)
from lgtrio.storage.sqlite import SqliteStorage, journal, open_sqlite, runs
from lgtrio.storage.sqlite.changes import Changes
from lgtrio.storage.sqlite.checkpoint_rows import put_checkpoints, put_writes
from lgtrio.storage.sqlite.transaction import Limits, Tx
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, ThreadStatus


def _id(number: int) -> str:
    return str(UUID(int=number, version=4))


T, FIRST, SECOND = _id(1), _id(2), _id(3)
IDLE = ThreadOutcome(rest_status=ThreadStatus.IDLE, values=b"{}")
TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
Row = tuple[object, ...]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lgtrio.db")


async def _start(storage: SqliteStorage, run_id: str, *, temporary: bool = False) -> None:
    new = NewRun(
        run_id=run_id,
        thread_id=T,
        assistant_id=_id(9),
        graph_id="graph",
        multitask_strategy=MultitaskStrategy.ENQUEUE,
        metadata=b"{}",
        kwargs=b"{}",
        temporary=temporary,
    )
    await storage.create_run(new, decide=admit, thread=NewThread(T), claim=True)


async def _checkpoint(storage: SqliteStorage, run_id: str, name: str, parent: str | None) -> None:
    """A checkpoint of the run with a large value of its own and a task's write on it."""
    row = CheckpointRow(
        thread_id=T,
        checkpoint_ns="",
        checkpoint_id=name,
        parent_checkpoint_id=parent,
        run_id=run_id,
        type="msgpack",
        checkpoint=b"body",
        metadata=b"{}",
        blobs=[ChannelBlob("large", name, "msgpack", b"value")],
        blob_refs={"large": name},
    )
    await storage.engine.write(lambda connection: put_checkpoints(connection, [row]))
    await _write_on(storage, run_id, name)


async def _write_on(storage: SqliteStorage, run_id: str, checkpoint: str) -> None:
    row = WriteRow(T, "", checkpoint, "task", "", 0, "channel", run_id, "msgpack", b"value")
    await storage.engine.write(lambda connection: put_writes(connection, [row]))


def _stored(connection: sqlite3.Connection) -> list[list[Row]]:
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]


async def test_rollback_leaves_the_history_as_it_was(path: str) -> None:
    async with open_sqlite(path) as storage:
        await _start(storage, FIRST)
        await _checkpoint(storage, FIRST, "1", None)
        await storage.finish_run(FIRST, RunStatus.SUCCESS, IDLE, cause=Cause.GRAPH)
        before = storage.engine.read(_stored)
        await _start(storage, SECOND)
        await _write_on(storage, SECOND, "1")  # an answer to the first run's question
        await _checkpoint(storage, SECOND, "2", "1")
        await _checkpoint(storage, SECOND, "3", "2")
        assert storage.engine.read(_stored) != before
        await storage.rollback_run(SECOND, cause=Cause.CLIENT)
        assert storage.engine.read(_stored) == before


@pytest.mark.parametrize("how", ["delete_thread", "temporary", "given up"])
async def test_a_thread_takes_its_checkpoints_along(path: str, how: str) -> None:
    async with open_sqlite(path) as storage:
        await _start(storage, FIRST, temporary=how != "delete_thread")
        await _checkpoint(storage, FIRST, "1", None)
        if how == "delete_thread":
            await storage.delete_thread(T)
        elif how == "temporary":
            await storage.finish_run(FIRST, RunStatus.SUCCESS, IDLE, cause=Cause.GRAPH)
        else:
            await storage.recover(max_attempts=1)
        assert storage.engine.read(_stored) == [[], [], []]


async def test_everything_is_there_after_opening_again(path: str) -> None:
    async with open_sqlite(path) as storage:
        await _start(storage, FIRST)
        await storage.append_frames(FIRST, [Frame(1, "values", "values", b"1", 1)])
        await storage.finish_run(FIRST, RunStatus.SUCCESS, IDLE, cause=Cause.GRAPH)
        before = await _all_of_it(storage)
    async with open_sqlite(path) as storage:
        assert await _all_of_it(storage) == before


async def _all_of_it(storage: SqliteStorage) -> tuple[object, ...]:
    return (
        await storage.get_thread(T),
        await storage.get_run(FIRST),
        await storage.read_frames(FIRST, after=0),
        await storage.journal(),
    )


async def test_leaving_by_a_cancel_still_writes_what_was_submitted(path: str) -> None:
    with trio.CancelScope() as scope:
        async with open_sqlite(path) as storage:
            with held_writer(storage.engine):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(storage.create_thread, NewThread(T))
                    await wait_all_tasks_blocked()
                    scope.cancel()
                    nursery.cancel_scope.cancel()
    async with open_sqlite(path) as storage:
        assert await storage.get_thread(T) is not None


async def test_reads_do_not_wait_for_a_write_that_is_under_way(path: str) -> None:
    async with open_sqlite(path) as storage:
        await _start(storage, FIRST)
        with held_writer(storage.engine, statement="DELETE FROM runs"), trio.fail_after(20):
            assert await storage.get_run(FIRST) is not None
            assert len(await storage.list_runs(T, limit=9, offset=0, status=None)) == 1
            assert len(await storage.journal()) == 2
        await storage.create_thread(NewThread(_id(7)))
        assert await storage.get_run(FIRST) is None


async def test_the_journal_is_bounded() -> None:
    async with open_sqlite(":memory:") as storage:
        await _start(storage, FIRST)

        def fill(connection: sqlite3.Connection) -> None:
            tx = Tx(connection, "now", 0.0, Limits(journal_lines=100), Changes())
            run = runs.get_run(connection, FIRST)
            assert run is not None
            for _ in range(600 - 2):
                journal.append(tx, journal.Change(run, None, None, Cause.CLIENT))

        await storage.engine.write(fill)
        lines = await storage.journal()
        assert lines[-1].seq == 600
        assert 100 <= len(lines) < 100 + 256


def test_both_sides_have_one_table_of_moves() -> None:
    assert {None: frozenset({RunStatus.PENDING}), **runs.MAY_BECOME} == machine.LEGAL
