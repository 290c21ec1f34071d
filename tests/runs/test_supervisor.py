"""The supervisor in virtual time, on real SQLite whose writer runs inline.

Every test asks for the clock itself: pytest-trio does not look for it behind other fixtures.
"""

# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from lgtrio.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ShuttingDown,
    StorageError,
    ThreadBusy,
)
from lgtrio.runs.executor import (
    ErrorInfo,
    GraphEnd,
    GraphOutcome,
    LastWrites,
    LastWritesFailed,
    RunSink,
)
from lgtrio.runs.frames import Selection
from lgtrio.runs.handles import RunHandle
from lgtrio.runs.streams import StreamCut
from lgtrio.storage.interface import Cause, RunRecord, Storage
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction
from lgtrio.wire.ids import new_id
from lgtrio.wire.times import iso
from support.scripted import Bench, ScriptedExecutor, bench, new_run, read_all

T = "11111111-1111-4111-8111-111111111111"
U = "22222222-2222-4222-8222-222222222222"
INTERRUPT = CancelAction.INTERRUPT
ROLLBACK = CancelAction.ROLLBACK


@pytest.fixture
async def storage() -> AsyncIterator[Storage]:
    async with open_sqlite(":memory:", inline=True) as storage:
        yield storage


@pytest.fixture
async def b(storage: Storage) -> AsyncIterator[Bench]:
    async with bench(storage) as b:
        yield b


async def causes(b: Bench, run_id: str) -> list[tuple[str | None, str | None, Cause]]:
    lines = await b.storage.journal(run_id=run_id)
    return [(line.from_status, line.to_status, line.cause) for line in lines]


# -- the plain life of a run ---------------------------------------------------------------


async def test_a_run_succeeds_and_its_thread_rests(autojump_clock: MockClock, b: Bench) -> None:
    run = await b.submit(new_run(T, ["sleep", 1], ["emit", 7]))
    assert run.status == "pending"
    assert await b.status(run.run_id) == "running"
    assert await b.thread_status(T) == "busy"
    assert await b.supervisor.following.join(run) == b'{"seen":[7]}'
    assert await b.status(run.run_id) == "success"
    assert await b.thread_status(T) == "idle"
    assert [(old, new) for old, new, _ in await causes(b, run.run_id)] == [
        (None, "pending"),
        ("pending", "running"),
        ("running", "success"),
    ]


async def test_a_failed_run_tells_its_error_everywhere(autojump_clock: MockClock, b: Bench) -> None:
    submitted = await b.supervisor.submit(
        new_run(T, ["emit", 1], ["fail"]), thread=_thread(T), follow=True
    )
    assert submitted.subscription is not None
    text = await read_all(submitted.subscription)
    error = b'{"error":"ValueError","message":"boom"}'
    assert text.endswith(b"event: error\r\ndata: " + error + b"\r\n\r\n")
    assert await b.supervisor.following.join(submitted.run) == b'{"__error__":' + error + b"}"
    thread = await b.storage.get_thread(T)
    assert thread is not None
    assert (thread.status, thread.error) == ("error", error)
    again = await b.storage.get_run(submitted.run.run_id)
    assert again is not None
    assert await b.supervisor.following.join(again) == b'{"__error__":' + error + b"}"


async def test_an_executor_that_raises_ends_its_run_and_nothing_else(
    autojump_clock: MockClock, b: Bench
) -> None:
    broken = await b.submit(new_run(T, ["crash"]))
    other = await b.submit(new_run(U, ["sleep", 5], ["emit", 1]))
    await b.ended(broken.run_id, other.run_id)
    assert await b.status(broken.run_id) == "error"
    assert await b.status(other.run_id) == "success"


