"""Every documented route under schemathesis, against a real server.

No answer is a 5xx; each has a status, a type, headers and a shape that `/openapi.json` tells of;
and what violates the schema of a request is refused. `make fuzz` does the same for ten minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.server import Server, clean_environment, running

HERE = Path(__file__).parent
SHARES = {
    # One request at a time: the edges of each schema first, then random values.
    "run": (0.7, ["--phases", "coverage,fuzzing"]),
    # Chains of requests: what one answers is what the next is about.
    "fuzz": (0.3, []),
}
ENOUGH = 30
"""Requests to a route after which one of them must have had a good answer."""

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    database = tmp_path_factory.mktemp("fuzz") / "lgtrio.db"
    with running(database, config=HERE / "langgraph.json") as server:
        yield server


@pytest.mark.parametrize("command", SHARES)
def test_nothing_breaks_and_the_document_tells_the_truth(
    pytestconfig: pytest.Config, server: Server, tmp_path: Path, command: str
) -> None:
    share, options = SHARES[command]
    seconds = max(1, round(pytestconfig.getoption("--fuzz-seconds") * share))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(HERE / "schemathesis.toml"), "--no-color"),
            *(command, f"{server.url}/openapi.json", *options),
            *("--max-time", str(seconds), "--seed", str(pytestconfig.getoption("--fuzz-seed"))),
            *("--continue-on-failure", "--generation-database", "none"),
            # Reading a stream that never ends counts as slow making of data.
            *("--suppress-health-check", "too_slow"),
        ],
        cwd=tmp_path,
        env=clean_environment({"PYTHONPATH": str(HERE)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * seconds + 60,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert server.alive


def test_requests_have_reached_what_they_are_about(server: Server) -> None:
    """A server that answers 404 to everything would tell no lies either."""
    with server.http() as http:
        counts = http.get("/metrics", params={"format": "json"}).json()["api"]
        documented = http.get("/openapi.json").json()["paths"]
    asked, good = Counter[Any](), Counter[Any]()
    for each in counts["http_requests_total"]:
        route = each["method"], re.sub(r"{\w+:", "{", each["path"])
        asked[route] += each["count"]
        good[route] += each["count"] if each["status"] < 300 else 0
    routes = {
        (method.upper(), path): None for path, methods in documented.items() for method in methods
    }
    print(f"{sum(asked.values()):.0f} requests; {len(routes)} routes")
    assert sum(asked.values()) > ENOUGH, "it hardly asked anything"
    assert [route for route in routes if asked[route] >= ENOUGH and not good[route]] == []
