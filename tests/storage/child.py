"""A process that holds a database, or works on it until a fault point kills it.

python child.py hold <database> <port>     prints "open", ends when its stdin does
python child.py work <database>            dies at $LGTRIO_FAULT; after each step that has
                                           returned prints "<run id> <journal lines it has>"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import trio

from lgtrio.runs.lanes import admit
from lgtrio.storage.interface import (
    Cause,
    Frame,
    NewRun,
    NewThread,
    Stop,
    StopKind,
    Storage,
    ThreadOutcome,
)
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.storage.sqlite.faults import faults_from_environment
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, ThreadStatus

PENDING, RUNNING = RunStatus.PENDING, RunStatus.RUNNING
SUCCESS, INTERRUPTED = RunStatus.SUCCESS, RunStatus.INTERRUPTED


def _id(number: int) -> str:
    return str(UUID(int=number, version=4))


FINISHED, UNDONE, PUT_BACK, DELETED, STOPPED, RECOVERED = (_id(number) for number in range(6))

PATHS: Final[Mapping[str, Sequence[RunStatus | None]]] = {
    FINISHED: [PENDING, RUNNING, SUCCESS],
    UNDONE: [PENDING, RUNNING, None],
    PUT_BACK: [PENDING, RUNNING, PENDING],
    DELETED: [PENDING, None],
    STOPPED: [PENDING, RUNNING, INTERRUPTED],
    RECOVERED: [PENDING, RUNNING, PENDING],
}
"""Run id to the statuses it goes through when nothing stops the process."""
STOP_OF_STOPPED: Final = _id(98)
"""Told of, like a run, when the stop is stored."""


def thread_of(run_id: str) -> str:
    """Each run has a thread of its own, except that one is undone where one has finished."""
    return FINISHED if run_id == UNDONE else run_id


async def hold(path: str, port: str) -> None:
    async with open_sqlite(path) as storage:
        storage.announce(port=int(port))
        print("open", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)


async def work(path: str) -> None:
    async with open_sqlite(path, faults=faults_from_environment()) as storage:
        await _create(storage, FINISHED, claim=True)
        await storage.append_frames(FINISHED, [Frame(1, "values", "values", b"1", 1)])
        outcome = ThreadOutcome(rest_status=ThreadStatus.IDLE, values=b'{"finished": 1}')
        await storage.finish_run(FINISHED, SUCCESS, outcome, cause=Cause.GRAPH)
        _returned(FINISHED, 3)

        await _create(storage, UNDONE, claim=True)
        await storage.append_frames(UNDONE, [Frame(1, "values", "values", b"1", 1)])
        await storage.rollback_run(UNDONE, cause=Cause.CLIENT)
        _returned(UNDONE, 3)

        await _create(storage, PUT_BACK, claim=False)
        await storage.claim_next(thread_of(PUT_BACK))
        _returned(PUT_BACK, 2)
        await storage.requeue_run(PUT_BACK, cause=Cause.SHUTDOWN)
        _returned(PUT_BACK, 3)

        await _create(storage, DELETED, claim=False)
        await storage.delete_thread(thread_of(DELETED))
        _returned(DELETED, 2)

        await _create(storage, STOPPED, claim=True)
        await storage.stop_runs([STOPPED], Stop(StopKind.INTERRUPT, Cause.CLIENT))
        _returned(STOP_OF_STOPPED, 1)
        await storage.finish_run(STOPPED, INTERRUPTED, None, cause=Cause.CLIENT)
        _returned(STOPPED, 3)

        await _create(storage, RECOVERED, claim=True)
        await storage.recover(max_attempts=3)
        _returned(RECOVERED, 3)


async def _create(storage: Storage, run_id: str, *, claim: bool) -> None:
    new = NewRun(
        run_id=run_id,
        thread_id=thread_of(run_id),
        assistant_id=_id(99),
        graph_id="graph",
        multitask_strategy=MultitaskStrategy.ENQUEUE,
        metadata=b"{}",
        kwargs=b"{}",
    )
    thread = NewThread(new.thread_id)
    await storage.create_run(new, decide=admit, thread=thread, claim=claim)
    _returned(run_id, 2 if claim else 1)


def _returned(run_id: str, journal_lines: int) -> None:
    print(run_id, journal_lines, flush=True)


if __name__ == "__main__":
    trio.run({"hold": hold, "work": work}[sys.argv[1]], *sys.argv[2:])
