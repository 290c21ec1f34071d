"""Threads expire, in virtual time: when, how, and no more at once than others can bear."""

# ruff: noqa: ARG001 - pytest-trio looks for the clock among a test's own arguments

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock

from lgtrio.errors import StorageUnavailable
from lgtrio.langgraph_json import examine_langgraph_json
from lgtrio.langgraph_ttl import ThreadLifetimes
from lgtrio.runs.lanes import admit
from lgtrio.runs.sweeps import sweep, sweep_threads
from lgtrio.runs.thread_streams import ThreadStreams
from lgtrio.storage.interface import (
    Cause,
    CheckpointRow,
    NewRun,
    NewThread,
    ThreadOutcome,
    ThreadTtl,
)
from lgtrio.storage.sqlite import SqliteStorage, expiry, open_sqlite
from lgtrio.storage.sqlite.checkpoint_rows import put_checkpoints
from lgtrio.wire.enums import (
    KeepStrategy,
    MultitaskStrategy,
    RunStatus,
    ThreadStatus,
    ThreadStreamMode,
)

T = str(UUID(int=1, version=4))
MINUTE = 60.0
IDLE = ThreadOutcome(rest_status=ThreadStatus.IDLE, values=b"{}")
KEEP = ThreadTtl(10, KeepStrategy.KEEP_LATEST)


