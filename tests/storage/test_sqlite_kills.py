"""A process killed with SIGKILL at every named point: each operation is stored whole or not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import child
import pytest
import trio

from lgtrio.errors import SettingsError
from lgtrio.storage.interface import Storage
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.storage.sqlite.faults import VARIABLE, KillAt, faults_from_environment
from lgtrio.wire.enums import ACTIVE, RunStatus, ThreadStatus

POINTS = [
    *(
        f"{moment}-op:{method}"
        for moment in ("before", "after")
        for method in (
            "create_run",
            "claim_next",
            "append_frames",
            "finish_run",
            "rollback_run",
            "stop_runs",
            "requeue_run",
            "delete_thread",
            "recover",
        )
    ),
    "before-op:migrate",
    "after-op:migrate",
    "before-commit",
    "after-commit",
    *(f"{moment}-commit:{count}" for moment in ("before", "after") for count in (2, 4, 7, 14)),
]
BATCHES_AT_ONCE = 4
"""Children share two processors; more of them would only wait for each other."""


async def test_a_kill_at_any_point_leaves_all_or_nothing(tmp_path: Path) -> None:
    limiter = trio.CapacityLimiter(BATCHES_AT_ONCE)
    async with trio.open_nursery() as nursery:
        for number, point in enumerate(POINTS):
            nursery.start_soon(_kill_and_look, point, tmp_path / f"{number}.db", limiter)


async def _kill_and_look(point: str, path: Path, limiter: trio.CapacityLimiter) -> None:
    async with limiter:
        told = await _work_until_killed(point, path)
    async with open_sqlite(str(path)) as storage:
        for run_id, whole in child.PATHS.items():
            lines = [line.to_status for line in await storage.journal(run_id=run_id)]
            assert len(lines) >= told.get(run_id, 0), (point, "something that was told is lost")
            assert lines == whole[: len(lines)], point
            await _agrees(storage, run_id, lines[-1] if lines else None)
        recovered = await storage.recover(max_attempts=3)
        stopped = [each.run.run_id for each in recovered.stopped]
        if child.STOP_OF_STOPPED in told:
            assert child.STOPPED not in recovered.requeued, point
        for run_id in child.PATHS:
            run = await storage.get_run(run_id)
            running = run is not None and run.status is RunStatus.RUNNING
            assert running == (run_id in stopped), point
            await _agrees(storage, run_id, run.status if run else None)


async def _work_until_killed(point: str, path: Path) -> Mapping[str, int]:
    """Run id to the journal lines that the process has told of before it died."""
    process = await trio.run_process(
        [sys.executable, child.__file__, "work", str(path)],
        env={**os.environ, VARIABLE: point},
        capture_stdout=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, f"{point} was never reached"
    lines = [line.split() for line in process.stdout.decode().splitlines() if len(line) < 60]
    known = {*child.PATHS, child.STOP_OF_STOPPED}
    return {run_id: int(count) for run_id, count in lines if run_id in known}


async def _agrees(storage: Storage, run_id: str, status: RunStatus | None) -> None:
    """The run, its frames and its thread are what the journal says."""
    run = await storage.get_run(run_id)
    assert (run.status if run else None) is status
    if run is None:
        assert await storage.last_frame(run_id) == 0
        return
    thread = await storage.get_thread(run.thread_id)
    assert thread is not None
    on_it = await storage.list_runs(run.thread_id, limit=10, offset=0, status=None)
    busy = any(each.status in ACTIVE for each in on_it)
    assert thread.status is (ThreadStatus.BUSY if busy else thread.rest_status)
    assert (thread.values is not None) is any(each.status is RunStatus.SUCCESS for each in on_it)


# -- asking for a kill ---------------------------------------------------------------------


def test_no_variable_no_faults() -> None:
    assert faults_from_environment({}) is None
    assert faults_from_environment({VARIABLE: ""}) is None


@pytest.mark.parametrize(
    ("value", "point", "times"),
    [
        ("before-commit", "before-commit", 1),
        ("after-commit:12", "after-commit", 12),
        ("before-op:finish_run", "before-op:finish_run", 1),
        ("after-op:create_run:3", "after-op:create_run", 3),
    ],
)
def test_a_point_and_a_count(value: str, point: str, times: int) -> None:
    faults = faults_from_environment({VARIABLE: value})
    assert isinstance(faults, KillAt)
    assert (faults.point, faults.times) == (point, times)


@pytest.mark.parametrize("value", ["commit", "before-", "before-op:", "before-commit:0", "3"])
def test_another_form_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=VARIABLE):
        faults_from_environment({VARIABLE: value})


def test_a_process_that_no_fault_stops_does_everything(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, child.__file__, "work", str(tmp_path / "whole.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{child.RECOVERED} 3" in done.stdout
