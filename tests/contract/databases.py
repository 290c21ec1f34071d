"""The databases that the contract holds for, a clock to open them with, and short makers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from attrs import define

from lgtrio.runs.lanes import admit
from lgtrio.storage.interface import (
    Cause,
    CreatedRun,
    FinishedRun,
    NewRun,
    NewThread,
    Storage,
    ThreadOutcome,
    ThreadRecord,
)
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, ThreadStatus

T = str(UUID(int=1, version=4))
U = str(UUID(int=2, version=4))

FRAMES_PER_RUN = 10


@define
class Clock:
    """A wall clock that moves a millisecond with each look, and further when told to."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> str:
        self.time += timedelta(milliseconds=1)
        return self.time.isoformat(timespec="microseconds")

    def later(self, seconds: float) -> str:
        return (self.time + timedelta(seconds=seconds)).isoformat(timespec="microseconds")

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


Opener = Callable[[Path, Clock], AbstractAsyncContextManager[Storage]]


def _sqlite_inline(_folder: Path, clock: Clock) -> AbstractAsyncContextManager[Storage]:
    return open_sqlite(":memory:", inline=True, max_frames_per_run=FRAMES_PER_RUN, now=clock)


def _sqlite_file(folder: Path, clock: Clock) -> AbstractAsyncContextManager[Storage]:
    path = str(folder / "lgtrio.db")
    return open_sqlite(path, max_frames_per_run=FRAMES_PER_RUN, now=clock)


DATABASES: Mapping[str, Opener] = {"sqlite-inline": _sqlite_inline, "sqlite-file": _sqlite_file}


# -- makers --------------------------------------------------------------------------------


def new_run(
    thread_id: str = T,
    *,
    strategy: str = "enqueue",
    temporary: bool = False,
    resumable: bool = False,
    not_before: str | None = None,
    thread_config: bytes = b"{}",
) -> NewRun:
    return NewRun(
        run_id=str(uuid4()),
        thread_id=thread_id,
        assistant_id=str(UUID(int=7, version=4)),
        graph_id="graph",
        multitask_strategy=MultitaskStrategy(strategy),
        metadata=b'{"made_by": "new_run"}',
        kwargs=b'{"input":  {"as": "sent"}}',
        thread_config=thread_config,
        temporary=temporary,
        resumable=resumable,
        not_before=not_before,
    )


async def create(storage: Storage, new: NewRun, *, claim: bool = False) -> CreatedRun:
    return await storage.create_run(
        new, decide=admit, thread=NewThread(new.thread_id), claim=claim, actor="request 1"
    )


async def running(storage: Storage, thread_id: str = T, **options: bool) -> str:
    """The id of a run that has been created and claimed."""
    created = await create(storage, new_run(thread_id, **options), claim=True)
    assert created.claimed is not None
    return created.run.run_id


async def pending(storage: Storage, thread_id: str = T) -> str:
    return (await create(storage, new_run(thread_id))).run.run_id


async def finish(
    storage: Storage,
    run_id: str,
    status: RunStatus = RunStatus.SUCCESS,
    outcome: ThreadOutcome | None = None,
) -> FinishedRun | None:
    return await storage.finish_run(run_id, status, outcome or IDLE, cause=Cause.GRAPH)


IDLE = ThreadOutcome(rest_status=ThreadStatus.IDLE, values=b'{"n": 1}')


async def thread(storage: Storage, thread_id: str = T) -> ThreadRecord:
    found = await storage.get_thread(thread_id)
    assert found is not None
    return found


async def status(storage: Storage, run_id: str) -> RunStatus | None:
    found = await storage.get_run(run_id)
    return None if found is None else found.status


async def moves(
    storage: Storage, run_id: str
) -> list[tuple[RunStatus | None, RunStatus | None, Cause]]:
    lines = await storage.journal(run_id=run_id)
    return [(line.from_status, line.to_status, line.cause) for line in lines]