@pytest.mark.parametrize("readable", [True, False])
async def test_a_run_whose_last_write_fails_ends_with_an_error(
    storage: Storage, readable: bool
) -> None:
    """On the real clock: what the run has left is read in a worker thread."""

    def lost(_connection: Any, **_: bool) -> None:
        raise LastWritesFailed from StorageError("broken")

    def left() -> GraphOutcome:
        if not readable:
            raise RuntimeError("this too")
        error = ErrorInfo("StorageError", "broken")
        return GraphOutcome(GraphEnd.FAILED, b'{"kept":1}', error=error)

    class LosingExecutor(ScriptedExecutor):
        async def execute(self, _run: RunRecord, sink: RunSink) -> GraphOutcome:
            outcome = GraphOutcome(
                GraphEnd.FINISHED, b'{"lost":1}', last_writes=LastWrites(lost, left)
            )
            sink.ended(outcome)
            return outcome

    async with bench(storage, executor=LosingExecutor()) as b:
        run = await b.submit(new_run(T), follow=False)
        answer = await b.supervisor.following.join(run)
        assert answer == b'{"__error__":{"error":"StorageError","message":"broken"}}'
        assert await b.status(run.run_id) == "error"
        thread = await storage.get_thread(T)
        assert thread is not None
        assert thread.values == (b'{"kept":1}' if readable else None)


async def test_an_error_that_is_in_the_log_already_is_not_followed_by_another(
    storage: Storage,
) -> None:
    """A run that our own failure has ended, and whose last writes fail as well."""

    def lost(_connection: Any, **_: bool) -> None:
        raise LastWritesFailed from StorageError("broken")

    class FailingExecutor(ScriptedExecutor):
        async def execute(self, _run: RunRecord, sink: RunSink) -> GraphOutcome:
            assert isinstance(sink, RunHandle)
            sink.fail(ErrorInfo("StorageError", "the first"))
            last = LastWrites(lost, lambda: GraphOutcome(GraphEnd.FAILED, b'{"kept":1}'))
            outcome = GraphOutcome(GraphEnd.FINISHED, b'{"lost":1}', last_writes=last)
            sink.ended(outcome)
            return outcome

    async with bench(storage, executor=FailingExecutor()) as b:
        run = await b.submit(new_run(T, resumable=True))
        await b.supervisor.following.join(run)
        frames = await storage.read_frames(run.run_id, after=0)
        assert [frame.event for frame in frames] == ["metadata", "error"]
        assert b"the first" in frames[-1].data
        thread = await storage.get_thread(T)
        assert thread is not None
        assert thread.values == b'{"kept":1}'


async def test_a_temporary_run_takes_its_thread_along(autojump_clock: MockClock, b: Bench) -> None:
    run = await b.submit(new_run(T, ["emit", 1], temporary=True))
    assert await b.supervisor.following.join(run) == b'{"seen":[1]}'
    assert await b.storage.get_thread(T) is None
    assert await b.storage.get_run(run.run_id) is None


# -- lanes ---------------------------------------------------------------------------------


async def test_enqueued_runs_start_in_order_and_never_overlap(
    autojump_clock: MockClock, b: Bench
) -> None:
    runs = [await b.submit(new_run(T, ["sleep", 1])) for _ in range(5)]
    await b.ended(runs[-1].run_id)
    assert b.executor.order() == [run.run_id for run in runs]
    assert [await b.status(run.run_id) for run in runs] == ["success"] * 5


async def test_a_failing_run_does_not_stop_the_queue(autojump_clock: MockClock, b: Bench) -> None:
    first = await b.submit(new_run(T, ["sleep", 1], ["fail"]))
    second = await b.submit(new_run(T, ["emit", 2]))
    await b.ended(first.run_id, second.run_id)
    assert await b.status(second.run_id) == "success"
    assert await b.thread_status(T) == "idle"


async def test_reject_stores_nothing(autojump_clock: MockClock, b: Bench) -> None:
    first = await b.submit(new_run(T, ["sleep", 1]))
    rejected = new_run(T, strategy="reject")
    with pytest.raises(ThreadBusy):
        await b.submit(rejected)
    assert await b.status(rejected.run_id) is None
    await b.ended(first.run_id)
    assert await b.status(first.run_id) == "success"


