"""What one connection has still to send.

HTTP makes three pieces of a small answer: head, body, end. Each would be a write of its own, with
its system call and its trip through the scheduler. Here they gather until whoever writes them
pauses, and leave together.
"""

from __future__ import annotations

from typing import Final

import trio
from attrs import define, field

ENOUGH: Final = 64 * 1024
"""Bytes that may wait before whoever writes has to wait too."""
PATIENCE: Final = 60.0
"""Seconds a client gets to take as much; one that takes less is gone."""


@define(eq=False)
class Outbox:
    """Filled by the answers of a connection, emptied by its one task `run`."""

    _stream: trio.abc.SendStream
    _waiting: list[bytes] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)
    _gone: bool = field(default=False, init=False)
    """The client takes nothing any more; what is put is dropped."""
    _sender: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _writers: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    async def put(self, data: bytes) -> None:
        """Have bytes sent after those before them; waits only while much is waiting.

        Cancellation: they are sent all the same.
        """
        if self._gone or not data:
            return
        self._waiting.append(data)
        self._size += len(data)
        self._sender.unpark()
        while self._size > ENOUGH and not self._gone:
            await self._writers.park()

    async def flush(self) -> None:
        """Wait until everything is sent, or the client is gone."""
        while self._size and not self._gone:
            await self._writers.park()

    async def run(self) -> None:
        """Send until the client is gone; may be cancelled at any time."""
        try:
            while await self._send_waiting():
                pass
        finally:
            self._gone = True
            self._writers.unpark_all()

    async def _send_waiting(self) -> bool:
        """Send what is there, or wait for something; False if the client is gone."""
        if not self._waiting:
            await self._sender.park()
        data = b"".join(self._waiting)
        self._waiting.clear()
        for start in range(0, len(data), ENOUGH):
            if not await self._send(data[start : start + ENOUGH]):
                return False
        self._size -= len(data)
        self._writers.unpark_all()
        return True

    async def _send(self, piece: bytes) -> bool:
        """Piece by piece, so that a client is slow if it takes long for one, not for all."""
        with trio.move_on_after(PATIENCE) as patience:
            try:
                await self._stream.send_all(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        return not patience.cancelled_caught
