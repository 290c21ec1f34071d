"""Trio nodes in the runs of a real server, seen by the official client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lgtrio.graphs.trio_nodes.failures import USE_GRAPH_SIDE
from support.sdk import open_sdk
from support.server import Server, running
from support.waiting import eventually, lines_of

CONFIG = Path(__file__).parent / "served.json"
GRACE = 0.3
SHIELDED = 2.0
"""Seconds; long beside the grace."""

BLOCKED_AFTER = 0.2

IDLE = {"file": os.devnull, "seconds": 0, "shielded": 0}


@pytest.fixture(scope="module")
def trio_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    database = tmp_path_factory.mktemp("trio") / "lgtrio.db"
    options = ["--cancel-grace", str(GRACE), "--blocked-after", str(BLOCKED_AFTER)]
    # A machine with other work may take a node for one that blocks.
    expected = ["a closed run blocks its"]
    with running(database, expected=expected, config=CONFIG, options=options) as server:
        yield server


@pytest.fixture
def client(trio_server: Server) -> Iterator[Any]:
    with open_sdk("sync", trio_server.url) as client:
        yield client


@pytest.fixture
def thread_id(client: Any) -> str:
    return client.threads.create()["thread_id"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def started(client: Any, thread_id: str, file: Path, **options: Any) -> str:
    """A run whose two tasks are at work for a minute."""
    given = {"file": str(file), "seconds": 60, **options}
    run = client.runs.create(thread_id, "work", input=given)
    eventually(lambda: {"a start", "b start"} <= set(lines_of(file)))
    return run["run_id"]


def test_the_demo_graph_streams_and_gives_up_what_is_slow(client: Any) -> None:
    parts = list(
        client.runs.stream(
            None,
            "structured",
            input={"question": "Why?"},
            stream_mode=["custom", "messages-tuple", "values"],
        )
    )
    custom = [part.data["answered"] for part in parts if part.event == "custom"]
    assert custom == ["encyclopedia", "newspapers"]
    answer = parts[-1].data["answer"]
    assert answer.startswith("You said: Why? (says: encyclopedia, newspapers)")
    tokens = [part.data[0]["content"] for part in parts if part.event == "messages"]
    assert "".join(tokens) == answer


def test_a_cancelled_run_ends_when_its_tasks_have(client: Any, thread_id: str, file: Path) -> None:
    run_id = started(client, thread_id, file)
    client.runs.cancel(thread_id, run_id, wait=True)
    lines = lines_of(file)
    assert {"a end", "b end"} <= set(lines)
    assert lines[-1] == "left"
    assert client.runs.get(thread_id, run_id)["status"] == "interrupted"
    assert client.threads.get_state(thread_id)["next"] == ["busy"]


def test_one_that_shields_itself_is_fenced(client: Any, thread_id: str, file: Path) -> None:
    run_id = started(client, thread_id, file, shielded=SHIELDED)
    client.runs.cancel(thread_id, run_id, wait=True)
    assert "left" not in lines_of(file)
    assert client.runs.get(thread_id, run_id)["status"] == "interrupted"
    # The thread goes on, in the Trio loop where the other node still is.
    again = client.runs.wait(thread_id, "work", input=IDLE)
    assert again["said"] == "worked"
    eventually(lambda: "left" in lines_of(file))
    assert lines_of(file)[-2] == "Fenced"


def test_a_question_asked_in_a_nursery(client: Any, thread_id: str) -> None:
    asked = client.runs.wait(thread_id, "ask", input={})
    assert [each["value"] for each in asked["__interrupt__"]] == ["what do you say?"]
    assert client.threads.get(thread_id)["status"] == "interrupted"
    done = client.runs.wait(thread_id, "ask", command={"resume": "hello"})
    assert done["said"] == "hello"
    assert client.threads.get(thread_id)["status"] == "idle"


def test_a_mistake_is_explained_to_the_client(client: Any, thread_id: str) -> None:
    run = client.runs.create(thread_id, "mistake", input={})
    client.runs.join(thread_id, run["run_id"])
    assert client.runs.get(thread_id, run["run_id"])["status"] == "error"
    error = client.threads.get(thread_id)["error"]
    assert error == {"error": "RuntimeError", "message": USE_GRAPH_SIDE}


def test_one_that_blocks_its_loop_is_named(
    trio_server: Server, client: Any, thread_id: str
) -> None:
    run = client.runs.create(thread_id, "blocks", input={"seconds": 5 * BLOCKED_AFTER})
    client.runs.join(thread_id, run["run_id"])
    log, run_id = trio_server.log, run["run_id"]
    blocks = log.find("a node blocks its Trio loop", run_id=run_id)
    free = log.find("the Trio loop is free again", run_id=run_id)
    assert blocks is not None
    assert free is not None
    assert blocks["node"] == free["node"] == "blocking"
    assert "served_graphs.py:" in blocks["place"]
    assert BLOCKED_AFTER <= blocks["blocked_for"] <= free["blocked_for"]
    metrics = httpx.get(f"{trio_server.url}/metrics").text
    assert 'lgtrio_graph_loop_lag_seconds{loop="lgtrio-trio-nodes"}' in metrics


def test_a_stopped_server_cancels_the_node_and_the_next_one_runs_it_again(
    own_process: Path, file: Path
) -> None:
    database = own_process / "lgtrio.db"
    short = ["--shutdown-grace", "0.2"]
    with (
        running(database, config=CONFIG, options=short) as server,
        open_sdk("sync", server.url) as client,
    ):
        thread_id = client.threads.create()["thread_id"]
        run_id = started(client, thread_id, file, seconds=2)
    assert lines_of(file)[-1] == "left"
    assert sorted(lines_of(file)[2:4]) == ["a end", "b end"]
    with running(database, config=CONFIG) as server, open_sdk("sync", server.url) as client:
        assert client.runs.join(thread_id, run_id)["said"] == "worked"
        assert client.runs.get(thread_id, run_id)["status"] == "success"
    assert lines_of(file).count("a start") == 2
