"""The clock in virtual time, on real SQLite whose writer runs inline."""

# ruff: noqa: ARG001 - a test has a clock of its own by naming it

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from attrs import evolve
from orjson import loads
from structlog.testing import capture_logs
from trio.testing import MockClock

from lgtrio.errors import StorageUnavailable
from lgtrio.runs.crons import CronClock
from lgtrio.storage.interface import CronRecord, NewThread, RunRecord
from lgtrio.storage.sqlite import SqliteStorage, open_sqlite
from lgtrio.wire.assistants import default_assistant
from lgtrio.wire.converter import structure
from lgtrio.wire.crons import CronCreate, CronPatch, new_cron, patched
from lgtrio.wire.times import iso
from support.scripted import Bench, ScriptedExecutor, bench

START = datetime(2026, 1, 1, tzinfo=UTC)
T = "11111111-1111-4111-8111-111111111111"
ASSISTANT = default_assistant("scripted", None, iso(START))


def now() -> datetime:
    """The wall clock that goes with Trio's."""
    return START + timedelta(seconds=trio.current_time())


def now_text() -> str:
    return iso(now())


@pytest.fixture
async def storage(autojump_clock: MockClock) -> AsyncIterator[SqliteStorage]:
    async with open_sqlite(":memory:", inline=True, now=now_text) as storage:
        await storage.ensure_assistant(ASSISTANT)
        await storage.create_thread(NewThread(T, b'{"of":"thread"}'))
        yield storage


@pytest.fixture
async def b(storage: SqliteStorage) -> AsyncIterator[Bench]:
    async with bench(storage, now=now) as b:
        yield b


@pytest.fixture
async def clock(b: Bench) -> CronClock:
    clock = CronClock(b.supervisor, now)
    b.supervisor.nursery.start_soon(clock.watch)
    return clock


async def made(storage: SqliteStorage, thread_id: str | None = T, **fields: Any) -> CronRecord:
    body = {"assistant_id": "scripted", "schedule": "* * * * *", **fields}
    parsed = structure(CronCreate, body)
    cron = new_cron(
        parsed, body, assistant_id=ASSISTANT.assistant_id, thread_id=thread_id, at=now_text()
    )
    return await storage.create_cron(cron)


async def change(storage: SqliteStorage, cron: CronRecord, **fields: Any) -> None:
    parsed = structure(CronPatch, fields)
    await storage.update_cron(cron.cron_id, lambda old: patched(old, parsed, fields, now_text()))


async def runs(storage: SqliteStorage, thread_id: str = T) -> list[RunRecord]:
    """Oldest first."""
    found = await storage.list_runs(thread_id, limit=1000, offset=0, status=None)
    return list(reversed(found))


def minutes(found: list[RunRecord]) -> list[float]:
    """When they were created, in minutes from the start."""
    times = (datetime.fromisoformat(run.created_at) for run in found)
    return [(time - START) / timedelta(minutes=1) for time in times]


# -- firing --------------------------------------------------------------------------------