async def test_quirk_24_interrupt_displaces_the_whole_lane_of_a_busy_thread(
    autojump_clock: MockClock, b: Bench
) -> None:
    first = await b.submit(new_run(T, ["emit", 1], ["stubborn", 9]))
    await wait_all_tasks_blocked()
    second = await b.submit(new_run(T, ["emit", 2], strategy="interrupt"))
    third = await b.submit(new_run(T, ["emit", 3], strategy="interrupt"))
    assert await b.status(second.run_id) == "interrupted"
    assert await b.thread_status(T) == "busy"
    await b.ended(third.run_id)
    assert await b.status(first.run_id) == "interrupted"
    assert await b.status(third.run_id) == "success"
    assert b.executor.order() == [first.run_id, third.run_id]
    # Displaced by the first to ask; the pending one by the run that came after it.
    assert (await causes(b, first.run_id))[-1][2] == Cause.DISPLACED
    assert (await b.storage.journal(run_id=first.run_id))[-1].actor == second.run_id
    assert (await b.storage.journal(run_id=second.run_id))[-1].actor == third.run_id


async def test_rollback_leaves_no_trace_of_the_displaced(
    autojump_clock: MockClock, b: Bench
) -> None:
    first = await b.submit(new_run(T, ["emit", 1], ["sleep", 9]))
    second = await b.submit(new_run(T, strategy="rollback"))
    third = await b.submit(new_run(T, ["emit", 3], strategy="rollback"))
    await b.ended(third.run_id)
    assert await b.status(first.run_id) is None
    assert await b.status(second.run_id) is None
    assert await b.status(third.run_id) == "success"


async def test_the_next_run_waits_for_the_real_end_of_a_displaced_one(
    autojump_clock: MockClock, b: Bench
) -> None:
    first = await b.submit(new_run(T, ["stubborn", 4]))
    await wait_all_tasks_blocked()
    start = trio.current_time()
    second = await b.submit(new_run(T, ["emit", 2], strategy="interrupt"))
    await b.ended(second.run_id)  # the executor asserts that they do not overlap
    assert trio.current_time() - start == pytest.approx(4)
    assert await b.status(first.run_id) == "interrupted"


async def test_quirk_42_runs_of_different_threads_start_at_once(
    autojump_clock: MockClock, b: Bench
) -> None:
    threads = [new_id() for _ in range(8)]
    asked_at = trio.current_time()
    runs = [await b.submit(new_run(thread, ["sleep", 5], ["emit", 1])) for thread in threads]
    await wait_all_tasks_blocked()
    assert b.executor.order() == [run.run_id for run in runs], "all of them work"
    assert trio.current_time() == asked_at, "and none had to wait"
    await b.ended(*(run.run_id for run in runs))
    assert trio.current_time() - asked_at == pytest.approx(5), "side by side"


async def test_a_full_house_queues_and_takes_turns(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage, n_jobs=1) as b:
        mine = [await b.submit(new_run(T, ["sleep", 1])) for _ in range(3)]
        other = await b.submit(new_run(U, ["sleep", 1]))
        await b.ended(mine[-1].run_id, other.run_id)
        # One thread with many runs queues again behind the others after each of them.
        assert b.executor.order() == [run.run_id for run in (*mine[:2], other, mine[2])]


# -- delays --------------------------------------------------------------------------------


async def test_a_delayed_run_waits_and_does_not_block_its_thread(
    autojump_clock: MockClock,
) -> None:
    def now() -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=trio.current_time())

    async with (
        open_sqlite(":memory:", inline=True, now=lambda: iso(now())) as storage,
        bench(storage, now=now) as b,
    ):
        later = iso(now() + timedelta(seconds=60))
        delayed = await b.submit(new_run(T, ["emit", 1], not_before=later))
        assert await b.thread_status(T) == "busy"
        at_once = await b.submit(new_run(T, ["emit", 2]))
        await b.ended(at_once.run_id)
        assert await b.status(delayed.run_id) == "pending"
        await b.ended(delayed.run_id)
        assert trio.current_time() == pytest.approx(60)
        assert b.executor.order() == [at_once.run_id, delayed.run_id]


# -- cancelling ----------------------------------------------------------------------------


