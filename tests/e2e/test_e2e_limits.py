"""Limits of a server: worker places, the time a run may take, the grace of a cancelled node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.sdk import open_sdk
from support.server import Server, running
from support.waiting import eventually, lines_of

PLACES = 2
TIME_LIMIT = 2.5
GRACE = 0.3


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    options = [
        *("--n-jobs-per-worker", str(PLACES)),
        *("--run-timeout", str(TIME_LIMIT)),
        *("--cancel-grace", str(GRACE)),
    ]
    with running(tmp_path_factory.mktemp("limits") / "lgtrio.db", options=options) as server:
        yield server


@pytest.fixture
def sdk(server: Server) -> Iterator[Any]:
    with open_sdk("sync", server.url) as client:
        yield client


@pytest.fixture
def thread_id(sdk: Any) -> str:
    return sdk.threads.create()["thread_id"]


def test_no_more_runs_at_once_than_there_are_places(sdk: Any, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    runs = [
        sdk.runs.create(
            None, "steps", input={"seconds": 0.1, "file": str(file)}, on_completion="keep"
        )
        for _ in range(6)
    ]
    for run in runs:
        assert sdk.runs.join(run["thread_id"], run["run_id"])["log"] == ["a", "b", "c"]
    executing: set[str] = set()
    most = 0
    for line in lines_of(file):
        run_id, node, what = line.split()
        if (node, what) == ("a", "start"):
            executing.add(run_id)
        most = max(most, len(executing))
        if (node, what) == ("c", "end"):
            executing.remove(run_id)
    assert most == PLACES


def test_a_run_that_takes_too_long(sdk: Any, thread_id: str) -> None:
    began = time.monotonic()
    result = sdk.runs.wait(thread_id, "steps", input={"seconds": 60, "slow": "b"})
    assert TIME_LIMIT <= time.monotonic() - began < TIME_LIMIT + 30
    assert result["log"] == ["a"], "values so far"
    assert sdk.runs.list(thread_id)[0]["status"] == "timeout"
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == (
        "error",
        {"error": "TimeoutError", "message": ""},
    )
    assert sdk.threads.get_state(thread_id)["next"] == ["b"]


def test_a_node_that_does_not_stop_is_fenced(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "stubborn"
    run = sdk.runs.create(thread_id, "stubborn", input={"file": str(file), "ticks": 20})
    eventually(lambda: "tick 1" in lines_of(file))
    sdk.runs.cancel(thread_id, run["run_id"], wait=True)
    assert "finished" not in lines_of(file)
    assert sdk.runs.get(thread_id, run["run_id"])["status"] == "interrupted"
    history = checkpoint_ids(sdk, thread_id)
    # The thread goes on while the node is still stuck.
    assert sdk.runs.wait(thread_id, "echo", input={"foo": "next"})["foo"] == "next!"
    eventually(lambda: "finished" in lines_of(file))
    assert "swallowed" in lines_of(file)
    state = sdk.threads.get_state(thread_id)
    assert "survived" not in state["values"]
    echo = 4  # checkpoints
    assert checkpoint_ids(sdk, thread_id)[echo:] == history


def checkpoint_ids(sdk: Any, thread_id: str) -> list[str]:
    """Newest first."""
    return [row["checkpoint_id"] for row in sdk.threads.get_history(thread_id, limit=100)]
