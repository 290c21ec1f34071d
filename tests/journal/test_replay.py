"""Whatever happens to runs, their journal tells it: its lines lead to what is stored."""

# ruff: noqa: ARG001 - pytest-trio looks for the clock among a test's own arguments

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from lgtrio.errors import NotFound
from lgtrio.runs.journal import Journal, JournalReader
from lgtrio.runs.machine import LEGAL
from lgtrio.runs.streams import StreamCut
from lgtrio.storage.interface import Cause, JournalLine, RunRecord, Storage
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction, RunStatus
from support.scripted import Bench, bench, new_run

THREADS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(2)]
STRATEGIES = ("enqueue", "interrupt", "rollback")
SCRIPTS = ([["sleep", 3]], [["emit", 1], ["fail"]], [["stubborn", 2]], [["emit", 1]])

creates = st.tuples(
    st.just("create"),
    st.sampled_from(THREADS),
    st.sampled_from(STRATEGIES),
    st.sampled_from(SCRIPTS),
)
cancels = st.tuples(st.just("cancel"), st.integers(0, 3), st.sampled_from(CancelAction))
leaves = st.tuples(st.just("leave"), st.integers(0, 3))
sleeps = st.tuples(st.just("sleep"), st.floats(0, 4))
histories = st.lists(creates | cancels | leaves | sleeps, max_size=20)


async def live_through(b: Bench, history: Sequence[tuple[object, ...]]) -> list[RunRecord]:
    runs: list[RunRecord] = []
    async with trio.open_nursery() as nursery:
        for operation in history:
            match operation:
                case ("create", str(thread_id), str(strategy), list(script)):
                    runs.append(await b.submit(new_run(thread_id, *script, strategy=strategy)))
                case ("cancel", int(pick), CancelAction() as action) if runs:
                    nursery.start_soon(_cancel, b, runs[-1 - pick % len(runs)], action)
                case ("leave", int(pick)) if runs:
                    b.supervisor.stopper.disconnected(runs[-1 - pick % len(runs)].run_id)
                case ("sleep", float(seconds)):
                    await trio.sleep(seconds)
    await b.ended(*(run.run_id for run in runs))
    return runs


async def _cancel(b: Bench, run: RunRecord, action: CancelAction) -> None:
    try:
        await b.supervisor.stopper.cancel(
            run.thread_id, [run.run_id], action=action, wait=True, actor="me"
        )
    except NotFound:
        return  # it has ended or is gone


def replay(lines: Sequence[JournalLine]) -> RunStatus | None:
    status = None
    for line in lines:
        assert line.from_status is status
        assert line.to_status in LEGAL[status]
        status = line.to_status
    return status


def check_stops(lines: Sequence[JournalLine]) -> None:
    for line in lines:
        stopped = line.from_status is RunStatus.RUNNING and line.cause is not Cause.GRAPH
        assert (line.asked is not None) == stopped
        if line.asked is not None:
            assert 0 <= line.monotonic - line.asked < 2.001, "only a stubborn run lasts longer"


@given(history=histories)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
async def test_lines_lead_to_what_is_stored(
    autojump_clock: MockClock, history: list[tuple[object, ...]]
) -> None:
    async with open_sqlite(":memory:", inline=True) as storage, bench(storage) as b:
        runs = await live_through(b, history)
        whole = await storage.journal()
        assert [line.seq for line in whole] == list(range(1, len(whole) + 1))
        assert [line.monotonic for line in whole] == sorted(line.monotonic for line in whole)
        for run in runs:
            lines = await storage.journal(run_id=run.run_id)
            assert replay(lines) == await b.status(run.run_id)
            check_stops(lines)


@pytest.fixture
async def storage() -> object:
    async with open_sqlite(":memory:", inline=True) as storage:
        yield storage


async def test_a_stop_that_took_time_says_how_long(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage) as b:
        run = await b.submit(new_run(THREADS[0], ["stubborn", 2]))
        await trio.sleep(0.5)
        await _cancel(b, run, CancelAction.INTERRUPT)
        last = (await storage.journal(run_id=run.run_id))[-1]
        assert last.asked is not None
        assert last.monotonic - last.asked == pytest.approx(1.5)
        assert (last.cause, last.actor) == (Cause.CLIENT, "me")


async def test_a_deadline_counts_from_itself(autojump_clock: MockClock, storage: Storage) -> None:
    async with bench(storage, run_timeout=1) as b:
        run = await b.submit(new_run(THREADS[0], ["stubborn", 3]))
        await b.ended(run.run_id)
        _, started, ended = await storage.journal(run_id=run.run_id)
        assert ended.asked == pytest.approx(started.monotonic + 1)
        assert ended.monotonic == pytest.approx(started.monotonic + 3)
        assert ended.cause is Cause.DEADLINE


async def test_the_displaced_run_names_the_one_that_came(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage) as b:
        first = await b.submit(new_run(THREADS[0], ["sleep", 9]))
        second = await b.submit(new_run(THREADS[0], strategy="rollback"))
        await b.ended(second.run_id)
        last = (await storage.journal(run_id=first.run_id))[-1]
        assert (last.to_status, last.cause, last.actor) == (None, Cause.DISPLACED, second.run_id)


async def test_a_failure_is_named_by_its_class_alone(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage) as b:
        run = await b.submit(new_run(THREADS[0], ["fail"]))
        await b.ended(run.run_id)
        last = (await storage.journal(run_id=run.run_id))[-1]
        assert (last.to_status, last.cause, last.actor) == ("error", Cause.GRAPH, "ValueError")


async def test_a_reader_goes_on_where_it_was_however_slow_it_is(
    autojump_clock: MockClock, storage: Storage
) -> None:
    reader = JournalReader(Journal(storage), 1)
    async with bench(storage) as b:
        for _ in range(200):
            run = await b.submit(new_run(THREADS[0]))
            await b.ended(run.run_id)
        pages = [await reader.receive() for _ in range(2)]
    assert [len(page) for page in pages] == [500, 99]
    assert [line.seq for page in pages for line in page] == list(range(2, 601))


async def test_a_shutdown_is_told_before_those_who_follow_are_cut_off(
    autojump_clock: MockClock, storage: Storage
) -> None:
    journal = Journal(storage)
    reader = JournalReader(journal, 0)
    seen: list[JournalLine] = []

    async def follow() -> None:
        try:
            while True:
                seen.extend(await reader.receive())
        except StreamCut:
            return

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, bench(storage, shutdown_grace=1) as b:
            nursery.start_soon(follow)
            run = await b.submit(new_run(THREADS[0], ["sleep", 9]))
            await trio.sleep(0.5)
            await b.supervisor.shut_down()
            journal.break_off()
    assert [line.to_status for line in seen] == ["pending", "running", "pending"]
    assert seen[-1].cause is Cause.SHUTDOWN
    assert seen[-1].run_id == run.run_id
