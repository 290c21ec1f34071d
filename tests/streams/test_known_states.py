"""Clients that know a state already come back to what happened after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.server import Server
from support.waiting import eventually

UNKNOWN = "00000000-0000-4000-8000-000000000000"
MODES = ["updates", "values", "checkpoints"]


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


@pytest.fixture
def thread_id(http: httpx.Client) -> str:
    return str(http.post("/threads", json={}).json()["thread_id"])


def events(http: httpx.Client, path: str, **params: Any) -> list[tuple[str, Any]]:
    """Name and data of what a stream sends, to its end."""
    text = http.get(f"{path}/stream", params=params, headers={"Last-Event-ID": "-1"}).text
    frames = [
        dict(line.split(": ", 1) for line in frame.split("\r\n") if not line.startswith(":"))
        for frame in text.split("\r\n\r\n")[:-1]
    ]
    return [(frame["event"], json.loads(frame["data"])) for frame in frames]


def create(http: httpx.Client, thread_id: str, graph: str, **fields: Any) -> str:
    """The path of the new run."""
    body = {"assistant_id": graph, "stream_mode": MODES, "stream_resumable": True, **fields}
    run = http.post(f"/threads/{thread_id}/runs", json=body).json()
    return f"/threads/{thread_id}/runs/{run['run_id']}"


def test_the_rest_of_a_run_that_is_running(http: httpx.Client, thread_id: str) -> None:
    path = create(http, thread_id, "steps", input={"seconds": 0.6, "slow": "c"})

    def at_c() -> dict[str, Any] | None:
        state: dict[str, Any] = http.get(f"/threads/{thread_id}/state").json()
        return state if state["next"] == ["c"] else None

    known = eventually(at_c)
    assert http.get(path).json()["status"] == "running"
    rest = events(http, path, checkpoint_id=known["checkpoint"]["checkpoint_id"])
    assert [name for name, _ in rest] == ["updates", "values", "checkpoints"]
    assert rest[0][1] == {"c": {"log": ["c"]}}
    whole = events(http, path)
    assert whole[-3:] == rest


def test_every_checkpoint_parts_the_stream(http: httpx.Client, thread_id: str) -> None:
    path = create(http, thread_id, "nested", input={}, stream_subgraphs=True)
    http.get(f"{path}/join")
    whole = events(http, path)
    own = [place for place, (name, _) in enumerate(whole) if name == "checkpoints"]
    assert len(own) == 4
    for place in own:
        checkpoint_id = whole[place][1]["config"]["configurable"]["checkpoint_id"]
        assert events(http, path, checkpoint_id=checkpoint_id) == whole[place + 1 :]


def test_what_is_no_checkpoint_of_the_run_gives_all_of_it(
    http: httpx.Client, thread_id: str
) -> None:
    first, second = (create(http, thread_id, "echo", input={"foo": "a"}) for _ in range(2))
    http.get(f"{second}/join")
    others = [data for name, data in events(http, first) if name == "checkpoints"]
    checkpoint_id = others[-1]["config"]["configurable"]["checkpoint_id"]
    assert events(http, second, checkpoint_id=checkpoint_id) == events(http, second)
    assert events(http, second, checkpoint_id="no-such") == events(http, second)


def test_an_interrupt_after_the_known_state_is_told(http: httpx.Client, thread_id: str) -> None:
    path = create(http, thread_id, "ask", input={"foo": "a"})
    http.get(f"{path}/join")
    state = http.get(f"/threads/{thread_id}/state").json()
    rest = events(http, path, checkpoint_id=state["checkpoint"]["checkpoint_id"])
    assert [name for name, _ in rest] == ["updates", "values"]
    assert all("__interrupt__" in data for _, data in rest)


def test_the_stream_of_the_thread_has_no_marks(http: httpx.Client, thread_id: str) -> None:
    path = create(http, thread_id, "echo", input={"foo": "a"}, stream_mode="updates")
    http.get(f"{path}/join")
    headers = {"Last-Event-ID": "-1"}
    seen = []
    with http.stream("GET", f"/threads/{thread_id}/stream", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                seen.append(line.removeprefix("event: "))
            if '"run_done"' in line:
                break
    assert seen == ["metadata", "updates", "updates", "metadata"]


def test_a_stateless_run_is_joined_by_its_id_also_when_it_is_gone(http: httpx.Client) -> None:
    body = {"assistant_id": "echo", "input": {"foo": "a"}, "stream_resumable": True}
    answer = http.post("/runs/stream", json=body)
    path = answer.headers["content-location"]
    assert path.startswith("/runs/")
    assert [name for name, _ in events(http, path)] == ["metadata", "values", "values", "values"]
    assert http.get(f"/runs/{UNKNOWN}/stream").status_code == 404
    assert http.get("/runs/no-uuid/stream").status_code == 422