async def test_cancel_running_interrupts_and_followers_see_an_end(
    autojump_clock: MockClock, b: Bench
) -> None:
    submitted = await b.supervisor.submit(
        new_run(T, ["emit", 1], ["sleep", 99]), thread=_thread(T), follow=True
    )
    run = submitted.run
    await wait_all_tasks_blocked()
    assert (
        await b.supervisor.stopper.cancel(T, [run.run_id], action=INTERRUPT, wait=True, actor="q")
        == 1
    )
    assert await b.status(run.run_id) == "interrupted"
    assert (await b.storage.journal(run_id=run.run_id))[-1].actor == "q"
    assert submitted.subscription is not None
    text = await read_all(submitted.subscription)
    assert b"event: values\r\ndata: 1\r\n" in text
    assert b"event: error" not in text
    assert trio.current_time() < 90


async def test_cancel_waits_for_the_real_end(autojump_clock: MockClock, b: Bench) -> None:
    run = await b.submit(new_run(T, ["stubborn", 3]))
    await wait_all_tasks_blocked()
    start = trio.current_time()
    await b.supervisor.stopper.cancel(T, [run.run_id], action=INTERRUPT, wait=False)
    assert await b.status(run.run_id) == "running"
    await b.supervisor.stopper.cancel(T, [run.run_id], action=INTERRUPT, wait=True)
    assert trio.current_time() - start == pytest.approx(3)
    assert await b.status(run.run_id) == "interrupted"


async def test_cancel_pending_settles_at_once(autojump_clock: MockClock, b: Bench) -> None:
    first = await b.submit(new_run(T, ["sleep", 5]))
    second = await b.submit(new_run(T, ["emit", 2]))
    third = await b.submit(new_run(T, ["emit", 3]))
    await b.supervisor.stopper.cancel(T, [second.run_id], action=INTERRUPT, wait=True)
    await b.supervisor.stopper.cancel(T, [third.run_id], action=ROLLBACK, wait=True)
    assert await b.status(second.run_id) == "interrupted"
    assert await b.status(third.run_id) is None
    assert await b.thread_status(T) == "busy"
    await b.ended(first.run_id)
    assert b.executor.order() == [first.run_id]
    assert await b.thread_status(T) == "idle"


async def test_rollback_outranks_an_interrupt_that_is_under_way(
    autojump_clock: MockClock, b: Bench
) -> None:
    run = await b.submit(new_run(T, ["stubborn", 3]))
    await wait_all_tasks_blocked()
    await b.supervisor.stopper.cancel(T, [run.run_id], action=INTERRUPT, wait=False)
    await b.supervisor.stopper.cancel(T, [run.run_id], action=ROLLBACK, wait=True)
    assert await b.status(run.run_id) is None


async def test_cancel_of_nothing_says_which_nothing(autojump_clock: MockClock, b: Bench) -> None:
    done = await b.submit(new_run(T))
    await b.ended(done.run_id)
    with pytest.raises(NotFound, match="No matching runs"):
        await b.supervisor.stopper.cancel(T, [done.run_id], action=INTERRUPT, wait=False)
    with pytest.raises(NotFound, match="No runs found"):
        await b.supervisor.stopper.cancel(T, [U], action=INTERRUPT, wait=False)
    with pytest.raises(NotFound, match="No runs found"):  # a run of another thread
        await b.supervisor.stopper.cancel(U, [done.run_id], action=INTERRUPT, wait=False)


async def test_a_stop_between_the_claim_and_the_first_step_is_found(
    autojump_clock: MockClock, b: Bench
) -> None:
    run = await b.submit(new_run(T, ["sleep", 99]))  # claimed; its task has not run yet
    await b.supervisor.stopper.cancel(T, [run.run_id], action=INTERRUPT, wait=True)
    assert await b.status(run.run_id) == "interrupted"
    assert "finished" not in [what for _, what, _ in b.executor.log]


async def test_a_disconnect_interrupts_but_not_while_shutting_down(
    autojump_clock: MockClock, b: Bench
) -> None:
    run = await b.submit(new_run(T, ["sleep", 9]))
    b.supervisor.stopper.disconnected(run.run_id)
    await b.ended(run.run_id)
    assert await b.status(run.run_id) == "interrupted"
    assert (await causes(b, run.run_id))[-1][2] == Cause.DISCONNECT
    other = await b.submit(new_run(T, ["sleep", 9]))
    await wait_all_tasks_blocked()
    b.supervisor._execution.stopping = True
    b.supervisor.stopper.disconnected(other.run_id)
    await wait_all_tasks_blocked()
    assert await b.status(other.run_id) == "running"


