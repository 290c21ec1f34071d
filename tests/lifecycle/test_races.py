"""Two things at once: moments between a commit and the news of it, one test each."""

# ruff: noqa: ARG001 - pytest-trio looks for its clock among the arguments

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked
from world import now, now_iso

from lgtrio.errors import Conflict, NotFound, ShuttingDown, StorageUnavailable
from lgtrio.storage.interface import NewThread, Storage
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction
from support.scripted import Bench, bench, new_run, read_all

T = "11111111-1111-4111-8111-111111111111"
U = "22222222-2222-4222-8222-222222222222"


@define(eq=False)
class HeldStorage:
    """A storage that can be held up: before a transaction, or when it is done and nobody knows."""

    storage: Storage
    held: dict[str, trio.Event] = field(factory=dict)
    """Method to the event that lets its calls go on."""
    early: set[str] = field(factory=set)
    """Methods that are held before their transaction."""
    waiting: dict[str, trio.Event] = field(factory=lambda: defaultdict(trio.Event))
    """Method to an event that is set when a call is held up."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return partial(self._call, name)

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.early:
            await self._wait(name)
        answer = await getattr(self.storage, name)(*args, **kwargs)
        if name not in self.early:
            await self._wait(name)
        return answer

    async def _wait(self, name: str) -> None:
        if name in self.held:
            self.waiting[name].set()
            await self.held[name].wait()

    def hold(self, name: str, *, early: bool = False) -> trio.Event:
        if early:
            self.early.add(name)
        self.held[name] = trio.Event()
        return self.held[name]


@pytest.fixture
async def storage() -> AsyncIterator[HeldStorage]:
    async with open_sqlite(":memory:", inline=True, now=now_iso) as storage:
        yield HeldStorage(storage)


@pytest.fixture
async def b(storage: HeldStorage) -> AsyncIterator[Bench]:
    async with bench(storage, now=now) as b:
        yield b


async def test_a_thread_is_deleted_while_its_run_is_being_claimed(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    first = await b.submit(new_run(T, ["sleep", 1]))
    second = await b.submit(new_run(T, ["sleep", 99]))
    go = storage.hold("claim_next")
    await storage.waiting["claim_next"].wait()
    assert await b.status(first.run_id) == "success"
    nursery.start_soon(b.supervisor.stopper.delete_thread, T)
    await wait_all_tasks_blocked()
    assert await b.storage.get_thread(T) is not None, "deleted under a run that is starting"
    go.set()
    await b.supervisor.stopper.delete_thread(T)
    assert b.executor.active == {}
    assert await b.status(second.run_id) is None
    assert trio.current_time() < 50


async def test_a_thread_is_deleted_while_its_run_is_being_created(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    go = storage.hold("create_run")
    run = new_run(T, ["sleep", 99])
    nursery.start_soon(b.submit, run)
    await storage.waiting["create_run"].wait()
    nursery.start_soon(b.supervisor.stopper.delete_thread, T)
    await wait_all_tasks_blocked()
    go.set()
    await wait_all_tasks_blocked()
    assert await b.storage.get_thread(T) is None
    assert b.executor.active == {}
    assert await b.status(run.run_id) is None


async def test_a_state_update_sees_a_run_that_is_being_created(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    go = storage.hold("create_run")
    nursery.start_soon(b.submit, new_run(T, ["sleep", 99]))
    await storage.waiting["create_run"].wait()
    refused = trio.Event()

    async def update_state() -> None:
        with pytest.raises(Conflict):
            async with b.supervisor.quiet(T):
                pytest.fail("the thread is not quiet")
        refused.set()

    nursery.start_soon(update_state)
    await wait_all_tasks_blocked()
    assert not refused.is_set(), "it has to wait for what is under way"
    go.set()
    await refused.wait()


async def test_a_cancel_hits_a_run_whose_claim_nobody_has_heard_of(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    await b.submit(new_run(T, ["sleep", 1]))
    second = await b.submit(new_run(T, ["sleep", 99]))
    go = storage.hold("claim_next")
    await storage.waiting["claim_next"].wait()
    nursery.start_soon(
        partial(
            b.supervisor.stopper.cancel, T, [second.run_id], action=CancelAction.ROLLBACK, wait=True
        )
    )
    await wait_all_tasks_blocked()
    go.set()
    await wait_all_tasks_blocked()
    assert await b.status(second.run_id) is None
    assert trio.current_time() < 50


async def test_a_displacement_is_told_after_the_displaced_has_ended(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    first = await b.submit(new_run(T, ["sleep", 1]))
    await wait_all_tasks_blocked()
    go = storage.hold("create_run")
    second = new_run(T, ["emit", 2], strategy="interrupt")
    nursery.start_soon(b.submit, second)
    await storage.waiting["create_run"].wait()
    await trio.sleep(5)
    assert await b.status(first.run_id) == "success"
    go.set()
    await trio.sleep(5)
    assert await b.status(second.run_id) == "success"
    assert b.supervisor._handles.all() == []


async def test_a_displacement_that_a_shutdown_overtakes_is_done_by_the_next_start(
    autojump_clock: MockClock, storage: HeldStorage, nursery: trio.Nursery
) -> None:
    async with bench(storage, now=now, shutdown_grace=1) as b:
        first = await b.submit(new_run(T, ["sleep", 99]))
        go = storage.hold("create_run")
        second = new_run(T, ["emit", 1], strategy="rollback")
        nursery.start_soon(b.submit, second)
        await storage.waiting["create_run"].wait()
        nursery.start_soon(b.supervisor.shut_down)
        await trio.sleep(2)
        go.set()
        await trio.sleep(1)
    storage.held.clear()
    async with bench(storage, now=now) as b:
        await trio.sleep(1)
        assert await b.status(first.run_id) is None
        assert await b.status(second.run_id) == "success"
        assert b.executor.order() == [second.run_id]


async def test_a_run_is_deleted_while_its_end_is_being_stored(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    run = await b.submit(new_run(T, ["sleep", 1]))
    go = storage.hold("finish_run", early=True)
    await storage.waiting["finish_run"].wait()
    nursery.start_soon(b.supervisor.stopper.delete_run, run)
    await wait_all_tasks_blocked()
    go.set()
    await wait_all_tasks_blocked()
    assert await b.status(run.run_id) is None
    with pytest.raises(NotFound):
        await b.supervisor.stopper.delete_run(run)


async def test_a_shutdown_waits_for_a_run_that_is_being_created(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench, nursery: trio.Nursery
) -> None:
    go = storage.hold("create_run")
    run = new_run(T, ["sleep", 99])
    nursery.start_soon(b.submit, run)
    await storage.waiting["create_run"].wait()
    down = trio.Event()

    async def shut_down() -> None:
        await b.supervisor.shut_down()
        down.set()

    nursery.start_soon(shut_down)
    await trio.sleep(b.supervisor.options.shutdown_grace + 1)
    assert not down.is_set()
    go.set()
    await down.wait()
    assert await b.status(run.run_id) == "pending"
    stored = await b.storage.get_run(run.run_id)
    assert stored is not None
    with pytest.raises(ShuttingDown):
        await b.supervisor.following.follow(stored)


async def test_a_delay_that_ends_while_it_is_looked_at_is_not_forgotten(
    autojump_clock: MockClock, storage: HeldStorage
) -> None:
    delayed = new_run(T, ["emit", 1], not_before=now_iso(5))
    await storage.create_thread(NewThread(T))
    async with bench(storage, now=now) as b:
        await b.submit(delayed)
        go = storage.hold("claim_next")
        b.supervisor._starter.mark_ready(T)  # too early by a hair, as a clock may be
        await storage.waiting["claim_next"].wait()
        b.supervisor._starter._alarm._times.clear()  # the alarm has rung; it was this one
        await trio.sleep(6)
        go.set()
        await trio.sleep(1)
        assert await b.status(delayed.run_id) == "success"


async def test_a_create_that_is_answered_too_late_runs_all_the_same(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench
) -> None:
    blocked = await b.submit(new_run(T, ["sleep", 999]))
    await wait_all_tasks_blocked()
    storage.hold("create_run")
    run = new_run(T, ["emit", 1], strategy="interrupt")
    with pytest.raises(StorageUnavailable):
        await b.submit(run)
    storage.held.pop("create_run").set()
    await trio.sleep(1)
    assert await b.status(blocked.run_id) == "interrupted"
    assert await b.status(run.run_id) == "success"


async def test_an_error_that_is_stored_at_the_second_try_is_logged_once(
    autojump_clock: MockClock, storage: HeldStorage, b: Bench
) -> None:
    run = await b.submit(new_run(T, ["sleep", 1], ["fail"], resumable=True))
    storage.hold("finish_run")
    await trio.sleep(40)  # the first try has been given up
    storage.held.pop("finish_run").set()
    await trio.sleep(5)
    stored = await b.storage.get_run(run.run_id)
    assert stored is not None
    text = await read_all(await b.supervisor.following.follow(stored, last_event_id="-1"))
    assert text.count(b"event: error") == 1
