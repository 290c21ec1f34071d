"""Clients that go away, by closing and by vanishing, on every request that follows a run."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Any

import pytest
import trio
from live import Live, live, raw_post, read_until, run_body
from trio.testing import wait_all_tasks_blocked

from lgtrio.api import vanished

SO_ATTACH_FILTER = 26


def vanish(stream: trio.SocketStream) -> None:
    """Reset the connection, as a crashed client's system does."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


def leave(stream: trio.SocketStream) -> None:
    stream.socket.close()


def lose_power(stream: trio.SocketStream) -> None:
    """Drop every packet that comes in: no acknowledgement, no reset, nothing any more."""
    drop_all = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    program = struct.pack("@HP", 1, ctypes.addressof(drop_all))
    stream.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


async def running(api: Live, stream: trio.SocketStream, path: str, **fields: Any) -> str:
    """Start a run on this connection; its id, once it has reached its gate."""
    body = run_body([["emit", 1], ["gate", "g"], ["emit", 2]], on_completion="keep", **fields)
    await stream.send_all(raw_post(path, body))
    head = await read_until(stream, b"\r\n\r\n")
    await api.executor.reached["g"].wait()
    (location,) = [
        line for line in head.decode().split("\r\n") if line.lower().startswith("content-location")
    ]
    return location.rpartition("/")[2]


async def stateful(api: Live, route: str, *, on_thread: bool) -> str:
    return f"/threads/{await api.thread()}/runs/{route}" if on_thread else f"/runs/{route}"


@pytest.mark.parametrize("go", [leave, vanish])
@pytest.mark.parametrize("route", ["stream", "wait"])
@pytest.mark.parametrize("on_thread", [True, False])
async def test_cancel_stops_the_run(api: Live, route: str, on_thread: bool, go: Any) -> None:
    path = await stateful(api, route, on_thread=on_thread)
    stream = await api.connect()
    run_id = await running(api, stream, path, on_disconnect="cancel")
    go(stream)
    assert await api.ended(run_id) == "interrupted"
    run = await api.storage.get_run(run_id)
    assert run is not None
    thread = await api.storage.get_thread(run.thread_id)
    assert thread is not None
    assert thread.error is not None
    assert b"on_disconnect=cancel" in thread.error
    assert thread.values == b'{"seen":[1]}', "finished steps are kept"


@pytest.mark.parametrize("route", ["stream", "wait"])
@pytest.mark.parametrize("fields", [{}, {"on_disconnect": "continue"}])
async def test_continue_lets_it_run(api: Live, route: str, fields: dict[str, str]) -> None:
    stream = await api.connect()
    run_id = await running(api, stream, f"/runs/{route}", **fields)
    vanish(stream)
    await until_closed(api)
    api.executor.gates["g"].set()
    assert await api.ended(run_id) == "success"


async def until_closed(api: Live) -> None:
    """Wait until the server has dropped all connections but those of the HTTP client."""
    while len(api.server._streams) > len(api.http._transport._pool.connections):  # type: ignore[attr-defined]
        await wait_all_tasks_blocked()


@pytest.mark.parametrize("route", ["join", "stream"])
@pytest.mark.parametrize("flag", ["1", "true", "0", ""])
async def test_leaving_a_join(api: Live, route: str, flag: str) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], ["gate", "g"])
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}/{route}?cancel_on_disconnect={flag}"
    stream = await api.connect()
    await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    await read_until(stream, b"\r\n\r\n")
    leave(stream)
    await until_closed(api)
    if flag not in ("1", "true"):
        api.executor.gates["g"].set()
    assert await api.ended(run["run_id"]) == ("interrupted" if flag in ("1", "true") else "success")


async def test_a_pending_run_is_cancelled_too_and_never_starts(api: Live) -> None:
    thread_id = await api.thread()
    first = await api.background(thread_id, ["gate", "first"])
    await api.executor.reached["first"].wait()
    stream = await api.connect()
    body = run_body([["emit", 1]], on_disconnect="cancel")
    await stream.send_all(raw_post(f"/threads/{thread_id}/runs/stream", body))
    head = await read_until(stream, b"\r\n\r\n")
    run_id = head.decode().split("content-location: ")[1].split("\r\n")[0].rpartition("/")[2]
    leave(stream)
    assert await api.ended(run_id) == "interrupted"
    api.executor.gates["first"].set()
    assert await api.ended(first["run_id"]) == "success"
    assert api.executor.order() == [first["run_id"]]