def now() -> str:
    """The wall clock that goes with Trio's."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (start + timedelta(seconds=trio.current_time())).isoformat(timespec="microseconds")


@pytest.fixture
async def storage() -> AsyncIterator[SqliteStorage]:
    async with open_sqlite(":memory:", inline=True, now=now) as storage:
        yield storage


@pytest.fixture
async def swept(storage: SqliteStorage, nursery: trio.Nursery) -> SqliteStorage:
    """A storage that is swept every minute."""
    sweep = partial(sweep_threads, storage, MINUTE, on_deleted=lambda _thread_id: None)
    nursery.start_soon(sweep)
    return storage


async def created(
    storage: SqliteStorage, thread_id: str = T, *, ttl: ThreadTtl | None = None
) -> None:
    await storage.create_thread(NewThread(thread_id, ttl=ttl))


async def exists(storage: SqliteStorage, thread_id: str = T) -> bool:
    return await storage.get_thread(thread_id) is not None


async def run_created(
    storage: SqliteStorage, thread_id: str = T, *, temporary: bool = False
) -> str:
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


async def with_checkpoints(storage: SqliteStorage, thread_id: str, count: int) -> None:
    rows = [
        CheckpointRow(thread_id, "", f"{number:06}", None, None, "msgpack", b"", b"{}")
        for number in range(count)
    ]
    await storage.engine.write(lambda connection: put_checkpoints(connection, rows))


async def checkpoints(storage: SqliteStorage, thread_id: str = T) -> int:
    return (await storage.thread_usage(thread_id)).checkpoints


async def test_quirk_13_a_thread_is_deleted_when_its_time_is_over(
    autojump_clock: MockClock, swept: SqliteStorage
) -> None:
    await created(swept, ttl=ThreadTtl(10))
    await created(swept, str(uuid4()))
    await with_checkpoints(swept, T, 3)
    await trio.sleep(9.9 * MINUTE)
    assert await exists(swept)
    await trio.sleep(1.2 * MINUTE)
    assert not await exists(swept)
    assert await checkpoints(swept) == 0


async def test_who_follows_a_thread_hears_that_it_has_expired(
    autojump_clock: MockClock, storage: SqliteStorage, nursery: trio.Nursery
) -> None:
    await created(storage, ttl=ThreadTtl(1))
    kept = str(uuid4())
    await created(storage, kept, ttl=ThreadTtl(1, KeepStrategy.KEEP_LATEST))
    threads = ThreadStreams(storage)
    modes = frozenset({ThreadStreamMode.RUN_MODES})
    follower, other = [await threads.follow(each, modes, running=[]) for each in (T, kept)]
    told = threads.thread_deleted
    nursery.start_soon(partial(sweep_threads, storage, MINUTE, on_deleted=told))
    with trio.fail_after(3 * MINUTE), pytest.raises(trio.EndOfChannel):
        await follower.receive()
    with trio.move_on_after(3 * MINUTE) as waiting:
        await other.receive()
    assert waiting.cancelled_caught


async def test_threads_without_a_ttl_stay(autojump_clock: MockClock, swept: SqliteStorage) -> None:
    await created(swept)
    await trio.sleep(1000 * MINUTE)
    assert await exists(swept)


async def test_every_change_starts_the_time_anew(
    autojump_clock: MockClock, swept: SqliteStorage
) -> None:
    await created(swept, ttl=ThreadTtl(10))
    for _ in range(5):
        await trio.sleep(8 * MINUTE)
        await swept.patch_thread(T, b"{}")
    stored = await swept.thread_ttl(T)
    assert stored is not None
    assert stored.expires_at == (datetime.fromisoformat(now()) + timedelta(minutes=10)).isoformat(
        timespec="microseconds"
    )
    await trio.sleep(12 * MINUTE)
    assert not await exists(swept)


async def test_a_run_keeps_its_thread(autojump_clock: MockClock, swept: SqliteStorage) -> None:
    await created(swept, ttl=ThreadTtl(10))
    run_id = await run_created(swept)
    await trio.sleep(100 * MINUTE)
    assert await exists(swept)
    await swept.finish_run(run_id, RunStatus.SUCCESS, IDLE, cause=Cause.GRAPH)
    await trio.sleep(9 * MINUTE)
    assert await exists(swept)
    await trio.sleep(12 * MINUTE)
    assert not await exists(swept)
    line = (await swept.journal(run_id=run_id))[-1]
    assert (line.to_status, line.cause) == (None, Cause.EXPIRED)


async def test_keep_latest_prunes_again_and_again(
    autojump_clock: MockClock, swept: SqliteStorage
) -> None:
    await created(swept, ttl=KEEP)
    await swept.set_thread_state(T, IDLE)
    for _ in range(3):
        await with_checkpoints(swept, T, 5)
        await trio.sleep(25 * MINUTE)
        assert await exists(swept)
        assert await checkpoints(swept) == 1


async def test_a_new_ttl_replaces_the_old(autojump_clock: MockClock, swept: SqliteStorage) -> None:
    await created(swept, ttl=ThreadTtl(10))
    await swept.patch_thread(T, b"{}", ttl=ThreadTtl(100))
    await trio.sleep(50 * MINUTE)
    assert await exists(swept)
    await trio.sleep(60 * MINUTE)
    assert not await exists(swept)


async def test_what_all_threads_get(autojump_clock: MockClock) -> None:
    async with open_sqlite(":memory:", inline=True, now=now, default_ttl=KEEP) as storage:
        await created(storage)
        own, made_by_run, temporary = (str(uuid4()) for _ in range(3))
        await created(storage, own, ttl=ThreadTtl(3))
        await run_created(storage, made_by_run)
        await run_created(storage, temporary, temporary=True)
        ttls = [await storage.thread_ttl(each) for each in (T, own, made_by_run, temporary)]
        assert [each and each.ttl for each in ttls] == [KEEP, ThreadTtl(3), KEEP, None]


async def test_steps_are_small_and_all_are_taken(
    autojump_clock: MockClock, storage: SqliteStorage
) -> None:
    for _ in range(30):
        thread_id = str(uuid4())
        await created(storage, thread_id, ttl=ThreadTtl(1))
        await with_checkpoints(storage, thread_id, 100)
    await trio.sleep(2 * MINUTE)
    gone = []
    while True:
        expired = await storage.expire_threads()
        gone.append(len(expired.deleted))
        assert len(expired.deleted) * 100 < expiry._ROWS + 200
        if not expired.more:
            break
    assert sum(gone) == 30
    assert len(gone) >= 3
    assert (await storage.expire_threads()).deleted == []


async def test_a_sweep_goes_on_after_a_failure(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    calls: list[float] = []

    async def step() -> bool:
        calls.append(trio.current_time())
        if len(calls) == 1:
            raise StorageUnavailable("not now")
        return len(calls) < 4

    async def run() -> None:
        await sweep("things", step, interval=MINUTE)

    start = trio.current_time()
    nursery.start_soon(run)
    await trio.sleep(1.5 * MINUTE)
    passed = [round(each - start) for each in calls]
    assert passed == [0, 60, 60, 60]


# -- langgraph.json ----------------------------------------------------------------------------


def lifetimes(folder: Path, ttl: object) -> tuple[ThreadLifetimes, list[str]]:
    file = folder / "langgraph.json"
    file.write_text(json.dumps({"graphs": {"g": "./g.py:g"}, "checkpointer": {"ttl": ttl}}))
    config, problems = examine_langgraph_json(file)
    assert config.warnings == []
    return config.threads, [str(each) for each in problems]


def test_the_configuration_is_read(tmp_path: Path) -> None:
    ttl = {"strategy": "keep_latest", "default_ttl": 10, "sweep_interval_minutes": 2}
    assert lifetimes(tmp_path, ttl) == (ThreadLifetimes(KEEP, 2), [])
    assert lifetimes(tmp_path, {"default_ttl": 3}) == (ThreadLifetimes(ThreadTtl(3)), [])
    assert lifetimes(tmp_path, {"strategy": "delete"}) == (ThreadLifetimes(), [])
    assert lifetimes(tmp_path, None) == (ThreadLifetimes(), [])


@pytest.mark.parametrize(
    "ttl",
    [
        5,
        {"strategy": "forget"},
        {"default_ttl": 0},
        {"default_ttl": "10"},
        {"default_ttl": True},
        {"sweep_interval_minutes": -1},
    ],
)
def test_mistakes_in_the_configuration_are_named(tmp_path: Path, ttl: object) -> None:
    _, (problem,) = lifetimes(tmp_path, ttl)
    assert "checkpointer.ttl" in problem
