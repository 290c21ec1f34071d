"""Nodes that block their event loop, or hold the interpreter: HTTP goes on beside them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.server import Server, running
from support.waiting import eventually, lines_of

SECONDS = 3
BOUND = 0.050
"""95 of 100 requests for /ok must be answered within this time meanwhile."""
TRIES = 3
"""Other processes of a small machine disturb one measurement, hardly three in a row."""

BLOCKERS = {"sleeps_in_async": "sleeping_node", "burns_cpu": "burning_node"}


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    with running(tmp_path_factory.mktemp("blocking") / "lgtrio.db") as server:
        yield server


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as http:
        yield http


def background(http: httpx.Client, graph: str, **fields: object) -> str:
    """Start a run on a thread of its own; its path."""
    thread_id = http.post("/threads", json={}).json()["thread_id"]
    answer = http.post(f"/threads/{thread_id}/runs", json={"assistant_id": graph, **fields})
    return f"/threads/{thread_id}/runs/{answer.json()['run_id']}"


def answer_times(http: httpx.Client, seconds: float) -> list[float]:
    """How long each of as many requests for /ok took as fit into `seconds`, one at a time."""
    times = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        assert http.get("/ok").status_code == 200
        times.append(time.monotonic() - began)
        time.sleep(0.005)
    return times


@pytest.mark.alone
@pytest.mark.parametrize("graph", BLOCKERS)
def test_health_is_answered_meanwhile(http: httpx.Client, graph: str) -> None:
    worst = []
    for _ in range(TRIES):
        run = background(http, graph, input={"seconds": SECONDS})
        worst.append(statistics.quantiles(answer_times(http, SECONDS - 0.5), n=20)[-1])
        assert http.get(run).json()["status"] == "running", "it did not block at all"
        http.get(f"{run}/join")
        if worst[-1] < BOUND:
            return
    pytest.fail(f"p95 of /ok: {[f'{each * 1000:.0f} ms' for each in worst]}")


@pytest.mark.parametrize("graph", BLOCKERS)
def test_other_runs_can_be_cancelled_meanwhile(
    http: httpx.Client, graph: str, tmp_path: Path
) -> None:
    file = tmp_path / "blocking"
    other = background(http, "steps", input={"seconds": 60})
    blocker = background(http, graph, input={"seconds": SECONDS, "file": str(file)})
    eventually(lambda: lines_of(file))
    assert http.post(f"{other}/cancel").status_code == 202
    assert http.get(blocker).json()["status"] == "running"
    assert http.get(f"{other}/join").status_code == 200
    assert http.get(other).json()["status"] == "interrupted"
    assert http.get(f"{blocker}/join").json()["blocked_for"] == SECONDS


@pytest.mark.parametrize(("graph", "node"), BLOCKERS.items())
def test_the_log_names_run_and_node(
    server: Server, http: httpx.Client, graph: str, node: str
) -> None:
    run = background(http, graph, input={"seconds": SECONDS})
    run_id = run.rsplit("/", 1)[1]
    line = server.log.find("block", run_id=run_id, node=node)
    assert line, f"no line about {node} of {run_id}:\n{server.log.tail()}"
    assert line["level"] == "warning"
    http.get(f"{run}/join")


def test_a_sync_node_blocks_nobody(http: httpx.Client) -> None:
    """A hundred nodes in `time.sleep` end together, not one after the other."""
    began = time.monotonic()
    runs = [background(http, "sleeps_in_thread", input={"seconds": 1}) for _ in range(100)]
    for run in runs:
        assert http.get(f"{run}/join").json()["blocked_for"] == 1
    assert time.monotonic() - began < 50