async def test_a_client_that_leaves_at_once_leaves_all_or_nothing(api: Live) -> None:
    """Gone before the first byte of the answer: the run is stored and cancelled, or not stored."""
    thread_id = await api.thread()
    for _ in range(20):
        stream = await api.connect()
        body = run_body([["emit", 1], ["gate", "never"]], on_disconnect="cancel")
        await stream.send_all(raw_post(f"/threads/{thread_id}/runs/wait", body))
        vanish(stream)
    await until_closed(api)
    for run in await api.storage.list_runs(thread_id, limit=100, offset=0, status=None):
        assert await api.ended(run.run_id) == "interrupted"


async def test_one_reader_that_leaves_does_not_disturb_the_others(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["gate", "g"], ["emit", 1])
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    leaving = await api.connect()
    await leaving.send_all(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    await read_until(leaving, b"\r\n\r\n")
    async with api.http.stream("GET", path) as staying:
        vanish(leaving)
        api.executor.gates["g"].set()
        assert b"event: values\r\ndata: 1" in await staying.aread()


async def test_a_reader_that_stalls_slows_nobody(api: Live) -> None:
    """It reads nothing while more is sent than sockets hold."""
    thread_id = await api.thread()
    big = "x" * 1_000_000
    script = [["gate", "g"], *(["emit", big] for _ in range(30))]
    run = await api.background(thread_id, *script)
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    stalled = await api.connect()
    await stalled.send_all(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    await read_until(stalled, b"\r\n\r\n")
    async with api.http.stream("GET", path) as reading:
        api.executor.gates["g"].set()
        assert len(await reading.aread()) > 30_000_000
    assert await api.ended(run["run_id"]) == "success"
    vanish(stalled)


@pytest.mark.parametrize("requests", [0, 1, 3])
async def test_a_connection_that_is_not_used_any_more_is_not_kept(api: Live, requests: int) -> None:
    """Its client has closed its side after the last answer; no idle time is waited for."""
    stream = await api.connect()
    for _ in range(requests):
        await stream.send_all(b"GET /ok HTTP/1.1\r\nhost: a\r\n\r\n")
        await read_until(stream, b"}")
    await stream.send_eof()
    with trio.fail_after(30):
        assert await stream.receive_some() == b""
        await until_closed(api)


@pytest.mark.parametrize("route", ["stream", "wait"])
async def test_a_host_that_vanishes_is_a_client_that_goes_away(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing says so but that it does not acknowledge what is sent."""
    monkeypatch.setattr(vanished, "PATIENCE", 0.5)
    async with live(heartbeat=0.1) as api:
        stream = await api.connect()
        run_id = await running(api, stream, f"/runs/{route}", on_disconnect="cancel")
        lose_power(stream)
        assert await api.ended(run_id) == "interrupted"


async def test_a_host_whose_client_reads_nothing_has_not_vanished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vanished, "PATIENCE", 0.2)
    monkeypatch.setattr(vanished, "_TRIES", 1)
    script = [["emit", "x" * 1_000_000] for _ in range(10)]
    async with live() as api:
        stalled = await api.connect()
        await stalled.send_all(raw_post("/runs/stream", run_body(script, on_disconnect="cancel")))
        await trio.sleep(10 * vanished.PATIENCE)  # it is looked a hundred times
        assert len(await read_until(stalled, b"0\r\n\r\n")) > 10_000_000


def tcp_info(*, unacknowledged: int, sent_again: int, milliseconds: int) -> bytes:
    """What Linux says of a socket; see `linux/tcp.h`."""
    counters = [0, 0, 0, 0, unacknowledged, 0, 0, 0, 0, 0, 0, 0, milliseconds]
    return struct.pack("=8B13I", 1, 0, sent_again, 0, 0, 0, 0, 0, *counters)


@pytest.mark.parametrize(
    ("unacknowledged", "sent_again", "seconds"),
    [
        (0, 0, 0.0),  # idle for long
        (1, 0, 0.0),  # idle for long, and something has just been sent
        (0, 9, 0.0),  # its window is closed, and it says so
        (1, 9, 70.0),
    ],
)
def test_a_host_is_silent_that_does_not_acknowledge(
    unacknowledged: int, sent_again: int, seconds: float
) -> None:
    info = tcp_info(unacknowledged=unacknowledged, sent_again=sent_again, milliseconds=70_000)
    assert vanished.silent_for(info) == seconds
