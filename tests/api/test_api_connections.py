"""Connections below what HTTP clients show: pipelines, other versions of HTTP, refused uploads."""

from __future__ import annotations

import re
from typing import Any

import h2.connection
import h2.events
import orjson
import pytest
import trio
from live import Live, live, raw_post, read_to_end, read_until, run_body
from structlog.testing import capture_logs
from test_api_disconnects import leave, until_closed, vanish
from trio.testing import wait_all_tasks_blocked

import lgtrio.api.app as api_app


@pytest.mark.parametrize("go", [leave, vanish])
async def test_who_is_gone_with_a_request_in_the_pipeline_leaves_nothing_behind(go: Any) -> None:
    """The second request is not read before the first has its answer, and so is no end."""
    async with live(heartbeat=0.05) as api:
        thread_id = await api.thread()
        stream = await api.connect()
        body = run_body([["gate", "never"]], on_disconnect="cancel")
        first = raw_post(f"/threads/{thread_id}/runs/stream", body)
        await stream.send_all(first + b"GET /ok HTTP/1.1\r\nhost: a\r\n\r\n")
        await api.executor.reached["never"].wait()
        go(stream)
        with trio.fail_after(30):
            await until_closed(api)
        (run,) = await api.storage.list_runs(thread_id, limit=10, offset=0, status=None)
        assert await api.ended(run.run_id) == "interrupted"


async def test_a_pipeline_is_answered_in_order(api: Live) -> None:
    stream = await api.connect()
    thread_id = await api.thread()
    run = raw_post(f"/threads/{thread_id}/runs/stream", run_body([["emit", "x"]]))
    end = b"GET /ok HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    await stream.send_all(run + b"GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n" + end)
    seen = await read_to_end(stream)
    assert seen.count(b"HTTP/1.1 ") == 3
    assert seen.index(b'"x"') < seen.index(b"\r\n0\r\n\r\n") < seen.index(b"Not Found")
    assert seen.endswith(b'{"ok":true,"services":{}}')


async def test_a_stream_for_http_1_0_has_no_chunks(api: Live) -> None:
    content = orjson.dumps(run_body([["emit", 1], ["emit", 2]]))
    stream = await api.connect()
    head = f"POST /runs/stream HTTP/1.0\r\ncontent-length: {len(content)}\r\n\r\n"
    await stream.send_all(head.encode() + content)
    answer, _, body = (await read_to_end(stream)).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in answer.lower()
    assert body.startswith(b"event: metadata\r\n")
    assert body.endswith(b"event: values\r\ndata: 2\r\n\r\n")


async def test_a_stream_over_http_2(api: Live) -> None:
    client = h2.connection.H2Connection()
    client.initiate_connection()
    path = (":path", "/runs/stream")
    client.send_headers(1, [(":method", "POST"), path, (":scheme", "http"), (":authority", "a")])
    content = orjson.dumps(run_body([["emit", 1], ["gate", "g"], ["emit", 2]]))
    client.send_data(1, content, end_stream=True)
    stream = await api.connect()
    await stream.send_all(client.data_to_send())
    seen, ended = b"", False
    while not ended:
        for event in client.receive_data(await stream.receive_some()):
            ended = ended or isinstance(event, h2.events.StreamEnded)
            seen += event.data if isinstance(event, h2.events.DataReceived) else b""
        if b"data: 1" in seen:
            api.executor.gates["g"].set()
    assert seen.startswith(b"event: metadata\r\n")
    assert seen.endswith(b"event: values\r\ndata: 2\r\n\r\n")
    leave(stream)
    await until_closed(api)


async def test_an_upload_that_asks_first_is_told_to_go_on_or_not(api: Live) -> None:
    stream = await api.connect()
    head = "POST /threads HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: "
    await stream.send_all(f"{head}2\r\n\r\n".encode())
    assert (await read_until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    await stream.send_all(b"{}")
    assert (await read_until(stream, b"}")).startswith(b"HTTP/1.1 200 ")
    await stream.send_all(f"{head}{api_app.MAX_BODY + 1}\r\n\r\n".encode())
    assert b"HTTP/1.1 413 " in await read_to_end(stream)


@pytest.mark.parametrize(("path", "status"), [("/nowhere", b"404"), ("/threads", b"405")])
async def test_nothing_here_speaks_websocket(api: Live, path: str, status: bytes) -> None:
    stream = await api.connect()
    await stream.send_all(
        f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b" %b " % status in (await read_to_end(stream))[:15]


async def test_answers_to_a_slow_reader_are_whole_and_in_order(api: Live) -> None:
    """More than sockets hold, behind each other."""
    marks = [str(n) * 3_000_000 for n in range(3)]
    threads = [await api.thread(metadata={"mark": mark}) for mark in marks]
    stream = await api.connect()
    for thread_id in threads:
        await stream.send_all(f"GET /threads/{thread_id} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    await wait_all_tasks_blocked(0.01)
    seen = b""
    for mark in marks:
        while b"\r\n\r\n" not in seen:
            seen += await stream.receive_some(10_000)
        head, _, seen = seen.partition(b"\r\n\r\n")
        (length,) = re.findall(rb"content-length: (\d+)", head)
        body = bytearray(seen)
        while len(body) < int(length):
            body += await stream.receive_some(10_000)
        assert orjson.loads(body[: int(length)])["metadata"] == {"mark": mark}
        seen = bytes(body[int(length) :])
    assert seen == b""


async def test_a_body_that_does_not_come_is_not_waited_for(
    api: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(api.server._quart.config, "BODY_TIMEOUT", 0.01)
    stream = await api.connect()
    await stream.send_all(b"POST /threads HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{")
    assert b"HTTP/1.1 408 " in await read_to_end(stream)
    await until_closed(api)


@pytest.mark.parametrize("go", [leave, vanish])
async def test_who_is_gone_in_the_middle_of_a_request_leaves_nothing_behind(
    api: Live, go: Any
) -> None:
    request = raw_post("/threads", {"metadata": {"mark": "x" * 300_000}})
    with capture_logs() as logs:
        for sent in (0, 1, 40, 70, 70_000, len(request) - 1, len(request)):
            stream = await api.connect()
            await stream.send_all(request[:sent])
            await wait_all_tasks_blocked()
            go(stream)
        with trio.fail_after(30):
            await until_closed(api)
    assert logs == []
    assert (await api.http.get("/ok")).status_code == 200