async def test_a_deadline_ends_with_timeout(autojump_clock: MockClock, storage: Storage) -> None:
    async with bench(storage, run_timeout=2) as b:
        run = await b.submit(new_run(T, ["emit", 1], ["sleep", 9]))
        assert await b.supervisor.following.join(run) == b'{"seen":[1]}'
        assert trio.current_time() == pytest.approx(2)
        assert await b.status(run.run_id) == "timeout"
        assert await b.thread_status(T) == "error"


# -- deleting ------------------------------------------------------------------------------


async def test_delete_run_stops_it_first(autojump_clock: MockClock, b: Bench) -> None:
    run = await b.submit(new_run(T, ["stubborn", 2]))
    await wait_all_tasks_blocked()
    stored = await b.storage.get_run(run.run_id)
    assert stored is not None
    await b.supervisor.stopper.delete_run(stored)
    assert b.executor.active == {}
    assert await b.status(run.run_id) is None
    assert await b.thread_status(T) == "idle"
    with pytest.raises(NotFound):
        await b.supervisor.stopper.delete_run(stored)


async def test_delete_thread_ends_everything_on_it(autojump_clock: MockClock, b: Bench) -> None:
    running = await b.submit(new_run(T, ["stubborn", 2]))
    pending = await b.submit(new_run(T, ["emit", 1]))
    await wait_all_tasks_blocked()
    follower = await b.supervisor.following.follow(pending)
    assert await b.supervisor.stopper.delete_thread(T)
    assert await read_all(follower) == b""
    assert b.executor.active == {}
    assert await b.storage.get_thread(T) is None
    assert [await b.status(run.run_id) for run in (running, pending)] == [None, None]
    assert not await b.supervisor.stopper.delete_thread(T)
    await wait_all_tasks_blocked()
    assert b.executor.order() == [running.run_id]


async def test_a_quiet_thread_starts_nothing_until_it_is_let_go(
    autojump_clock: MockClock, b: Bench
) -> None:
    await b.storage.create_thread(_thread(T))
    async with b.supervisor.quiet(T):
        run = await b.submit(new_run(T, ["emit", 1]))
        await trio.sleep(5)
        assert await b.status(run.run_id) == "pending"
        with pytest.raises(Conflict):
            async with b.supervisor.quiet(T):
                pass
    await b.ended(run.run_id)
    assert await b.status(run.run_id) == "success"


# -- streams -------------------------------------------------------------------------------


