"""How many SQL statements a run costs.

Each statement gives up the interpreter's lock and has to win it back from the two other threads
that are busy while runs execute. That wait, not SQLite's own work, made the writer's share of a
short run a quarter of the whole. Raise a bound only for something that is worth it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from uuid import uuid4

import pytest
import trio
from held_writer import held_writer
from trio.testing import wait_all_tasks_blocked

from lgtrio.runs.lanes import admit
from lgtrio.storage.interface import (
    Cause,
    CheckpointRow,
    NewRun,
    NewThread,
    ThreadOutcome,
    WriteRow,
)
from lgtrio.storage.sqlite import SqliteStorage, open_sqlite
from lgtrio.storage.sqlite.checkpoint_writer import CheckpointWriter, Entry, Flight
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, ThreadStatus

DONE = ThreadOutcome(rest_status=ThreadStatus.IDLE, values=b'{"n": 1}')


@pytest.fixture
async def storage() -> AsyncIterator[SqliteStorage]:
    async with open_sqlite(":memory:") as storage:
        yield storage


@contextmanager
def statements(storage: SqliteStorage) -> Iterator[list[str]]:
    """Those that the writer executes inside the block; it has them when the block is left."""

    def trace(connection: sqlite3.Connection, *, on: bool) -> None:
        connection.set_trace_callback(executed.append if on else None)

    executed: list[str] = []
    storage.engine.write_sync(lambda connection: trace(connection, on=True))
    yield executed
    storage.engine.write_sync(lambda connection: trace(connection, on=False))
    # A statement is named again for each one in its triggers. The ends of the list are of the
    # transactions that switch the tracing.
    executed[:] = [text for text, _ in groupby(executed)][1:-1]


async def _create(storage: SqliteStorage, thread_id: str, *, temporary: bool) -> str:
    new = NewRun(
        run_id=str(uuid4()),
        thread_id=thread_id,
        assistant_id=str(uuid4()),
        graph_id="graph",
        multitask_strategy=MultitaskStrategy.ENQUEUE,
        metadata=b"{}",
        kwargs=b"{}",
        temporary=temporary,
    )
    await storage.create_run(new, decide=admit, thread=NewThread(thread_id), claim=True)
    return new.run_id


async def _run(storage: SqliteStorage, thread_id: str, *, temporary: bool) -> None:
    """A run with the rows of a graph of one step."""
    run_id = await _create(storage, thread_id, temporary=temporary)
    ids = [f"{run_id}/{step}" for step in range(3)]
    stored: list[Exception | None] = []
    entry = Entry(
        [CheckpointRow(thread_id, "", id_, None, run_id, "msgpack", b"", b"{}") for id_ in ids],
        [WriteRow(thread_id, "", id_, "task", "", 0, "n", run_id, "msgpack", b"") for id_ in ids],
        Flight(),
        stored.append,
    )
    CheckpointWriter(storage.engine).submit(entry)
    assert stored == [None]
    await storage.finish_run(run_id, RunStatus.SUCCESS, DONE, cause=Cause.GRAPH)


async def test_a_stateless_run(storage: SqliteStorage) -> None:
    with statements(storage) as executed:
        await _run(storage, str(uuid4()), temporary=True)
    assert len(executed) <= 16, executed


async def test_a_run_on_a_thread(storage: SqliteStorage) -> None:
    thread_id = str(uuid4())
    await _run(storage, thread_id, temporary=False)
    with statements(storage) as executed:
        await _run(storage, thread_id, temporary=False)
    assert len(executed) <= 18, executed


async def test_a_run_that_had_to_wait(storage: SqliteStorage) -> None:
    thread_id = str(uuid4())
    first = await _create(storage, thread_id, temporary=False)
    second = await _create(storage, thread_id, temporary=False)
    await storage.finish_run(first, RunStatus.SUCCESS, DONE, cause=Cause.GRAPH)
    with statements(storage) as executed:
        claimed = await storage.claim_next(thread_id)
    assert claimed is not None
    assert claimed.run_id == second
    assert len(executed) <= 7, executed


async def test_runs_that_share_a_transaction_add_only_their_own_statements(
    tmp_path: Path,
) -> None:
    async with open_sqlite(str(tmp_path / "lgtrio.db")) as storage:
        with statements(storage) as executed:
            async with trio.open_nursery() as nursery:
                with held_writer(storage.engine):
                    for _ in range(10):
                        nursery.start_soon(partial(_create, storage, str(uuid4()), temporary=True))
                    await wait_all_tasks_blocked()
        assert executed.count("BEGIN IMMEDIATE") == 2  # of the holder, of the ten
        assert len(executed) <= 3 + 2 + 10 * 5, executed
