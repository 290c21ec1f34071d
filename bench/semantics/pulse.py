"""Where the signs of life arrive: a UDP socket of the instrument.

Times are taken on arrival, so everything that is measured is on one clock, wherever the server is.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from attrs import define, field, frozen


@frozen
class Sign:
    at: float
    """Seconds on `time.perf_counter`."""
    node: str
    what: str
    """`enter`, `tick` or `leave`."""
    number: int


@define
class Pulse(asyncio.DatagramProtocol):
    """The signs of all runs, by run id."""

    sink: tuple[str, int] = ("", 0)
    """What the graph is told to send to."""
    _signs: defaultdict[str, list[Sign]] = field(factory=lambda: defaultdict(list))
    _waiting: list[tuple[Callable[[], bool], asyncio.Event]] = field(factory=list)

    def datagram_received(self, data: bytes, _addr: object) -> None:
        at = time.perf_counter()
        sign = json.loads(data)
        run_id = sign.pop("run_id")
        self._signs[run_id].append(Sign(at, **sign))
        for holds, event in self._waiting:
            if holds():
                event.set()

    def of(self, run_id: str) -> list[Sign]:
        """Oldest first; empty for a run that has not begun."""
        return self._signs.get(run_id, [])

    async def until(self, holds: Callable[[], bool], *, seconds: float) -> None:
        """Wait until a sign makes the condition true.

        Raises:
            TimeoutError: it stayed false.
        """
        if holds():
            return
        entry = (holds, asyncio.Event())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await entry[1].wait()
        finally:
            self._waiting.remove(entry)


@asynccontextmanager
async def listening(host: str) -> AsyncIterator[Pulse]:
    """
    Args:
        host: address at which the server can reach this machine.
    """
    loop = asyncio.get_running_loop()
    transport, pulse = await loop.create_datagram_endpoint(Pulse, local_addr=(host, 0))
    pulse.sink = transport.get_extra_info("sockname")[:2]
    try:
        yield pulse
    finally:
        transport.close()