async def test_followers_all_get_the_same_bytes(autojump_clock: MockClock, b: Bench) -> None:
    await b.submit(new_run(T, ["sleep", 1]))  # all follow the next run before it starts
    submitted = await b.supervisor.submit(
        new_run(T, ["sleep", 1], ["emit", 1], ["sleep", 1], ["emit", 2]),
        thread=_thread(T),
        follow=True,
    )
    late: list[bytes] = []
    joined = [await b.supervisor.following.follow(submitted.run) for _ in range(3)]

    async def join_late() -> None:
        await trio.sleep(2.5)
        late.append(await read_all(await b.supervisor.following.follow(submitted.run)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(join_late)
        assert submitted.subscription is not None
        first = await read_all(submitted.subscription)
        assert first.startswith(b'event: metadata\r\ndata: {"run_id":')
        assert [await read_all(subscription) for subscription in joined] == [first] * 3
    assert late == [b"event: values\r\ndata: 2\r\n\r\n"]


async def test_quirk_27_a_filter_keeps_metadata_and_error(
    autojump_clock: MockClock, b: Bench
) -> None:
    await b.submit(new_run(T, ["sleep", 1]))
    run = await b.submit(new_run(T, ["sleep", 1], ["emit", 1], ["burst", 1], ["fail"]))
    follower = await b.supervisor.following.follow(
        run, selection=Selection(modes=frozenset({"custom"}))
    )
    events = [
        block.split(b"\r\n")[0] for block in (await read_all(follower)).split(b"\r\n\r\n") if block
    ]
    assert events == [b"event: metadata", b"event: custom", b"event: error"]


async def test_a_reader_that_falls_behind_is_ended_with_a_clear_error(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage, subscriber_buffer=4) as b:
        run = await b.submit(new_run(T, ["sleep", 1], ["burst", 100]))
        slow = await b.supervisor.following.follow(run)
        await b.ended(run.run_id)
        assert await b.status(run.run_id) == "success"  # it slowed nobody
        text = await read_all(slow)
        assert b'"SlowConsumer"' in text
        assert text.count(b"event: custom") < 100


async def test_a_resumable_reader_that_falls_behind_gets_everything(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage, subscriber_buffer=4) as b:
        script = [["sleep", 1], *[step for _ in range(50) for step in (["emit", 1], ["sleep", 1])]]
        run = await b.submit(new_run(T, *script, resumable=True))
        slow = await b.supervisor.following.follow(run)
        await b.ended(run.run_id)
        ids = _ids(await read_all(slow))
        assert ids == list(range(1, 52))


@pytest.mark.parametrize("after", ["-1", "0-7"])
async def test_replay_has_neither_gap_nor_double(
    autojump_clock: MockClock, b: Bench, after: str
) -> None:
    script = [step for number in range(20) for step in (["emit", number], ["sleep", 1])]
    run = await b.submit(new_run(T, *script, resumable=True))
    await trio.sleep(9.5)
    follower = await b.supervisor.following.follow(run, last_event_id=after)
    first = 1 if after == "-1" else 8
    assert _ids(await read_all(follower)) == list(range(first, 22))
    stored = await b.storage.get_run(run.run_id)
    assert stored is not None
    again = await b.supervisor.following.follow(stored, last_event_id=after)
    assert _ids(await read_all(again)) == list(range(first, 22))
    assert await read_all(await b.supervisor.following.follow(stored)) == b""
    with pytest.raises(InvalidRequest):
        await b.supervisor.following.follow(stored, last_event_id="nonsense")


# -- shutting down and coming back ---------------------------------------------------------


async def test_shutdown_lets_the_step_finish_then_puts_the_run_back(
    autojump_clock: MockClock, storage: Storage
) -> None:
    executor = ScriptedExecutor()
    async with bench(storage, executor, shutdown_grace=5) as b:
        submitted = await b.supervisor.submit(
            new_run(T, ["sleep", 3], ["emit", 1], resumable=True), thread=_thread(T), follow=True
        )
        queued = await b.submit(new_run(T, ["emit", 2]))
        follower = await b.supervisor.following.follow(queued)
        await wait_all_tasks_blocked()
        await b.supervisor.shut_down()
        assert trio.current_time() == pytest.approx(3)  # the step's end, not the grace's
        with pytest.raises(ShuttingDown):
            await b.submit(new_run(U))
        assert submitted.subscription is not None
        for subscription in (submitted.subscription, follower):
            with pytest.raises(StreamCut):
                await read_all(subscription)
    run_id = submitted.run.run_id
    stored = await storage.get_run(run_id)
    assert stored is not None
    assert stored.status == "pending"
    executor._draining.clear()
    async with bench(storage, executor) as b:
        replay = await read_all(await b.supervisor.following.follow(stored, last_event_id="-1"))
        assert replay.count(b"event: metadata") == 2
        assert b'"attempt":2' in replay
        assert _ids(replay) == [1, 2, 3]
        await b.ended(queued.run_id)
    assert executor.attempts[run_id] == [1, 2]
    assert executor.order()[-1] == queued.run_id


async def test_shutdown_cancels_what_outlasts_the_grace(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage, shutdown_grace=5) as b:
        run = await b.submit(new_run(T, ["sleep", 999]))
        await wait_all_tasks_blocked()
        await b.supervisor.shut_down()
        assert trio.current_time() == pytest.approx(5)
        assert await b.status(run.run_id) == "pending"
        assert (await causes(b, run.run_id))[-1][2] == Cause.SHUTDOWN


async def test_work_that_finishes_during_the_grace_is_kept(
    autojump_clock: MockClock, storage: Storage
) -> None:
    async with bench(storage, shutdown_grace=5) as b:
        run = await b.submit(new_run(T, ["sleep", 3]))
        await wait_all_tasks_blocked()
        await b.supervisor.shut_down()
        assert await b.status(run.run_id) == "success"


async def test_a_crash_is_recovered_and_given_up_after_too_many(
    autojump_clock: MockClock, storage: Storage
) -> None:
    executor = ScriptedExecutor()
    run_id = ""
    for attempt in (1, 2, 3):
        async with bench(storage, executor, max_attempts=3) as b:
            if attempt == 1:
                run_id = (await b.submit(new_run(T, ["sleep", 99]))).run_id
            await trio.sleep(1)
            assert await b.status(run_id) == "running"
            # Leaving without shut_down is what a crash leaves behind.
    assert executor.attempts[run_id] == [1, 2, 3]
    async with bench(storage, executor, max_attempts=3) as b:
        assert await b.status(run_id) == "error"
        assert await b.thread_status(T) == "error"
        thread = await storage.get_thread(T)
        assert thread is not None
        assert thread.error is not None
        assert set(orjson.loads(thread.error)) == {"error", "message"}


@pytest.mark.parametrize("resumable", [False, True])
async def test_a_cancel_that_was_accepted_is_done_by_the_next_start(
    autojump_clock: MockClock, storage: Storage, resumable: bool
) -> None:
    class RememberingExecutor(ScriptedExecutor):
        async def stored_outcome(self, _run: RunRecord) -> GraphOutcome:
            await trio.sleep(1)
            return GraphOutcome(GraphEnd.CANCELLED, b'{"kept":1}', next=["second"])

    async with bench(storage) as b:
        run = await b.submit(new_run(T, ["stubborn", 99], resumable=resumable))
        later = await b.submit(new_run(T, ["emit", 2]))
        await trio.sleep(1)
        await b.supervisor.stopper.cancel(
            T, [run.run_id], action=INTERRUPT, wait=False, actor="request"
        )
        assert await b.status(run.run_id) == "running"
    executor = RememberingExecutor()
    async with bench(storage, executor) as b:
        stored = await storage.get_run(run.run_id)
        assert stored is not None
        subscription = await b.supervisor.following.follow(stored)
        assert await b.supervisor.following.join(stored) == b'{"kept":1}'
        assert await read_all(subscription) == b""
        thread = await storage.get_thread(T)
        assert thread is not None
        assert (thread.values, thread.rest_status) == (b'{"kept":1}', "interrupted")
        assert thread.error is not None
        assert b"interrupt requested via POST" in thread.error
        await b.ended(later.run_id)
    assert run.run_id not in executor.attempts
    last = (await storage.journal(run_id=run.run_id))[-1]
    assert (last.to_status, last.cause, last.actor) == ("interrupted", Cause.CLIENT, "request")
    assert last.asked is None


@pytest.mark.parametrize(
    ("stronger", "left"), [(False, "interrupted"), (True, None)], ids=["alone", "outranked"]
)
async def test_an_executor_that_cannot_read_what_is_left_holds_up_nobody(
    autojump_clock: MockClock, storage: Storage, stronger: bool, left: str | None
) -> None:
    class FailingExecutor(ScriptedExecutor):
        async def stored_outcome(self, _run: RunRecord) -> GraphOutcome:
            await trio.sleep(1)
            raise RuntimeError("an executor that breaks its contract")

    async with bench(storage) as b:
        run = await b.submit(new_run(T, ["stubborn", 99]))
        await trio.sleep(1)
        b.supervisor.stopper.disconnected(run.run_id)
        await wait_all_tasks_blocked()
    async with bench(storage, FailingExecutor()) as b:
        if stronger:
            await b.supervisor.stopper.cancel(T, [run.run_id], action=ROLLBACK, wait=True)
        await trio.sleep(5)
        assert await b.status(run.run_id) == left
        assert await b.thread_status(T) == "idle"


def _thread(thread_id: str):  # type: ignore[no-untyped-def]
    from lgtrio.storage.interface import NewThread

    return NewThread(thread_id)


def _ids(text: bytes) -> list[int]:
    return [
        int(line.rpartition(b"-")[2]) for line in text.split(b"\r\n") if line.startswith(b"id: ")
    ]
