"""Clients that end their connections in odd ways, on real sockets of a real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cutting import STREAM_HEADER, Cut, cutting

from support.server import Server
from support.waiting import eventually

SLOW = {"seconds": 60, "slow": "b"}


@contextmanager
def connected(port: int, *, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.settimeout(20)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", port))
        yield sock


def request(path: str, body: dict[str, Any] | None = None, **headers: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        "host: here",
        f"content-length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def read_until(sock: socket.socket, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        chunk = sock.recv(65536)
        assert chunk, f"the connection ended after {seen!r}"
        seen += chunk
    return seen


def read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def status_of(server: Server, thread_id: str, run_id: str) -> str:
    with server.http() as http:
        return str(http.get(f"/threads/{thread_id}/runs/{run_id}").json()["status"])


@pytest.fixture
def thread_id(server: Server) -> str:
    with server.http() as http:
        return str(http.post("/threads", json={}).json()["thread_id"])


def follow(sock: socket.socket, thread_id: str, route: str, **body: Any) -> str:
    """Start a run on this connection; its id once the server has answered its head."""
    sock.sendall(request(f"/threads/{thread_id}/runs/{route}", {"assistant_id": "steps", **body}))
    head = read_until(sock, b"\r\n\r\n").decode().lower()
    return head.split("content-location: ")[1].split("\r\n")[0].rpartition("/")[2]


# -- half-closed ---------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["stream", "wait"])
@pytest.mark.parametrize(
    ("mode", "seconds", "status"), [("cancel", 60, "interrupted"), ("continue", 0.2, "success")]
)
def test_who_closes_its_sending_side_has_gone(
    server: Server, thread_id: str, route: str, mode: str, seconds: float, status: str
) -> None:
    """TCP does not tell a half-closed connection from a closed one, so it counts as closed."""
    with connected(server.port) as sock:
        run_id = follow(sock, thread_id, route, input={"seconds": seconds}, on_disconnect=mode)
        sock.shutdown(socket.SHUT_WR)
        assert not read_to_end(sock).endswith(b"\r\n0\r\n\r\n"), "a break, not an end"
        eventually(lambda: status_of(server, thread_id, run_id) == status)


def test_a_short_answer_reaches_who_closes_its_sending_side_at_once(server: Server) -> None:
    """As scripts do that pipe a request into a socket."""
    with connected(server.port) as sock:
        sock.sendall(request("/ok"))
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock).endswith(b'{"ok":true,"services":{}}')


def test_a_request_that_came_in_whole_is_done_whoever_leaves_behind_it(
    server: Server, thread_id: str
) -> None:
    """The end of what is sent comes with the request's last byte, before anybody reads it."""
    path = f"/threads/{thread_id}/runs"
    body: dict[str, Any] = {"assistant_id": "steps", "input": {"seconds": 0}}
    for _ in range(10):
        for route, what in (("/threads", {}), (path, body)):
            with connected(server.port) as sock:
                sock.sendall(request(route, what))
                sock.shutdown(socket.SHUT_WR)
                assert read_to_end(sock).startswith(b"HTTP/1.1 200 ")
        for route in (path, f"{path}/stream", f"{path}/wait"):
            with connected(server.port) as sock:
                sock.sendall(request(route, body))
    with server.http() as http:
        eventually(lambda: len(http.get(f"{path}?limit=100").json()) == 40)


# -- a proxy that dies ---------------------------------------------------------------------


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("what", ["stream", "join_stream"])
def test_a_proxy_that_dies_is_a_client_that_has_gone(
    server: Server, thread_id: str, what: str, reset: bool
) -> None:
    with cutting(server.port, {"1": [Cut(0, reset)]}) as proxy, connected(proxy.port) as sock:
        body = {"assistant_id": "steps", "input": SLOW}
        path = f"/threads/{thread_id}/runs"
        if what == "stream":
            body["on_disconnect"] = "cancel"
            sock.sendall(request(f"{path}/stream", body, **{STREAM_HEADER: "1"}))
        else:
            with server.http() as http:
                run_id = http.post(path, json=body).json()["run_id"]
            path = f"{path}/{run_id}/stream?cancel_on_disconnect=1&stream_mode=values"
            sock.sendall(request(path, **{STREAM_HEADER: "1"}))
        with server.http() as http:
            (run,) = eventually(lambda: http.get(f"/threads/{thread_id}/runs").json())
            eventually(lambda: status_of(server, thread_id, run["run_id"]) == "interrupted")


# -- a client that does not read -----------------------------------------------------------


@pytest.mark.parametrize("resumable", [True, False])
def test_a_reader_that_stalls_slows_neither_the_run_nor_others(
    server: Server, thread_id: str, resumable: bool
) -> None:
    """20 MB, of which it takes what fits into its socket; then it goes on where it was. That is
    less than a reader may be behind."""
    count, size = 1000, 20_000
    body = {
        "assistant_id": "emit",
        "input": {"count": count, "size": size},
        "stream_mode": "custom",
        "stream_resumable": resumable,
    }
    with connected(server.port, receive_buffer=65536) as stalled, server.http() as http:
        stalled.sendall(request(f"/threads/{thread_id}/runs/stream", body))
        # The first events may come in one piece with the head.
        head, _, first = read_until(stalled, b"\r\n\r\n").partition(b"\r\n\r\n")
        path = head.decode().lower().split("content-location: ")[1].split("\r\n")[0]
        run = http.get(f"{path}/join").json()
        assert run["emitted"] == count
        assert http.get(path).json()["status"] == "success"
        assert http.get("/ok").status_code == 200
        seen = bytearray(first)
        while not seen.endswith(b"\r\n0\r\n\r\n"):
            chunk = stalled.recv(1 << 20)
            assert chunk, "it was cut off"
            seen += chunk
        numbers = [int(text.split(b",")[0]) for text in seen.split(b'{"n":')[1:]]
        assert numbers == list(range(count)), "nothing was lost"
