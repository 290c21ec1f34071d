"""Two hundred who listen to one run, and how far behind the graph they are."""

from __future__ import annotations

import asyncio
import json
import re
import time
from urllib.parse import urlsplit

import aiohttp
from attrs import define, field

from bench.measure import quantile
from bench.servers import Server

LISTENERS = 200
EVENTS = 200
_EVERY_SECONDS = 0.005
_DELAY_SECONDS = 3
"""What everybody has to come, before the run starts."""
_NAP = re.compile(rb'data: (\{"nap":.*?\})\r?\n')


@define(eq=False)
class _Listener(asyncio.Protocol):
    """Notes what arrives and when; reading it can wait, the next chunk can not."""

    request: bytes
    ended: asyncio.Event = field(factory=asyncio.Event)
    chunks: list[tuple[float, bytes]] = field(factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.chunks.append((time.perf_counter(), data))
        if data.endswith(b"0\r\n\r\n"):  # the last chunk of the answer
            self.ended.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ended.set()

    def lags(self) -> list[float]:
        """Seconds from each event's emission to the arrival of its last byte."""
        found, text, read = [], b"", 0
        for at, data in self.chunks:
            text += data
            for match in _NAP.finditer(text, read):
                found.append(at - json.loads(match.group(1))["at"])
                read = match.end()
        return found


async def listen(server: Server) -> dict[str, float]:
    """Graph and listeners take their times from the one clock of the machine."""
    async with aiohttp.ClientSession(server.url) as http:
        path = await _delayed_run(http)
    request = f"GET {path}/stream HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    loop, url = asyncio.get_running_loop(), urlsplit(server.url)
    made = [
        await loop.create_connection(lambda: _Listener(request), url.hostname, url.port)
        for _ in range(LISTENERS)
    ]
    await asyncio.gather(*(listener.ended.wait() for _, listener in made))
    for transport, _ in made:
        transport.close()
    lags = [listener.lags() for _, listener in made]
    together = [lag for each in lags for lag in each]
    return {
        "listeners": LISTENERS,
        "events": EVENTS,
        "got_all": sum(len(each) == EVENTS for each in lags),
        "lag_p50_ms": quantile(together, 0.5) * 1000,
        "lag_p95_ms": quantile(together, 0.95) * 1000,
    }


async def _delayed_run(http: aiohttp.ClientSession) -> str:
    async with http.post("/threads", json={}) as answer:
        thread_id = (await answer.json())["thread_id"]
    order = {
        "assistant_id": "naps",
        "input": {"naps": EVENTS, "seconds": _EVERY_SECONDS},
        "stream_mode": ["custom"],
        "after_seconds": _DELAY_SECONDS,
    }
    async with http.post(f"/threads/{thread_id}/runs", json=order) as answer:
        answer.raise_for_status()
        return f"/threads/{thread_id}/runs/{(await answer.json())['run_id']}"
