"""What must hold after anything that can happen to a server."""

from __future__ import annotations

from pathlib import Path

import trio

from lgtrio.storage.interface import NewThread
from lgtrio.wire.enums import ACTIVE
from support.database import inconsistencies, run_statuses
from support.scripted import Bench, new_run

LONG = 500.0
"""Virtual seconds after which everything that was going to happen has happened."""


async def assert_sound(b: Bench, database: Path, *thread_ids: str) -> None:
    """Everything comes to rest, nothing is left over, and the server still works.

    The database agrees with itself (one change after the other from creation on, a terminal
    status once, threads busy exactly while a run is active), no run is left active, no place,
    handle or task is left in use, and a new run on each of the threads succeeds.
    """
    await trio.sleep(LONG)
    _assert_at_rest(b, database)
    for thread_id in thread_ids:
        run = new_run(thread_id, ["emit", 1])
        submitted = await b.supervisor.submit(run, thread=NewThread(thread_id))
        assert await b.supervisor.following.join(submitted.run, submitted.handle) == b'{"seen":[1]}'
    await trio.sleep(LONG)
    _assert_at_rest(b, database)


def _assert_at_rest(b: Bench, database: Path) -> None:
    assert not list(inconsistencies(database))
    assert not ACTIVE.intersection(run_statuses(database).values())
    supervisor = b.supervisor
    assert supervisor._starter.places.taken == 0
    assert supervisor._handles.all() == []
    assert b.executor.active == {}
    # Only the task that waits for delays is left.
    assert [task.name.rpartition(".")[2] for task in supervisor.nursery.child_tasks] == [
        "watch_delays"
    ]