async def test_a_cron_fires_at_its_times(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    cron = await made(storage, metadata={"m": 1}, input=[["emit", 7]])
    clock.look_again()
    await trio.sleep(3.5 * 60)
    found = await runs(storage)
    assert minutes(found) == [1, 2, 3]
    assert [run.status for run in found] == ["success"] * 3
    stored = await storage.get_cron(cron.cron_id)
    assert stored is not None
    assert stored.next_run_date == "2026-01-01T00:04:00.000000+00:00"
    assert stored.updated_at == cron.updated_at
    [run, *_] = found
    assert loads(run.metadata) == {
        "created_by": "system",
        "of": "thread",
        "m": 1,
        "graph_id": "scripted",
        "assistant_id": ASSISTANT.assistant_id,
    }
    configurable = loads(run.kwargs)["config"]["configurable"]
    assert configurable["cron_id"] == cron.cron_id
    assert configurable["langgraph_request_id"] is None
    assert configurable["langgraph_auth_user"] == {
        "identity": "",
        "is_authenticated": True,
        "display_name": "",
    }
    journal = await storage.journal(run_id=run.run_id)
    assert journal[0].cause == "scheduler"
    assert journal[0].actor == f"cron {cron.cron_id}, due 2026-01-01T00:01:00.000000+00:00"


async def test_stateless_crons_make_threads_and_delete_or_keep_them(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock, b: Bench
) -> None:
    kept = await made(storage, None, metadata={"m": 1}, on_run_completed="keep")
    deleted = await made(storage, None, input=[["sleep", 30]])
    clock.look_again()
    await trio.sleep(61)
    assert len(b.supervisor.executing) == 1  # that of the cron that deletes
    await trio.sleep(60)
    lines = await storage.journal()
    threads = {line.actor: line.thread_id for line in lines if "due" in str(line.actor)}
    assert len(threads) == 4
    assert len(set(threads.values())) == 4
    for actor, thread_id in threads.items():
        assert actor is not None
        thread = await storage.get_thread(thread_id)
        if kept.cron_id in actor:
            assert thread is not None
            assert loads(thread.metadata)["m"] == 1
        else:
            assert deleted.cron_id in actor
            assert (thread is None) == ("00:01" in actor)  # the second still runs


async def test_context_and_cron_id_go_together(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    await made(storage, context={"tone": "kind"}, config={"tags": ["t"]})
    clock.look_again()
    await trio.sleep(61)
    [run] = await runs(storage)
    kwargs = loads(run.kwargs)
    assert kwargs["context"]["tone"] == "kind"
    assert kwargs["config"]["tags"] == ["t"]


async def test_reject_skips_a_busy_thread_and_the_cron_moves_on(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    await made(storage, multitask_strategy="reject", input=[["sleep", 90]])
    clock.look_again()
    await trio.sleep(4.5 * 60)
    assert minutes(await runs(storage)) == [1, 3]


async def test_interrupt_displaces(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    await made(storage, multitask_strategy="interrupt", input=[["sleep", 90]])
    clock.look_again()
    await trio.sleep(2.5 * 60)
    assert [run.status for run in await runs(storage)] == ["interrupted", "running"]


async def test_what_was_missed_fires_once(
    autojump_clock: MockClock, storage: SqliteStorage, b: Bench
) -> None:
    await made(storage)
    await trio.sleep(10.5 * 60)  # nobody watches
    b.supervisor.nursery.start_soon(CronClock(b.supervisor, now).watch)
    await trio.sleep(60)
    assert minutes(await runs(storage)) == [10.5, 11]


async def test_a_cron_made_while_the_clock_waits_for_a_later_one(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    await made(storage, schedule="0 0 1 1 *")
    await trio.sleep(0.5)
    await made(storage, schedule="* * * * * */5")
    clock.look_again()
    await trio.sleep(11)
    assert minutes(await runs(storage)) == [5 / 60, 10 / 60]


async def test_the_wall_clock_may_jump(
    autojump_clock: MockClock, storage: SqliteStorage, b: Bench
) -> None:
    ahead = timedelta()
    clock = CronClock(b.supervisor, lambda: now() + ahead)
    b.supervisor.nursery.start_soon(clock.watch)
    await made(storage, schedule="0 0 * * *")
    await trio.sleep(1)
    ahead = timedelta(days=1)
    await trio.sleep(60)
    assert len(await runs(storage)) == 1


# -- pausing, ending, deleting -------------------------------------------------------------


async def test_a_disabled_cron_never_fires_and_does_not_make_up_for_it(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    cron = await made(storage, enabled=False)
    assert cron.next_run_date == "2026-01-01T00:01:00.000000+00:00"
    await trio.sleep(5.5 * 60)
    assert await runs(storage) == []
    stored = await storage.get_cron(cron.cron_id)
    assert stored is not None
    assert stored.next_run_date == cron.next_run_date
    await change(storage, cron, enabled=True)
    clock.look_again()
    await trio.sleep(60)
    assert minutes(await runs(storage)) == [6]
    await change(storage, cron, enabled=False)
    await trio.sleep(5 * 60)
    assert minutes(await runs(storage)) == [6]


async def test_quirk_33_a_cron_fires_until_its_end_and_others_are_not_affected(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    ending = await made(storage, end_time="2026-01-01T00:02:00Z")
    other = await made(storage, None, on_run_completed="keep")
    clock.look_again()
    await trio.sleep(4.5 * 60)
    assert minutes(await runs(storage)) == [1, 2]
    actors = [str(line.actor) for line in await storage.journal() if line.from_status is None]
    assert sum(other.cron_id in actor for actor in actors) == 4
    await change(storage, ending, end_time=None)
    clock.look_again()
    await trio.sleep(60)
    assert len(await runs(storage)) > 2


async def test_an_end_in_the_past_never_fires(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    await made(storage, end_time="2020-01-01T00:00:00Z")
    clock.look_again()
    await trio.sleep(5 * 60)
    assert await runs(storage) == []


async def test_a_new_schedule_counts_from_now(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock
) -> None:
    cron = await made(storage, schedule="0 0 * * *")
    await trio.sleep(90)
    await change(storage, cron, schedule="*/3 * * * *")
    clock.look_again()
    await trio.sleep(2 * 60)
    assert minutes(await runs(storage)) == [3]


async def test_crons_go_with_their_thread_and_with_their_assistant(
    autojump_clock: MockClock, storage: SqliteStorage, clock: CronClock, b: Bench
) -> None:
    of_thread, of_assistant = await made(storage), await made(storage, None)
    await b.supervisor.stopper.delete_thread(T)
    assert await storage.get_cron(of_thread.cron_id) is None
    assert await storage.get_cron(of_assistant.cron_id) is not None
    await storage.delete_assistant(ASSISTANT.assistant_id)
    assert await storage.get_cron(of_assistant.cron_id) is None
    await trio.sleep(5 * 60)
    assert await storage.journal() == []


# -- trouble -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "becomes", "level"),
    [(b'"schedule"', b'"stream_mode"', "warning"), (b'"config"', b'"unknown"', "error")],
    ids=["a field of runs has a wrong value", "a part of ours is missing"],
)
async def test_a_cron_that_cannot_run_does_not_hold_up_the_others(
    autojump_clock: MockClock,
    storage: SqliteStorage,
    clock: CronClock,
    was: bytes,
    becomes: bytes,
    level: str,
) -> None:
    broken = await made(storage, None)
    await storage.update_cron(  # as a later version of this code might find it
        broken.cron_id, lambda cron: evolve(cron, payload=cron.payload.replace(was, becomes))
    )
    await made(storage)
    clock.look_again()
    with capture_logs() as logs:
        await trio.sleep(2.5 * 60)
    assert minutes(await runs(storage)) == [1, 2]
    assert [(log["log_level"], log["cron_id"]) for log in logs] == [(level, broken.cron_id)] * 2
    stored = await storage.get_cron(broken.cron_id)
    assert stored is not None
    assert stored.next_run_date == "2026-01-01T00:03:00.000000+00:00"


async def test_a_database_that_fails_is_asked_again(
    autojump_clock: MockClock,
    storage: SqliteStorage,
    b: Bench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    due_crons = SqliteStorage.due_crons
    left = [StorageUnavailable("gone"), StorageUnavailable("gone")]

    async def sometimes(self: SqliteStorage, at: str, *, limit: int) -> Any:
        if left:
            raise left.pop()
        return await due_crons(self, at, limit=limit)

    monkeypatch.setattr(SqliteStorage, "due_crons", sometimes)
    await made(storage)
    b.supervisor.nursery.start_soon(CronClock(b.supervisor, now).watch)
    await trio.sleep(61)
    assert minutes(await runs(storage)) == [1]


async def test_a_cron_changed_while_it_fires_makes_no_run_of_what_it_was(
    autojump_clock: MockClock,
    storage: SqliteStorage,
    b: Bench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cron = await made(storage)
    get_assistant = SqliteStorage.get_assistant

    async def meanwhile(self: SqliteStorage, assistant_id: str) -> Any:
        monkeypatch.undo()
        await change(storage, cron, schedule="0 0 * * *")
        return await get_assistant(self, assistant_id)

    monkeypatch.setattr(SqliteStorage, "get_assistant", meanwhile)
    b.supervisor.nursery.start_soon(CronClock(b.supervisor, now).watch)
    await trio.sleep(5 * 60)
    assert await runs(storage) == []


async def test_a_server_that_stops_fires_no_more(
    autojump_clock: MockClock, storage: SqliteStorage
) -> None:
    async with bench(storage, ScriptedExecutor(), now=now) as b:
        b.supervisor.nursery.start_soon(CronClock(b.supervisor, now).watch)
        await made(storage)
        await b.supervisor.shut_down()
        await trio.sleep(5 * 60)
    assert await runs(storage) == []
    async with bench(storage, ScriptedExecutor(), now=now) as b:
        b.supervisor.nursery.start_soon(CronClock(b.supervisor, now).watch)
        await trio.sleep(1)
        assert len(await runs(storage)) == 1
