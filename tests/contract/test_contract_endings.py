"""How runs end, go back and are undone, and recovery after a crash, whatever the database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson
import pytest
from attrs import evolve
from databases import (
    IDLE,
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

from lgtrio.errors import IllegalTransition
from lgtrio.storage.interface import (
    Cause,
    Displacement,
    Frame,
    NewThread,
    Stop,
    StopKind,
    Storage,
    ThreadOutcome,
)
from lgtrio.wire.enums import TERMINAL, RunStatus, ThreadStatus

FAILED = ThreadOutcome(
    rest_status=ThreadStatus.ERROR, values=None, error=b'{"error":"E","message":"m"}'
)


# -- finishing -----------------------------------------------------------------------------


async def test_last_writes_that_are_lost_leave_everything_as_it_is(storage: Storage) -> None:
    run_id = await running(storage)
    before = await thread(storage)

    def lost(_connection: Any, **_: bool) -> None:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await storage.finish_run(
                run_id, RunStatus.SUCCESS, IDLE, cause=Cause.GRAPH, last_writes=lost
            )
    assert await status(storage, run_id) == "running"
    assert await thread(storage) == before


@pytest.mark.parametrize(("temporary", "others"), [(True, 0), (True, 1), (False, 0)])
async def test_last_writes_are_told_whether_the_thread_goes(
    storage: Storage, temporary: bool, others: int
) -> None:
    run_id = await running(storage, temporary=temporary)
    for _ in range(others):
        await pending(storage)
    told: list[bool] = []

    def settle(_connection: Any, *, thread_goes: bool) -> None:
        told.append(thread_goes)

    await storage.finish_run(run_id, RunStatus.SUCCESS, IDLE, cause=Cause.GRAPH, last_writes=settle)
    assert told == [temporary and not others]
    assert (await storage.get_thread(T) is None) == told[0]


@pytest.mark.parametrize("end", sorted(TERMINAL))
async def test_a_finished_run_leaves_its_outcome_on_the_thread(
    storage: Storage, end: RunStatus
) -> None:
    run_id = await running(storage)
    before = await thread(storage)
    outcome = ThreadOutcome(
        rest_status=ThreadStatus.INTERRUPTED,
        values=b'{"n":  1}',
        interrupts=b'{"task": []}',
        error=b"{}",
    )
    finished = await finish(storage, run_id, end, outcome)
    assert finished is not None
    ended = await storage.get_run(run_id)
    assert ended is not None
    assert ended.status is end
    assert finished.next_pending is False
    assert finished.thread == await thread(storage)
    assert finished.thread == evolve(
        before,
        status=ThreadStatus.INTERRUPTED,
        rest_status=ThreadStatus.INTERRUPTED,
        values=outcome.values,
        interrupts=outcome.interrupts,
        error=outcome.error,
        updated_at=ended.updated_at,
        state_updated_at=ended.updated_at,
    )
    assert (await moves(storage, run_id))[-1] == (RunStatus.RUNNING, end, Cause.GRAPH)


async def test_the_thread_stays_busy_while_somebody_waits(storage: Storage) -> None:
    first, second = await running(storage), await pending(storage)
    finished = await finish(storage, first, RunStatus.ERROR, FAILED)
    assert finished is not None
    assert finished.next_pending is True
    waiting = await thread(storage)
    assert (waiting.status, waiting.rest_status) == (ThreadStatus.BUSY, ThreadStatus.ERROR)
    await storage.finish_run(second, RunStatus.INTERRUPTED, None, cause=Cause.CLIENT)
    rests = await thread(storage)
    assert (rests.status, rests.error) == (ThreadStatus.ERROR, FAILED.error)


async def test_a_run_ends_once(storage: Storage) -> None:
    run_id = await running(storage)
    await finish(storage, run_id)
    before = (await storage.get_run(run_id), await thread(storage), await moves(storage, run_id))
    assert await finish(storage, run_id, RunStatus.ERROR, FAILED) is None
    assert await storage.rollback_run(run_id, cause=Cause.CLIENT) is None
    assert await storage.requeue_run(run_id, cause=Cause.SHUTDOWN) is False
    assert await storage.claim_next(T) is None
    after = (await storage.get_run(run_id), await thread(storage), await moves(storage, run_id))
    assert after == before
    assert await finish(storage, U) is None


async def test_only_a_status_guards_against_a_claim_in_between(storage: Storage) -> None:
    run_id = await running(storage)
    cancel = RunStatus.INTERRUPTED
    only = RunStatus.PENDING
    assert await storage.finish_run(run_id, cancel, None, cause=Cause.CLIENT, only=only) is None
    assert await storage.rollback_run(run_id, cause=Cause.CLIENT, only=only) is None
    assert await status(storage, run_id) is RunStatus.RUNNING
    await storage.requeue_run(run_id, cause=Cause.SHUTDOWN)
    assert await storage.finish_run(run_id, cancel, None, cause=Cause.CLIENT, only=only)
    assert await status(storage, run_id) is cancel


@pytest.mark.parametrize("wanted", [RunStatus.SUCCESS, RunStatus.PENDING, RunStatus.RUNNING])
async def test_moves_that_the_state_machine_does_not_have_are_refused(
    storage: Storage, wanted: RunStatus
) -> None:
    run_id = await pending(storage)
    with pytest.raises(IllegalTransition):
        await finish(storage, run_id, wanted)
    assert await status(storage, run_id) is RunStatus.PENDING
    assert (await thread(storage)).values is None
    assert len(await moves(storage, run_id)) == 1


async def test_a_temporary_thread_goes_with_its_run(storage: Storage) -> None:
    new = new_run(temporary=True)
    await create(storage, new, claim=True)
    await storage.append_frames(new.run_id, [Frame(1, "values", "values", b"1", 1)])
    finished = await finish(storage, new.run_id)
    assert finished is not None
    assert finished.thread is None
    assert await storage.get_thread(T) is None
    assert await status(storage, new.run_id) is None
    assert await storage.last_frame(new.run_id) == 0
    assert [now for _, now, _ in await moves(storage, new.run_id)][-2:] == [
        RunStatus.SUCCESS,
        None,
    ]


async def test_a_temporary_thread_that_others_wait_on_stays(storage: Storage) -> None:
    new = new_run(temporary=True)
    await create(storage, new, claim=True)
    waiting = await pending(storage)
    finished = await finish(storage, new.run_id)
    assert finished is not None
    assert finished.next_pending is True
    assert await status(storage, waiting) is RunStatus.PENDING


async def test_putting_back_keeps_the_thread_busy_and_counts_the_start(storage: Storage) -> None:
    run_id = await running(storage)
    assert await storage.requeue_run(run_id, cause=Cause.SHUTDOWN, actor="SIGTERM") is True
    run = await storage.get_run(run_id)
    assert run is not None
    assert (run.status, run.attempt) == (RunStatus.PENDING, 1)
    assert (await thread(storage)).status is ThreadStatus.BUSY
    last = (await storage.journal(run_id=run_id))[-1]
    assert (last.to_status, last.cause, last.actor) == (
        RunStatus.PENDING,
        Cause.SHUTDOWN,
        "SIGTERM",
    )
    assert await storage.requeue_run(run_id, cause=Cause.SHUTDOWN) is False


# -- undoing -------------------------------------------------------------------------------


async def _thread_with_a_past(storage: Storage) -> None:
    await storage.create_thread(NewThread(T, b'{"user":"ada"}'))
    await create(storage, new_run(thread_config=b'{"big":  12345678901234567890123}'), claim=True)
    [run] = await storage.list_runs(T, limit=1, offset=0, status=None)
    interrupts = b'{"task":  []}'
    outcome = ThreadOutcome(ThreadStatus.INTERRUPTED, b'{"n":  1}', interrupts, b'{"e":  1}')
    await finish(storage, run.run_id, RunStatus.ERROR, outcome)


@pytest.mark.parametrize("restarts", [0, 1])
async def test_rollback_leaves_the_thread_as_it_was(storage: Storage, restarts: int) -> None:
    await _thread_with_a_past(storage)
    before = await thread(storage)
    new = evolve(new_run(thread_config=b'{"configurable": {}}'), graph_id="another", assistant_id=U)
    await create(storage, new, claim=True)
    for _ in range(restarts):
        await storage.requeue_run(new.run_id, cause=Cause.SHUTDOWN)
        await storage.claim_next(T)
    await storage.append_frames(new.run_id, [Frame(1, "values", "values", b"1", 1)])
    assert orjson.loads((await thread(storage)).metadata)["graph_id"] == "another"
    gone = await storage.rollback_run(new.run_id, cause=Cause.CLIENT, actor="request 2")
    assert gone is not None
    assert gone.next_pending is False
    after = await thread(storage)
    assert gone.thread == after
    assert after == evolve(before, updated_at=after.updated_at)
    assert after.updated_at > before.updated_at
    assert await status(storage, new.run_id) is None
    assert await storage.last_frame(new.run_id) == 0
    assert (await moves(storage, new.run_id))[-1] == (RunStatus.RUNNING, None, Cause.CLIENT)


@pytest.mark.parametrize("restarts", [0, 1])
async def test_rollback_keeps_what_a_client_has_patched_meanwhile(
    storage: Storage, restarts: int
) -> None:
    await _thread_with_a_past(storage)
    run_id = await running(storage)
    await storage.patch_thread(T, b'{"graph_id": "the client\'s", "new": 1}')
    for _ in range(restarts):
        await storage.requeue_run(run_id, cause=Cause.SHUTDOWN)
        await storage.claim_next(T)
    await storage.rollback_run(run_id, cause=Cause.CLIENT)
    metadata = orjson.loads((await thread(storage)).metadata)
    assert (metadata["graph_id"], metadata["new"], metadata["user"]) == ("the client's", 1, "ada")


async def test_rollback_of_a_waiting_run_touches_nobody_else(storage: Storage) -> None:
    first, second, third = (
        await running(storage),
        await pending(storage),
        await pending(storage),
    )
    gone = await storage.rollback_run(second, cause=Cause.CLIENT)
    assert gone is not None
    assert gone.next_pending is True
    assert await status(storage, first) is RunStatus.RUNNING
    assert await status(storage, second) is None
    assert await status(storage, third) is RunStatus.PENDING


async def test_deleting_a_run_that_is_not_running(storage: Storage) -> None:
    ended = await running(storage)
    await storage.append_frames(ended, [Frame(1, "values", "values", b"1", 1)])
    assert await storage.delete_run(ended) is False
    await finish(storage, ended)
    waiting = await pending(storage)
    assert await storage.delete_run(ended, actor="request 3") is True
    assert await storage.delete_run(ended) is False
    assert await storage.last_frame(ended) == 0
    assert (await storage.journal(run_id=ended))[-1].actor == "request 3"
    assert (await thread(storage)).status is ThreadStatus.BUSY
    assert await storage.delete_run(waiting) is True
    assert (await thread(storage)).status is ThreadStatus.IDLE
    assert (await thread(storage)).values == IDLE.values


# -- recovering ----------------------------------------------------------------------------


async def test_recovery_puts_running_runs_back_and_no_others(storage: Storage) -> None:
    cut_off, waiting = await running(storage), await pending(storage)
    ended = await running(storage, U)
    await finish(storage, ended)
    recovered = await storage.recover(max_attempts=3)
    assert (recovered.requeued, recovered.failed) == ([cut_off], [])
    assert await status(storage, cut_off) is RunStatus.PENDING
    assert await status(storage, waiting) is RunStatus.PENDING
    assert await status(storage, ended) is RunStatus.SUCCESS
    assert (await moves(storage, cut_off))[-1] == (
        RunStatus.RUNNING,
        RunStatus.PENDING,
        Cause.RECOVERY,
    )
    assert (await thread(storage)).status is ThreadStatus.BUSY
    assert (await storage.recover(max_attempts=3)).requeued == []


async def test_recovery_gives_up_after_too_many_deaths_of_the_server(storage: Storage) -> None:
    run_id = await running(storage)
    waiting = await pending(storage)
    await storage.recover(max_attempts=2)
    await storage.claim_next(T)
    recovered = await storage.recover(max_attempts=2)
    assert (recovered.requeued, recovered.failed) == ([], [run_id])
    assert await status(storage, run_id) is RunStatus.ERROR
    given_up = await thread(storage)
    assert (given_up.status, given_up.rest_status) == (ThreadStatus.BUSY, ThreadStatus.ERROR)
    assert given_up.error is not None
    assert set(orjson.loads(given_up.error)) == {"error", "message"}
    run = await storage.claim_next(T)
    assert run is not None
    assert run.run_id == waiting


CANCEL = Stop(StopKind.INTERRUPT, Cause.CLIENT, "request 4", "because")


async def _stops(storage: Storage) -> dict[str, Stop]:
    """Run id to the stop that a start finds."""
    recovered = await storage.recover(max_attempts=3)
    assert (recovered.requeued, recovered.failed) == ([], [])
    assert all(each.run.status is RunStatus.RUNNING for each in recovered.stopped)
    return {each.run.run_id: each.stop for each in recovered.stopped}


async def test_recovery_leaves_a_run_that_is_being_stopped_to_its_stop(storage: Storage) -> None:
    first, second = await running(storage), await running(storage, U)
    waiting = await pending(storage)
    await storage.stop_runs([first, second, waiting, str(uuid4())], CANCEL)
    for _ in range(2):  # a start that does not get further finds the same
        assert await _stops(storage) == {first: CANCEL, second: CANCEL}
    assert await status(storage, waiting) is RunStatus.PENDING
    assert (await thread(storage)).status is ThreadStatus.BUSY
    assert await storage.claim_next(T) is None
    await storage.finish_run(first, RunStatus.INTERRUPTED, IDLE, cause=Cause.CLIENT)
    assert await storage.rollback_run(second, cause=Cause.CLIENT) is not None
    claimed = await storage.claim_next(T)
    assert claimed is not None
    assert (await storage.recover(max_attempts=3)).requeued == [waiting]


async def test_the_stronger_stop_is_kept(storage: Storage) -> None:
    run_id = await running(storage)
    deadline, rollback = (
        evolve(CANCEL, kind=kind, actor=kind.name)
        for kind in (StopKind.DEADLINE, StopKind.ROLLBACK)
    )
    for asked, kept in [
        (deadline, deadline),
        (CANCEL, CANCEL),
        (evolve(CANCEL, actor="another"), CANCEL),
        (deadline, CANCEL),
        (rollback, rollback),
        (CANCEL, rollback),
    ]:
        await storage.stop_runs([run_id], asked)
        assert await _stops(storage) == {run_id: kept}


@pytest.mark.parametrize("how", list(Displacement))
async def test_a_displacement_is_kept_with_the_displaced_run(
    storage: Storage, how: Displacement
) -> None:
    run_id = await running(storage)
    newer = (await create(storage, new_run(strategy=how))).run.run_id
    await storage.delete_run(newer)
    assert await _stops(storage) == {run_id: how.stop(by=newer)}


async def test_a_displacement_does_not_weaken_a_cancel(storage: Storage) -> None:
    run_id = await running(storage)
    rollback = evolve(CANCEL, kind=StopKind.ROLLBACK)
    await storage.stop_runs([run_id], rollback)
    await create(storage, new_run(strategy="interrupt"))
    assert await _stops(storage) == {run_id: rollback}


async def test_a_run_that_is_being_stopped_is_not_put_back(storage: Storage) -> None:
    """It was displaced, and shutting down the server has not heard of it yet."""
    run_id = await running(storage)
    await storage.stop_runs([run_id], CANCEL)
    assert await storage.requeue_run(run_id, cause=Cause.SHUTDOWN) is False
    assert await _stops(storage) == {run_id: CANCEL}


async def test_a_stop_that_comes_after_the_end_changes_nothing(storage: Storage) -> None:
    run_id = await running(storage)
    await finish(storage, run_id)
    before = await storage.get_run(run_id)
    await storage.stop_runs([run_id], CANCEL)
    assert await storage.get_run(run_id) == before
    assert await _stops(storage) == {}


async def test_starts_that_a_shutdown_ended_are_not_held_against_a_run(storage: Storage) -> None:
    run_id = await running(storage)
    for _ in range(3):
        await storage.requeue_run(run_id, cause=Cause.SHUTDOWN)
        await storage.claim_next(T)
    recovered = await storage.recover(max_attempts=2)
    assert (recovered.requeued, recovered.failed) == ([run_id], [])


async def test_recovery_takes_a_temporary_thread_along_with_the_run_it_gives_up(
    storage: Storage,
) -> None:
    new = new_run(temporary=True)
    await create(storage, new, claim=True)
    assert (await storage.recover(max_attempts=1)).failed == [new.run_id]
    assert await storage.get_thread(T) is None
    assert await status(storage, new.run_id) is None
