"""`http.cors` of langgraph.json, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.server import GRAPHS, Server, running, start_process

APP = "https://app.test"
CORS = {
    "allow_origins": [APP],
    "allow_origin_regex": r"https://pr-\d+\.app\.test",
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["x-api-key"],
    "allow_credentials": True,
    "expose_headers": ["Location"],
    "max_age": 7,
}


def project(folder: Path, cors: Any) -> Path:
    path = folder / "langgraph.json"
    graph = f"{GRAPHS.parent / 'echo.py'}:graph"
    path.write_text(json.dumps({"graphs": {"echo": graph}, "http": {"cors": cors}}, indent=1))
    return path


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    folder = tmp_path_factory.mktemp("cors")
    with running(folder / "lgtrio.db", config=project(folder, CORS)) as server:
        yield server


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as http:
        yield http


def preflight(http: httpx.Client, origin: str, method: str, headers: str = "") -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": method}
    if headers:
        asked["access-control-request-headers"] = headers
    return http.options("/threads", headers=asked)


@pytest.mark.parametrize("origin", [APP, "https://pr-12.app.test"])
def test_a_page_that_may(http: httpx.Client, origin: str) -> None:
    asked = preflight(http, origin, "POST", "content-type,x-api-key")
    assert (asked.status_code, asked.text) == (200, "OK")
    assert asked.headers["access-control-allow-origin"] == origin
    assert asked.headers["access-control-allow-methods"] == "GET, POST"
    assert asked.headers["access-control-allow-credentials"] == "true"
    assert asked.headers["access-control-max-age"] == "7"
    answer = http.post("/threads", json={}, headers={"origin": origin})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "Location"
    assert answer.headers["vary"] == "Origin"


def test_a_page_that_may_not_is_served_but_cannot_read(http: httpx.Client) -> None:
    answer = http.post("/threads", json={}, headers={"origin": "https://pr-12.app.test.evil"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("origin", "method", "headers", "said"),
    [
        ("https://evil.test", "POST", "", "Disallowed CORS origin"),
        (APP, "DELETE", "", "Disallowed CORS method"),
        (APP, "POST", "x-api-key, x-own", "Disallowed CORS headers"),
    ],
)
def test_a_preflight_for_more_than_is_allowed(
    http: httpx.Client, origin: str, method: str, headers: str, said: str
) -> None:
    answer = preflight(http, origin, method, headers)
    assert (answer.status_code, answer.text) == (400, said)


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_mistake_is_told_instead_of_starting(tmp_path: Path, command: str) -> None:
    config = project(tmp_path, {"allow_origins": ["https://app.test/"], "max_age": "long"})
    process = start_process([command, "--config", str(config)], cwd=tmp_path)
    assert process.wait() == 1
    said = "\n".join(process.log.lines)
    assert "langgraph.json:7: `http.cors.allow_origins` has 'https://app.test/': an origin" in said
    assert "`http.cors.max_age` must be a whole number of seconds" in said
