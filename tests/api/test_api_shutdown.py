"""Shutting down under real connections: what is cut, what ends, and in how much time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from live import Live, live, raw_post, read_to_end, read_until, run_body

FINAL_CHUNK = b"0\r\n\r\n"


async def shut_down(api: Live) -> None:
    await api.server.refuse_new()
    await api.supervisor.shut_down()


@pytest.mark.parametrize("route", ["stream", "wait"])
async def test_unfinished_answers_break_without_their_final_chunk(route: str) -> None:
    async with live(shutdown_grace=0) as api:
        thread_id = await api.thread()
        stream = await api.connect()
        body = run_body([["emit", 1], ["gate", "g"]], on_disconnect="cancel")
        await stream.send_all(raw_post(f"/threads/{thread_id}/runs/{route}", body))
        await api.executor.reached["g"].wait()
        await shut_down(api)
        seen = await read_to_end(stream)
        assert b"transfer-encoding: chunked" in seen.lower()
        assert not seen.endswith(FINAL_CHUNK)
        (run,) = await api.storage.list_runs(thread_id, limit=10, offset=0, status=None)
        assert run.status == "pending", "on_disconnect=cancel is not for shutdown"


async def test_what_ends_within_the_grace_period_ends_well() -> None:
    async with live(shutdown_grace=20) as api:
        thread_id = await api.thread()
        stream = await api.connect()
        script = run_body([["gate", "g"], ["emit", 1]])
        await stream.send_all(raw_post(f"/threads/{thread_id}/runs/wait", script))
        await api.executor.reached["g"].wait()
        api.executor.hurries = True
        await shut_down(api)
        seen = await read_to_end(stream)
        head, _, body = seen.partition(b"\r\n\r\n")
        assert body == b'{"seen":[1]}'
        assert b"content-length: 12" in head.lower(), "the client sees that it has all"


async def test_idle_connections_and_the_listener_are_closed_at_once(api: Live) -> None:
    fresh, used = await api.connect(), await api.connect()
    await used.send_all(b"GET /ok HTTP/1.1\r\nhost: a\r\n\r\n")
    await read_until(used, b'"services":{}}')
    started = trio.current_time()
    await shut_down(api)
    assert await read_to_end(used) == await read_to_end(fresh) == b""
    with pytest.raises(OSError, match=r"connect|refused"):
        await api.connect()
    assert trio.current_time() - started < 5


async def test_creates_are_answered_503(api: Live) -> None:
    thread_id = await api.thread()
    stream = await api.connect()
    request = raw_post(f"/threads/{thread_id}/runs", run_body([["emit", 1]]))
    await stream.send_all(request[:-1])
    await trio.testing.wait_all_tasks_blocked(0.01)
    await shut_down(api)
    await stream.send_all(request[-1:])
    assert b" 503 " in (await read_to_end(stream))[:20]
    assert await api.storage.list_runs(thread_id, limit=10, offset=0, status=None) == []


async def test_a_reader_that_stalls_does_not_hold_the_server() -> None:
    async with live(shutdown_grace=0) as api:
        thread_id = await api.thread()
        stream = await api.connect()
        script = [*(["emit", "x" * 1_000_000] for _ in range(30)), ["gate", "g"]]
        body = run_body(script)
        await stream.send_all(raw_post(f"/threads/{thread_id}/runs/stream", body))
        await api.executor.reached["g"].wait()
        started = trio.current_time()
        await shut_down(api)
    assert trio.current_time() - started < 10


async def test_a_request_in_progress_is_not_waited_for_long() -> None:
    async with live() as api:
        stream = await api.connect()
        await stream.send_all(b"POST /threads HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{")
        await trio.testing.wait_all_tasks_blocked(0.01)
        started = trio.current_time()
        await shut_down(api)
    assert trio.current_time() - started < 10
