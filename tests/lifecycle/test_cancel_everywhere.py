"""Each operation cancelled wherever it waits, and a server that is cut off at every step.

Whatever the caller's cancel hits, the operation is done or it is not, and the server works.
"""

# ruff: noqa: ARG001 - pytest-trio looks for its clock among the arguments

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve, frozen
from cancelling import CancelAtStep, ForgetfulStorage, cancelled_at
from soundness import assert_sound
from trio.testing import MockClock, wait_all_tasks_blocked
from world import now, now_iso

from lgtrio.errors import StorageUnavailable
from lgtrio.storage.interface import NewThread, RunOrder, RunRecord, ThreadRecord
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction
from support.scripted import Bench, bench, new_run, read_all

T = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


@frozen
class Scene:
    """A thread with a finished, a running and two pending runs, one of them delayed."""

    b: Bench
    finished: RunRecord
    running: RunRecord
    pending: RunRecord
    delayed: RunRecord


@asynccontextmanager
async def scene(database: Path) -> AsyncIterator[Scene]:
    async with (
        open_sqlite(str(database), inline=True, now=now_iso) as storage,
        bench(ForgetfulStorage(storage), now=now, shutdown_grace=3) as b,
    ):
        finished = await b.submit(new_run(T, ["emit", 1]))
        await b.ended(finished.run_id)
        runs = [
            await b.submit(new_run(T, ["emit", 2], ["stubborn", 2], ["sleep", 9], resumable=True)),
            await b.submit(new_run(T, ["emit", 3])),
            await b.submit(new_run(T, ["emit", 4], not_before=now_iso(30))),
        ]
        await trio.sleep(1)
        yield Scene(b, finished, *runs)


Operation = Callable[[Scene], Awaitable[Any]]


def _submit(strategy: str, thread_id: str = T) -> Operation:
    async def submit(s: Scene) -> None:
        run = new_run(thread_id, ["emit", 5], strategy=strategy)
        submitted = await s.b.supervisor.submit(run, thread=NewThread(thread_id), follow=True)
        assert submitted.subscription is not None
        await read_all(submitted.subscription)

    return submit


def _cancel(which: str, action: CancelAction) -> Operation:
    async def cancel(s: Scene) -> None:
        run_id = getattr(s, which).run_id
        await s.b.supervisor.stopper.cancel(T, [run_id], action=action, wait=True)

    return cancel


async def _follow(s: Scene) -> None:
    for run in (s.finished, s.running, s.pending):
        await read_all(await s.b.supervisor.following.follow(run, last_event_id="-1"))


async def _join(s: Scene) -> None:
    for run in (s.pending, s.running, s.finished):
        await s.b.supervisor.following.join(run)


async def _delete_runs(s: Scene) -> None:
    for run in (s.delayed, s.pending, s.running, s.finished):
        await s.b.supervisor.stopper.delete_run(run)


async def _delete_thread(s: Scene) -> None:
    await s.b.supervisor.stopper.delete_thread(T)


async def _submit_all(s: Scene) -> None:
    orders = [
        RunOrder(new_run(T, ["emit", 5], strategy="rollback"), None),
        RunOrder(new_run(OTHER, ["emit", 6]), NewThread(OTHER)),
    ]
    for run in await s.b.supervisor.submit_all(orders):
        await s.b.supervisor.following.join(run)


async def _cancel_all(s: Scene) -> None:
    await s.b.supervisor.stopper.cancel_all(
        None, action=CancelAction.ROLLBACK, wait=True, actor=None
    )


async def _copy(s: Scene) -> None:
    """All of it or nothing, beside a run that goes on; the copy is nobody's but its own."""
    try:
        await s.b.storage.copy_thread(T, OTHER)
    finally:
        with trio.move_on_after(1, shield=True):
            copy = await s.b.storage.get_thread(OTHER)
            original = await s.b.storage.get_thread(T)
    assert original is not None
    assert copy is None or (copy.status, copy.values) == ("idle", original.values)


async def _quiet(s: Scene) -> None:
    await trio.sleep(60)  # the thread is at rest
    async with s.b.supervisor.quiet(T):
        await s.b.submit(new_run(T, ["emit", 5]))
        await trio.sleep(1)


