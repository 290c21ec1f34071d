"""Everybody who listens to one run, and how far behind the graph they are.

A process of its own, which does nothing but receive: with a thousand connections an event loop's
callbacks would be what is measured. Prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import re
import select
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bench.figures import Figures, timings
from bench.processes import cpu_seconds_of_self

EVENTS = 200
EVERY_SECONDS = 0.005
_PATIENCE_SECONDS = 100
_HEADS_SECONDS = 20
"""Until the run starts, also if a server sends no head before there are events."""
_NAP = re.compile(rb'data: (\{"nap":.*?\})\r?\n')

Chunks = list[tuple[float, bytes]]
"""Time of arrival on `time.perf_counter`, and what arrived."""


def listen(url: str, listeners: int) -> Figures:
    """Graph and listeners take their times from the one clock of the machine."""
    place = urlsplit(url)
    path, start = _held_run(place)
    request = f"GET {path}/stream HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n".encode()
    sockets = []
    for _ in range(listeners):
        connection = socket.create_connection((place.hostname, place.port))
        connection.sendall(request)
        sockets.append(connection)
    own, started = cpu_seconds_of_self(), time.perf_counter()
    received = _receive(sockets, start)
    used, elapsed = cpu_seconds_of_self() - own, time.perf_counter() - started
    for connection in sockets:
        connection.close()
    naps = [_naps(chunks) for chunks in received]
    lags = [arrived - emitted for each in naps for emitted, arrived in each]
    emissions = [emitted for each in naps for emitted, _ in each]
    return {
        "listeners": listeners,
        "got_all": sum(len(each) == EVENTS for each in naps),
        **timings("lag", lags, 50, 95),
        "emitted_in_s": max(emissions) - min(emissions),
        "client_cpu_share": used / elapsed,
    }


def _receive(sockets: list[socket.socket], start: Callable[[], None]) -> list[Chunks]:
    """Take what arrives, with its time, until all answers have ended; reading it can wait.

    Args:
        start: called when everybody has the head of the answer.
    """
    gc.disable()
    poll, waiting = select.epoll(), {each.fileno(): each for each in sockets}
    received: defaultdict[int, Chunks] = defaultdict(list)
    order = list(waiting)
    for number in waiting:
        poll.register(number, select.EPOLLIN)
    clock = time.perf_counter
    begun, end, latest_start = False, clock() + _PATIENCE_SECONDS, clock() + _HEADS_SECONDS
    while waiting and clock() < end:
        for number, _ in poll.poll(0.1):
            data = waiting[number].recv(1 << 18)
            received[number].append((clock(), data))
            if not data or data.endswith(b"0\r\n\r\n"):  # the last chunk of the answer
                poll.unregister(number)
                del waiting[number]
        if not begun and (len(received) == len(order) or clock() > latest_start):
            begun = True
            start()
    poll.close()
    return [received[number] for number in order]


def _naps(chunks: Chunks) -> list[tuple[float, float]]:
    """When each event was emitted, and when its last byte arrived."""
    found, text, read = [], b"", 0
    for at, data in chunks:
        text += data
        for match in _NAP.finditer(text, read):
            found.append((float(json.loads(match.group(1))["at"]), at))
            read = match.end()
    return found


def _held_run(place: SplitResult) -> tuple[str, Callable[[], None]]:
    """
    Returns:
        Path of a run that is queued behind another one, and what ends that one.
    """
    thread = f"/threads/{_post(place, '/threads', {})['thread_id']}"
    holder = _post(place, f"{thread}/runs", _order(1, 600.0))["run_id"]
    run_id = _post(place, f"{thread}/runs", _order(EVENTS, EVERY_SECONDS))["run_id"]

    def start() -> None:
        _post(place, f"{thread}/runs/{holder}/cancel", {})

    return f"{thread}/runs/{run_id}", start


def _order(naps: int, seconds: float) -> dict[str, Any]:
    return {
        "assistant_id": "naps",
        "input": {"naps": naps, "seconds": seconds},
        "stream_mode": ["custom"],
        "multitask_strategy": "enqueue",
    }


def _post(place: SplitResult, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """On a connection of its own: servers close those that were idle for some seconds."""
    http = HTTPConnection(place.hostname or "", place.port, timeout=_PATIENCE_SECONDS)
    try:
        http.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = http.getresponse()
        text = answer.read()
    finally:
        http.close()
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"POST {path}: {answer.status} {text[:300]!r}")
    return dict(json.loads(text)) if answer.status == 200 and text else {}


if __name__ == "__main__":
    print(json.dumps(listen(sys.argv[1], int(sys.argv[2]))))
