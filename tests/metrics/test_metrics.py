"""`/metrics` of real servers: what it counts, and that each of it is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import lgtrio
from support.server import Server, running
from support.waiting import eventually, lines_of

GRACE = 0.2
Labels = dict[str, str]


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    database = tmp_path_factory.mktemp("metrics") / "lgtrio.db"
    options = ["--cancel-grace", str(GRACE), "--blocked-after", "0.2"]
    with running(database, options=options, expected=["which is replaced"]) as server:
        yield server


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as http:
        yield http


def samples(http: httpx.Client) -> dict[str, list[tuple[Labels, float]]]:
    """Name of each metric to its samples."""
    answer = http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(http: httpx.Client, name: str, **labels: str) -> float:
    """The one sample of these labels; 0 if there is none."""
    matching = [
        value for given, value in samples(http).get(name, []) if labels.items() <= given.items()
    ]
    assert len(matching) <= 1
    return matching[0] if matching else 0.0


def background(http: httpx.Client, graph: str, **fields: Any) -> str:
    """Start a run on a thread of its own; its path."""
    thread_id = http.post("/threads", json={}).json()["thread_id"]
    answer = http.post(f"/threads/{thread_id}/runs", json={"assistant_id": graph, **fields})
    return f"/threads/{thread_id}/runs/{answer.json()['run_id']}"


def test_requests_by_route_and_status(http: httpx.Client) -> None:
    count = "lg_api_http_requests_total"
    ok = value(http, count, method="GET", path="/ok", status="200")
    lost = value(http, count, method="PUT", path="", status="404")
    for _ in range(3):
        http.get("/ok?check_db=1")
        http.put("/nowhere/42")
    http.get("/threads/no-uuid")
    http.request("BREW", "/ok")
    assert value(http, count, method="", path="", status="405") == 1
    assert value(http, count, method="GET", path="/ok", status="200") == ok + 3
    assert value(http, count, method="PUT", path="", status="404") == lost + 3
    assert value(http, count, path="/threads/{thread_id}", status="422") == 1


def test_latencies_by_route(http: httpx.Client) -> None:
    labels = {"method": "GET", "path": "/assistants/{assistant_id}/subgraphs/{namespace}"}
    name = "lg_api_http_requests_latency"
    http.get("/assistants/none/subgraphs/a")
    count = value(http, f"{name}_count", **labels)
    total = value(http, f"{name}_sum", **labels)
    http.get("/assistants/none/subgraphs/a")
    assert value(http, f"{name}_count", **labels) == count + 1
    assert 0 < value(http, f"{name}_sum", **labels) - total < 30_000
    buckets = [
        (float(given["le"]), value)
        for given, value in samples(http)[f"{name}_bucket"]
        if labels.items() <= given.items()
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == (float("inf"), count + 1)


def test_runs_streams_and_the_writer(http: httpx.Client) -> None:
    before = samples(http)
    with http.stream(
        "POST",
        "/runs/stream",
        json={"assistant_id": "ticker", "input": {"count": 60, "every": 0.02}},
    ) as stream:
        chunks = stream.iter_raw()
        next(chunks)
        assert value(http, "lg_api_num_running_runs") == 1
        assert value(http, "lg_api_workers_active") == 1
        assert value(http, "lgtrio_graph_executions") == 1
        assert value(http, "lgtrio_stream_subscribers") == 1
        assert value(http, "lgtrio_lanes") == 1
        assert value(http, "lgtrio_http_connections") >= 2
        assert value(http, "lgtrio_asyncio_tasks") >= 2
        assert b"ticked" in b"".join(chunks)
    eventually(lambda: value(http, "lg_api_workers_active") == 0)
    for name in ("lgtrio_stream_frames_total", "lgtrio_writer_commits_total"):
        assert value(http, name) > before[name][0][1]
    transitions = "lgtrio_run_transitions_total"
    succeeded = value(http, transitions, status="success", cause="graph")
    http.post("/runs/wait", json={"assistant_id": "echo", "input": {"foo": "a"}})
    assert value(http, transitions, status="success", cause="graph") == succeeded + 1


def test_runs_that_wait(http: httpx.Client) -> None:
    pending = background(http, "echo", input={"foo": "a"}, after_seconds=600)
    assert value(http, "lg_api_num_pending_runs") == 1
    ages = ("oldest_pending", "median_pending", "oldest_unblocked")
    for age in ages:
        assert 0 < value(http, f"lgtrio_{age}_run_seconds") < 60
    queue = http.get("/metrics?format=json").json()["queue"]
    assert queue["n_pending"] == 1
    assert queue["pending_runs_wait_time_med_secs"] > 0
    assert http.post(f"{pending}/cancel?wait=true").status_code < 300
    assert value(http, "lg_api_num_pending_runs") == 0


def test_json(http: httpx.Client) -> None:
    answer = http.get("/metrics?format=json")
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found["queue"] == {
        "n_pending": 0,
        "n_running": 0,
        "pending_runs_wait_time_max_secs": None,
        "pending_runs_wait_time_med_secs": None,
        "pending_unblocked_runs_wait_time_max_secs": None,
    }
    assert found["workers"] == {"max": 1000, "active": 0, "available": 1000}
    assert {"method": "POST", "path": "/threads", "status": 200} in [
        {key: entry[key] for key in ("method", "path", "status")}
        for entry in found["api"]["http_requests_total"]
    ]
    assert set(found["metrics"]) >= set(samples(http)) - {"lgtrio_stuck_run_since_seconds"}
    assert http.get("/metrics?format=other").text.startswith("# HELP")


def test_a_run_that_swallows_the_cancel_is_listed_until_it_ends(
    http: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "ledger"
    run = background(http, "stubborn", input={"file": str(file), "ticks": 15})
    eventually(lambda: lines_of(file))
    http.post(f"{run}/cancel?wait=true")
    assert value(http, "lgtrio_stuck_runs") == 1
    ((labels, since),) = samples(http)["lgtrio_stuck_run_since_seconds"]
    assert labels == {"run_id": run.rpartition("/")[2], "graph_id": "stubborn", "node": "stays"}
    assert since > 1_700_000_000
    eventually(lambda: lines_of(file)[-1] == "finished")
    eventually(lambda: value(http, "lgtrio_stuck_runs") == 0)


def test_a_loop_that_is_lost_is_listed_and_the_server_goes_on(
    server: Server, http: httpx.Client, tmp_path: Path
) -> None:
    """The whole way: block, cancel, a new loop, the thread's next run, another thread's run."""
    file, steps = tmp_path / "blocking", tmp_path / "steps"
    other = background(
        http, "steps", input={"seconds": 2, "slow": "b", "file": str(steps)}, stream_resumable=True
    )
    eventually(lambda: any(line.endswith("b start") for line in lines_of(steps)))
    run = background(http, "sleeps_in_async", input={"seconds": 6, "file": str(file)})
    run_id = run.rpartition("/")[2]
    eventually(lambda: lines_of(file))
    assert http.post(f"{run}/cancel?wait=true", timeout=5).status_code < 300
    eventually(lambda: samples(http).get("lgtrio_lost_loop_seconds"))
    ((labels, seconds),) = samples(http)["lgtrio_lost_loop_seconds"]
    assert labels == {"loop": "lgtrio-graphs-0", "run_id": run_id, "node": "sleeping_node"}
    assert 0 <= seconds < 6
    thread = run.partition("/runs/")[0]
    again = http.post(f"{thread}/runs/wait", json={"assistant_id": "echo", "input": {"foo": "a"}})
    assert again.json()["foo"] == "a!"
    assert http.get(f"{other}/join").json()["log"] == ["a", "b", "c"]
    stream = http.get(f"{other}/stream", headers={"Last-Event-ID": "-1"}).text
    assert re.findall(r'"attempt": ?(\d)', stream) == ["1", "2"]
    assert samples(http).get("lgtrio_lost_loop_seconds"), "all that was beside the old loop"
    eventually(lambda: not samples(http).get("lgtrio_lost_loop_seconds"))
    assert value(http, "lgtrio_stuck_runs") == 0
    assert server.log.find("a stuck run has ended", run_id=run_id)


def test_every_metric_is_documented(http: httpx.Client) -> None:
    page = Path(lgtrio.__file__).parent / "docs" / "metrics.md"
    documented = set(re.findall(r"`((?:lg_api|lgtrio)_\w+)`", page.read_text(encoding="utf-8")))
    described = re.findall(r"^# TYPE (\w+) (\w+)$", http.get("/metrics").text, re.MULTILINE)
    own = {name for name, _ in described if name.startswith(("lg_api_", "lgtrio_"))}
    assert own == documented - {"lg_api_"}