OPERATIONS: dict[str, Operation] = {
    "submit": _submit("enqueue"),
    "submit to a new thread": _submit("reject", OTHER),
    "submit interrupt": _submit("interrupt"),
    "submit rollback": _submit("rollback"),
    "submit several": _submit_all,
    "follow": _follow,
    "join": _join,
    "cancel running": _cancel("running", CancelAction.INTERRUPT),
    "roll back running": _cancel("running", CancelAction.ROLLBACK),
    "cancel pending": _cancel("pending", CancelAction.INTERRUPT),
    "roll back pending": _cancel("pending", CancelAction.ROLLBACK),
    "cancel delayed": _cancel("delayed", CancelAction.INTERRUPT),
    "cancel all": _cancel_all,
    "delete runs": _delete_runs,
    "delete thread": _delete_thread,
    "copy": _copy,
    "quiet": _quiet,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_cancelled_operation_leaves_a_sound_server(name: str, tmp_path: Path) -> None:
    async def cancel(n: int) -> bool:
        database = tmp_path / f"{n}.db"
        async with scene(database) as s:
            hit = await cancelled_at(n, lambda: OPERATIONS[name](s))
            await assert_sound(s.b, database, T)
        return hit

    n = 1
    while trio.run(cancel, n, clock=MockClock(autojump_threshold=0)):
        n += 1
    assert n > 1, "it never waits, so nothing has been tested"


def test_a_shutdown_that_is_cancelled_is_a_crash(tmp_path: Path) -> None:
    async def cancel(n: int) -> bool:
        database = tmp_path / f"{n}.db"
        async with scene(database) as s:
            hit = await cancelled_at(n, s.b.supervisor.shut_down)
        await _assert_next_start_is_sound(database)
        return hit

    n = 1
    while trio.run(cancel, n, clock=MockClock(autojump_threshold=0)):
        n += 1
    assert n > 1


async def _assert_next_start_is_sound(database: Path) -> None:
    async with (
        open_sqlite(str(database), inline=True, now=now_iso) as storage,
        bench(storage, now=now) as b,
    ):
        await assert_sound(b, database, T)


# -- a server that is cut off --------------------------------------------------------------


async def _live(b: Bench) -> None:
    """Starts, steps, ends, a rollback, a displacement, a delay: something of everything."""
    first = await b.submit(new_run(T, ["emit", 1], ["sleep", 1], ["fail"], resumable=True))
    await b.submit(new_run(T, ["emit", 2], not_before=now_iso(2)))
    await b.ended(first.run_id)
    second = await b.submit(new_run(T, ["emit", 3], ["stubborn", 2]))
    await trio.sleep(0.5)
    await b.submit(new_run(T, ["emit", 4], ["sleep", 5], strategy="rollback"))
    await b.ended(second.run_id)
    await trio.sleep(1)
    last = await b.submit(new_run(T, ["emit", 5], strategy="interrupt"))
    await b.ended(last.run_id)


@pytest.mark.long
def test_a_server_cut_off_at_any_step_comes_back_sound(tmp_path: Path) -> None:
    async def cut(n: int) -> bool:
        database = tmp_path / f"{n}.db"
        async with open_sqlite(str(database), inline=True, now=now_iso) as storage:
            with trio.CancelScope() as scope:
                instrument = CancelAtStep(None, scope, n)
                trio.lowlevel.add_instrument(instrument)
                try:
                    async with bench(ForgetfulStorage(storage), now=now) as b:
                        with suppress(StorageUnavailable):  # the answer of a server that ends
                            await _live(b)
                finally:
                    trio.lowlevel.remove_instrument(instrument)
        await _assert_next_start_is_sound(database)
        return instrument.hit

    n = 1
    while trio.run(cut, n, clock=MockClock(autojump_threshold=0)):
        n += 1
    assert n > 50


# -- rollback ------------------------------------------------------------------------------


def _apart_from_the_update(thread: ThreadRecord | None) -> ThreadRecord | None:
    return thread and evolve(thread, updated_at="")


@pytest.mark.parametrize("before", ["new", "succeeded", "failed", "cancelled"])
@pytest.mark.parametrize("how", ["cancel", "displace", "delete"])
async def test_a_rollback_leaves_the_thread_as_it_was(
    autojump_clock: MockClock, tmp_path: Path, before: str, how: str
) -> None:
    async with (
        open_sqlite(str(tmp_path / "t.db"), inline=True) as storage,
        bench(storage) as b,
    ):
        await storage.create_thread(NewThread(T, b'{"mine":1,"graph_id":"chosen"}'))
        if before != "new":
            ends = {"succeeded": [], "failed": [["fail"]], "cancelled": [["sleep", 9]]}
            earlier = new_run(T, ["emit", 1], *ends[before])
            run = await b.submit(evolve(earlier, thread_config=b'{"tags":["earlier"]}'))
            await wait_all_tasks_blocked()
            if before == "cancelled":
                await b.supervisor.stopper.cancel(
                    T, [run.run_id], action=CancelAction.INTERRUPT, wait=True
                )
        row = _apart_from_the_update(await storage.get_thread(T))
        undone = await b.submit(new_run(T, ["emit", 2], ["sleep", 9], resumable=True))
        await wait_all_tasks_blocked()
        assert _apart_from_the_update(await storage.get_thread(T)) != row
        if how == "cancel":
            await b.supervisor.stopper.cancel(
                T, [undone.run_id], action=CancelAction.ROLLBACK, wait=True
            )
        elif how == "delete":
            await b.supervisor.stopper.delete_run(undone)
        else:
            # The displacing run is undone in its turn: both are as if they had never been.
            other = await b.submit(new_run(T, ["sleep", 9], strategy="rollback"))
            await wait_all_tasks_blocked()
            await b.supervisor.stopper.delete_run(other)
        assert _apart_from_the_update(await storage.get_thread(T)) == row
        assert await storage.read_frames(undone.run_id, after=0) == []
