"""Random operations in random order: what must hold after every one of them, whatever it was."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from attrs import define, field
from databases import DATABASES, IDLE, Clock, create, new_run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lgtrio.runs.machine import LEGAL
from lgtrio.storage.interface import Cause, RunRecord, Stop, StopKind, Storage
from lgtrio.wire.enums import ACTIVE, TERMINAL, RunStatus, ThreadStatus

THREADS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(2)]
STRATEGIES = ["enqueue", "interrupt", "rollback"]
ENDS = sorted(TERMINAL)
DELAY = 10.0


@define
class Driver:
    """Does one operation; `pick` selects among what there is to choose from."""

    storage: Storage
    clock: Clock
    runs: list[str] = field(factory=list)
    """Every run ever created, oldest first; many of them have ended or are gone."""

    async def create(self, pick: int) -> None:
        strategy = STRATEGIES[pick % 3]
        not_before = self.clock.later(DELAY) if pick % 5 == 4 else None
        new = new_run(THREADS[pick % 2], strategy=strategy, not_before=not_before)
        self.runs.append(new.run_id)
        created = await create(self.storage, new, claim=pick % 7 < 4)
        for run_id in created.to_cancel:
            run = await self.storage.get_run(run_id)
            assert run is not None
            assert run.status is RunStatus.RUNNING

    async def claim(self, pick: int) -> None:
        thread_id = THREADS[pick % 2]
        lane = await _lane(self.storage, thread_id)
        claimed = await self.storage.claim_next(thread_id)
        expected = _next(lane, self.clock.later(0))
        assert (claimed.run_id if claimed else None) == expected

    async def finish(self, pick: int) -> None:
        if run_id := self._run(pick):
            run = await self.storage.get_run(run_id)
            waiting = run is not None and run.status is RunStatus.PENDING
            end = RunStatus.INTERRUPTED if waiting else ENDS[pick % len(ENDS)]
            await self.storage.finish_run(run_id, end, IDLE, cause=Cause.GRAPH)

    async def requeue(self, pick: int) -> None:
        if run_id := self._run(pick):
            await self.storage.requeue_run(run_id, cause=Cause.SHUTDOWN)

    async def stop(self, pick: int) -> None:
        if run_id := self._run(pick):
            kind = [StopKind.DEADLINE, StopKind.INTERRUPT, StopKind.ROLLBACK][pick % 3]
            await self.storage.stop_runs([run_id], Stop(kind, Cause.CLIENT))

    async def roll_back(self, pick: int) -> None:
        if run_id := self._run(pick):
            await self.storage.rollback_run(run_id, cause=Cause.CLIENT)

    async def delete_run(self, pick: int) -> None:
        if run_id := self._run(pick):
            await self.storage.delete_run(run_id)

    async def delete_thread(self, pick: int) -> None:
        if pick % 4 == 0:
            await self.storage.delete_thread(THREADS[pick // 4 % 2])

    async def recover(self, pick: int) -> None:
        recovered = await self.storage.recover(max_attempts=1 + pick % 3)
        stopped = [each.run.run_id for each in recovered.stopped]
        for thread_id in THREADS:
            for run in await _lane(self.storage, thread_id):
                assert (run.status is RunStatus.RUNNING) == (run.run_id in stopped)

    async def wait(self, pick: int) -> None:
        self.clock.advance(pick % 3 * DELAY)

    def _run(self, pick: int) -> str | None:
        """The newest ones are the likeliest to be alive."""
        return self.runs[-1 - pick % min(len(self.runs), 5)] if self.runs else None


Operation = Callable[[Driver, int], Awaitable[None]]
OPERATIONS: Sequence[Operation] = [
    Driver.create,
    Driver.create,
    Driver.claim,
    Driver.finish,
    Driver.requeue,
    Driver.stop,
    Driver.roll_back,
    Driver.delete_run,
    Driver.delete_thread,
    Driver.recover,
    Driver.wait,
]
steps = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 209)), max_size=30)


@pytest.mark.parametrize("database", list(DATABASES))
@given(steps=steps)
@example(steps=[(Driver.create, 0), (Driver.requeue, 0), (Driver.create, 0), (Driver.claim, 0)])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
async def test_invariants_hold_after_any_operations(
    database: str, steps: Sequence[tuple[Operation, int]]
) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        async with DATABASES[database](Path(folder), clock) as storage:
            driver = Driver(storage, clock)
            for operation, pick in steps:
                await operation(driver, pick)
                for thread_id in THREADS:
                    await _check_thread(storage, thread_id)
            for run_id in driver.runs:
                await _check_journal(storage, run_id)


async def _lane(storage: Storage, thread_id: str) -> list[RunRecord]:
    """Active runs, oldest first."""
    newest_first = await storage.list_runs(thread_id, limit=1000, offset=0, status=None)
    return [run for run in reversed(newest_first) if run.status in ACTIVE]


def _next(lane: Sequence[RunRecord], now: str) -> str | None:
    """The model of `claim_next`."""
    if any(run.status is RunStatus.RUNNING for run in lane):
        return None
    cut_off = [run.run_id for run in lane if run.attempt]
    due = [run.run_id for run in lane if run.not_before is None or run.not_before <= now]
    return next(iter(cut_off + due), None)


async def _check_thread(storage: Storage, thread_id: str) -> None:
    lane = await _lane(storage, thread_id)
    thread = await storage.get_thread(thread_id)
    assert [run.status for run in lane].count(RunStatus.RUNNING) <= 1
    if thread is None:
        assert lane == []
    else:
        assert thread.status is (ThreadStatus.BUSY if lane else thread.rest_status)
        assert thread.rest_status is not ThreadStatus.BUSY


async def _check_journal(storage: Storage, run_id: str) -> None:
    """Every line is a legal move from where the one before ended, up to what is stored."""
    status: RunStatus | None = None
    starts = 0
    for line in await storage.journal(run_id=run_id):
        assert line.from_status is status
        assert line.to_status in LEGAL[status]
        status = line.to_status
        starts += status is RunStatus.RUNNING
    run = await storage.get_run(run_id)
    assert (run.status if run else None) is status
    assert run is None or run.attempt == starts
