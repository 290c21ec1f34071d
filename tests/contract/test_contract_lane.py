"""Creating and claiming runs, whatever the database."""

from __future__ import annotations

import orjson
import pytest
from attrs import evolve
from databases import (
    Clock,
    T,
    U,
    create,
    finish,
    moves,
    new_run,
    pending,
    running,
    status,
    thread,
)

from lgtrio.errors import AlreadyExists, NotFound, ThreadBusy
from lgtrio.runs.lanes import admit
from lgtrio.storage.interface import (
    Cause,
    Displacement,
    LaneDecision,
    LaneRun,
    NewThread,
    Storage,
)
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, ThreadStatus

CREATED = (None, RunStatus.PENDING, Cause.CLIENT)
STARTED = (RunStatus.PENDING, RunStatus.RUNNING, Cause.SCHEDULER)


# -- creating ------------------------------------------------------------------------------


async def test_a_created_run_is_stored_as_sent_and_makes_its_thread_busy(storage: Storage) -> None:
    new = new_run()
    created = await create(storage, new)
    run = await storage.get_run(new.run_id)
    assert run == created.run
    assert (run.status, run.attempt) == (RunStatus.PENDING, 0)
    assert (run.metadata, run.kwargs) == (new.metadata, new.kwargs)
    assert (created.claimed, created.settled, created.to_cancel) == (None, [], {})
    assert (await thread(storage)).status is ThreadStatus.BUSY
    assert await moves(storage, new.run_id) == [CREATED]
    assert (await storage.journal(run_id=new.run_id))[0].actor == "request 1"


async def test_without_a_thread_nothing_is_stored(storage: Storage) -> None:
    new = new_run()
    with pytest.raises(NotFound):
        await storage.create_run(new, decide=admit, thread=None, claim=True)
    assert await status(storage, new.run_id) is None
    assert await storage.journal() == []
    assert await storage.get_thread(T) is None


async def test_a_thread_that_exists_is_left_as_it_is(storage: Storage) -> None:
    await storage.create_thread(NewThread(T, b'{"mine": 1}'))
    new = new_run()
    await storage.create_run(new, decide=admit, thread=NewThread(T, b'{"other": 2}'), claim=False)
    assert (await thread(storage)).metadata == b'{"mine": 1}'


async def test_a_rejected_run_leaves_nothing_not_even_its_thread(storage: Storage) -> None:
    def reject(_lane: object, _strategy: object) -> LaneDecision:
        return LaneDecision(rejected=True)

    new = new_run()
    with pytest.raises(ThreadBusy):
        await storage.create_run(new, decide=reject, thread=NewThread(T), claim=True)
    assert await storage.get_thread(T) is None
    assert await storage.journal() == []


async def test_a_decision_that_raises_leaves_nothing(storage: Storage) -> None:
    def fail(_lane: object, _strategy: object) -> LaneDecision:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await storage.create_run(new_run(), decide=fail, thread=NewThread(T), claim=True)
    assert await storage.get_thread(T) is None


async def test_the_decision_sees_the_lane_oldest_first(storage: Storage) -> None:
    first, second = await running(storage), await pending(storage)
    await running(storage, U)
    seen: list[object] = []

    def look(lane: object, strategy: object) -> LaneDecision:
        seen.extend([lane, strategy])
        return LaneDecision()

    await storage.create_run(new_run(), decide=look, thread=None, claim=False)
    lane = [LaneRun(first, RunStatus.RUNNING), LaneRun(second, RunStatus.PENDING)]
    assert seen == [lane, MultitaskStrategy.ENQUEUE]


@pytest.mark.parametrize("how", list(Displacement))
async def test_displacing_settles_the_pending_and_names_the_running(
    storage: Storage, how: Displacement
) -> None:
    first, second = await running(storage), await pending(storage)
    created = await create(storage, new_run(strategy=how.value), claim=True)
    assert created.to_cancel == {first: how.stop(by=created.run.run_id)}
    assert created.claimed is None
    assert await status(storage, first) is RunStatus.RUNNING
    [settled] = created.settled
    assert settled.run_id == second
    left = {Displacement.INTERRUPT: RunStatus.INTERRUPTED, Displacement.ROLLBACK: None}[how]
    assert await status(storage, second) is left
    assert (await moves(storage, second))[-1] == (RunStatus.PENDING, left, Cause.DISPLACED)
    assert (await storage.journal(run_id=second))[-1].actor == created.run.run_id
    assert (await thread(storage)).status is ThreadStatus.BUSY


# -- claiming ------------------------------------------------------------------------------


async def test_claiming_with_the_create_is_one_step(storage: Storage) -> None:
    created = await create(storage, new_run(), claim=True)
    assert created.run.status is RunStatus.PENDING
    assert created.claimed == await storage.get_run(created.run.run_id)
    assert created.claimed is not None
    assert (created.claimed.status, created.claimed.attempt) == (RunStatus.RUNNING, 1)
    assert await moves(storage, created.run.run_id) == [CREATED, STARTED]


