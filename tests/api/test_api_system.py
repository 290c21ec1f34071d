"""Health, information, CORS, and what a request gets that cannot be served."""

from __future__ import annotations

from uuid import uuid4

import pytest
from live import Live, read_until
from structlog.testing import capture_logs

from lgtrio import __version__
from lgtrio.api import app as api_app
from lgtrio.errors import StorageUnavailable


@pytest.mark.parametrize("path", ["/", "/ok", "/ok?check_db=1"])
async def test_health(api: Live, path: str) -> None:
    answer = await api.http.get(path)
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "services": {}})
    assert answer.headers["content-type"] == "application/json"


async def test_info(api: Live) -> None:
    info = (await api.http.get("/info")).json()
    assert info["version"] == __version__
    assert info["flags"]["crons"] is True
    assert info["flags"]["strict_resume"] is True


async def test_head_answers_like_get_without_the_body(api: Live) -> None:
    answer = await api.http.head("/ok")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/nowhere", "/runs/nonsense", "/threads/a/b/c"])
async def test_an_unknown_path(api: Live, path: str) -> None:
    answer = await api.http.post(path, json={})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


async def test_every_answer_has_a_request_id(api: Live) -> None:
    answer = await api.http.get("/nowhere", headers={"X-Request-ID": "mine"})
    assert answer.headers["x-request-id"] == "mine"
    made = {(await api.http.get("/ok")).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2


async def test_a_wrong_method_names_the_right_ones(api: Live) -> None:
    answer = await api.http.put(f"/threads/{uuid4()}")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"
    assert (await api.http.options("/threads")).status_code == 405


async def test_a_slash_too_many_is_sent_to_the_right_path(api: Live) -> None:
    answer = await api.http.post("/threads/?a=1&b=%2F", json={})
    assert answer.status_code == 307
    assert answer.headers["location"] == "/threads?a=1&b=%2F"
    assert (await api.http.get("/nowhere/")).status_code == 404
    assert (await api.http.get(f"http://127.0.0.1:{api.port}//evil.test/")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b'"\\ud800"', b"\xff", b"{} x"])
async def test_a_body_that_is_no_json(api: Live, body: bytes) -> None:
    answer = await api.http.post("/threads", content=body)
    assert answer.status_code == 422
    assert answer.json() == {"detail": "Invalid JSON in request body"}


async def test_a_body_that_cannot_be_stored(api: Live) -> None:
    deep = b'{"metadata": {"a": ' + b"[" * 800 + b"]" * 800 + b"}}"
    answer = await api.http.post("/threads", content=deep)
    assert answer.status_code == 422
    assert "cannot be stored" in answer.json()["detail"]


async def test_a_body_that_is_too_large(api: Live) -> None:
    async with await api.connect() as stream:
        head = (
            f"POST /threads HTTP/1.1\r\nhost: a\r\ncontent-length: {api_app.MAX_BODY + 1}\r\n\r\n"
        )
        await stream.send_all(head.encode())
        assert b" 413 " in await read_until(stream, b"\r\n\r\n")


async def test_an_error_of_ours_is_logged_and_tells_nothing(api: Live) -> None:
    thread_id = await api.thread(metadata={"graph_id": "scripted"})
    api.states.failure = RuntimeError("the secret")
    with capture_logs() as logs:
        answer = await api.http.get(
            f"/threads/{thread_id}/state", headers={"origin": "http://elsewhere.test"}
        )
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    (line,) = logs
    assert answer.headers["access-control-allow-origin"] == "*", "a page sees what went wrong"
    assert line["event"] == "a request failed"
    assert line["exc_info"] is api.states.failure
    assert (await api.http.get("/ok")).status_code == 200


async def test_a_storage_that_is_away(api: Live) -> None:
    thread_id = await api.thread(metadata={"graph_id": "scripted"})
    api.states.failure = StorageUnavailable("The database is away.")
    with capture_logs():
        answer = await api.http.get(f"/threads/{thread_id}/state")
    assert (answer.status_code, answer.json()) == (503, {"detail": "The database is away."})


async def test_any_origin_may_call(api: Live) -> None:
    for path in ("/ok", "/nowhere"):
        answer = await api.http.get(path, headers={"origin": "http://elsewhere.test"})
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"content-location", "location", "x-pagination-total", "x-pagination-next"} <= set(
            exposed
        )
        assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await api.http.get("/ok")).headers


async def test_preflight(api: Live) -> None:
    asked = {
        "origin": "http://elsewhere.test",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "x-api-key",
    }
    answer = await api.http.options("/threads/x", headers=asked)
    assert answer.status_code == 200
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "x-api-key"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_assistants_are_found_by_uuid_only(api: Live) -> None:
    run = await api.background(await api.thread())
    answer = await api.http.get(f"/assistants/{run['assistant_id']}")
    assert answer.json()["graph_id"] == answer.json()["name"] == "scripted"
    assert (await api.http.get("/assistants/scripted")).status_code == 422
    assert (await api.http.get(f"/assistants/{uuid4()}")).status_code == 404
