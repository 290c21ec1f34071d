"""A life with something of everything, on a database whose n-th call fails or hangs, for every n.

Clients are told of it (503) and go on; afterwards everything is at rest and the server works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from faulty import Fault, FaultyStorage
from soundness import assert_sound
from trio.testing import MockClock
from world import now, now_iso

from lgtrio.errors import NotFound, StorageError
from lgtrio.runs.streams import StreamCut
from lgtrio.storage.interface import NewThread
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction
from support.scripted import Bench, bench, new_run, read_all

T = "11111111-1111-4111-8111-111111111111"
U = "22222222-2222-4222-8222-222222222222"


async def _try(operation: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
    """What a client does: a request that fails with 503, or with 404 after another failed."""
    with suppress(StorageError, NotFound):
        return await operation(*args, **kwargs)
    return None


async def _live(b: Bench, direct: Any) -> None:
    """
    Args:
        direct: the storage without its fault, to look things up.
    """
    supervisor = b.supervisor
    failing = await _try(b.submit, new_run(T, ["emit", 1], ["sleep", 1], ["fail"], resumable=True))
    await _try(b.submit, new_run(T, ["emit", 2], not_before=now_iso(3)))
    if failing is not None:
        subscription = await _try(supervisor.following.follow, failing, last_event_id="-1")
        if subscription is not None:
            await _try(read_all, subscription)
        await _try(supervisor.following.join, failing)
    stubborn = await _try(b.submit, new_run(T, ["emit", 3], ["stubborn", 2]))
    await trio.sleep(0.5)
    await _try(b.submit, new_run(T, ["emit", 4], ["sleep", 50], strategy="rollback"))
    await trio.sleep(4)
    await _try(b.submit, new_run(T, ["sleep", 50], strategy="interrupt"))
    for run in await direct.list_runs(T, limit=9, offset=0, status=None):
        await _try(
            supervisor.stopper.cancel, T, [run.run_id], action=CancelAction.ROLLBACK, wait=False
        )
    gone = await _try(b.submit, new_run(T, ["sleep", 60]))
    if gone is not None:
        supervisor.stopper.disconnected(gone.run_id)
    if stubborn is not None:
        await _try(supervisor.stopper.delete_run, stubborn)
    await _try(b.submit, new_run(U, ["sleep", 60]))
    await _try(b.submit, new_run(U, ["sleep", 60]))
    await _try(supervisor.stopper.delete_thread, U)
    await trio.sleep(100)
    await _try(_update_state, b)


async def _update_state(b: Bench) -> None:
    async with b.supervisor.quiet(T):
        await trio.sleep(1)


@pytest.mark.parametrize("fault", Fault)
def test_the_server_survives_a_fault_of_any_call(fault: Fault, tmp_path: Path) -> None:
    async def live(n: int) -> bool:
        database = tmp_path / f"{n}.db"
        async with (
            open_sqlite(str(database), inline=True, now=now_iso) as storage,
            trio.open_nursery() as nursery,
        ):
            faulty = FaultyStorage(storage, fault, 0, nursery)
            async with bench(faulty, now=now, n_jobs=2) as b:
                faulty.calls, faulty.at = 0, n
                await _live(b, storage)
                hit = faulty.calls >= n
                faulty.at = 0
                await assert_sound(b, database, T, U)
        return hit

    n = 1
    while trio.run(live, n, clock=MockClock(autojump_threshold=0)):
        n += 1
    assert n > 40


@pytest.mark.parametrize("fault", Fault)
def test_a_shutdown_with_a_fault_ends_in_bounded_time(fault: Fault, tmp_path: Path) -> None:
    async def live(n: int) -> bool:
        database = tmp_path / f"{n}.db"
        async with (
            open_sqlite(str(database), inline=True, now=now_iso) as storage,
            trio.open_nursery() as nursery,
        ):
            faulty = FaultyStorage(storage, fault, 0, nursery)
            async with bench(faulty, now=now, shutdown_grace=3) as b:
                run = await b.submit(new_run(T, ["emit", 1], ["sleep", 9], resumable=True))
                await b.submit(new_run(T, ["emit", 2]))
                submitted = await b.supervisor.submit(
                    new_run(U, ["sleep", 1], ["emit", 3]), thread=NewThread(U)
                )
                faulty.calls, faulty.at = 0, n
                start = trio.current_time()
                await b.supervisor.shut_down()
                assert trio.current_time() - start < 120
                hit = faulty.calls >= n
                faulty.at = 0
                for each in (run, submitted.run):
                    with suppress(StreamCut):
                        await b.supervisor.following.wait_ended(each.run_id)
            await trio.sleep(100)  # what hung is done
            async with bench(storage, now=now) as b:
                await assert_sound(b, database, T, U)
        return hit

    n = 1
    while trio.run(live, n, clock=MockClock(autojump_threshold=0)):
        n += 1
    assert n > 2