async def test_one_at_a_time_in_order_of_creation(storage: Storage) -> None:
    ids = [await running(storage)]
    for _ in range(3):
        created = await create(storage, new_run(), claim=True)
        assert created.claimed is None
        ids.append(created.run.run_id)
    claimed = [ids[0]]
    for _ in ids[1:]:
        assert await storage.claim_next(T) is None
        await finish(storage, claimed[-1])
        run = await storage.claim_next(T)
        assert run is not None
        claimed.append(run.run_id)
    assert claimed == ids


async def test_there_is_nothing_to_claim_on_an_empty_or_unknown_thread(storage: Storage) -> None:
    await storage.create_thread(NewThread(T))
    assert await storage.claim_next(T) is None
    assert await storage.claim_next(U) is None
    assert await storage.journal() == []


async def test_a_free_lane_with_somebody_waiting_is_not_overtaken(storage: Storage) -> None:
    first = await pending(storage)
    second = await create(storage, new_run(), claim=True)
    assert second.claimed is None
    run = await storage.claim_next(T)
    assert run is not None
    assert run.run_id == first


async def test_a_delayed_run_waits_and_lets_others_pass(storage: Storage, clock: Clock) -> None:
    delayed = await create(storage, new_run(not_before=clock.later(60)), claim=True)
    assert delayed.claimed is None
    assert await storage.claim_next(T) is None
    assert (await thread(storage)).status is ThreadStatus.BUSY
    quick = await create(storage, new_run(), claim=True)
    assert quick.claimed is not None
    await finish(storage, quick.run.run_id)
    assert await storage.claim_next(T) is None
    clock.advance(60)
    late = await pending(storage)
    run = await storage.claim_next(T)
    assert run is not None
    assert run.run_id == delayed.run.run_id  # older than `late`, and due
    assert await status(storage, late) is RunStatus.PENDING


async def test_a_run_that_was_put_back_goes_on_before_any_other(
    storage: Storage, clock: Clock
) -> None:
    await create(storage, new_run(not_before=clock.later(60)))
    started = await running(storage)
    clock.advance(60)
    await storage.requeue_run(started, cause=Cause.SHUTDOWN)
    run = await storage.claim_next(T)
    assert run is not None
    assert (run.run_id, run.attempt) == (started, 2)


async def test_a_claim_marks_the_thread(storage: Storage) -> None:
    await storage.create_thread(NewThread(T, b'{"user": "ada", "graph_id": "before"}'))
    new = new_run(thread_config=b'{"configurable":  {"x": 1}}')
    await create(storage, new)
    assert orjson.loads((await thread(storage)).metadata)["graph_id"] == "before"
    await storage.claim_next(T)
    marked = await thread(storage)
    assert orjson.loads(marked.metadata) == {
        "user": "ada",
        "graph_id": new.graph_id,
        "assistant_id": new.assistant_id,
    }
    assert marked.config == new.thread_config


# -- reading -------------------------------------------------------------------------------


async def test_runs_are_listed_newest_first_in_pages(storage: Storage) -> None:
    ids = [await running(storage)]
    ids += [await pending(storage) for _ in range(4)]
    await running(storage, U)

    async def page(limit: int, offset: int, status: str | None = None) -> list[str]:
        runs = await storage.list_runs(T, limit=limit, offset=offset, status=status)
        return [run.run_id for run in runs]

    assert await page(10, 0) == ids[::-1]
    assert await page(2, 1) == ids[::-1][1:3]
    assert await page(2, 5) == []
    assert await page(10, 0, "running") == ids[:1]
    assert await page(2, 2, "pending") == ids[1:][::-1][2:4]
    assert await page(10, 0, "error") == []
    [listed] = await storage.list_runs(T, limit=1, offset=4, status=None)
    assert listed == await storage.get_run(ids[0])


async def test_claimable_names_the_next_of_each_free_thread(storage: Storage, clock: Clock) -> None:
    v = T[:-1] + "9"
    soon, later = clock.later(60), clock.later(90)
    await running(storage, U)
    await pending(storage, U)
    await create(storage, new_run(not_before=later))
    await create(storage, new_run(v, not_before=later))
    await create(storage, new_run(v, not_before=soon))
    free = await pending(storage)
    found = await storage.claimable()
    assert [(run.thread_id, run.not_before) for run in found] == [(v, soon), (T, None)]
    assert found[1].run_id == free
    assert await storage.claimable(limit=1) == found[:1]
    clock.advance(100)
    due = await storage.claimable()
    assert [(run.thread_id, run.not_before) for run in due] == [(T, later), (v, later)]


async def test_ids_that_are_taken_are_refused(storage: Storage) -> None:
    new = new_run()
    await create(storage, new)
    with pytest.raises(AlreadyExists, match=new.run_id):
        await create(storage, evolve(new, thread_id=U))
    assert await storage.get_thread(U) is None


async def test_active_runs_of_all_threads_newest_first(storage: Storage) -> None:
    first, behind, other = await running(storage), await pending(storage), await running(storage, U)
    await finish(storage, await pending(storage, U), RunStatus.INTERRUPTED)
    assert await storage.active_runs() == [other, behind, first]
    assert await storage.active_runs(RunStatus.RUNNING) == [other, first]
    assert await storage.active_runs(RunStatus.PENDING) == [behind]
    for run_id in (first, behind, other):
        await finish(storage, run_id, RunStatus.INTERRUPTED)
    assert await storage.active_runs() == []
