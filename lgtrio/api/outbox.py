"""What one connection has still to send.

HTTP makes three pieces of a small answer: head, body, end. Each would be a write of its own, with
its system call and its trip through the scheduler. Here they gather until somebody says that they
are to leave, and then they leave together, without a task being woken as long as the client's
system takes them. A client that is behind has a task that waits for it, and nobody else waits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import trio
from attrs import define, field

ENOUGH: Final = 64 * 1024
"""Bytes that may wait before whoever writes has to wait too."""
PATIENCE: Final = 60.0
"""Seconds a client gets to take as much; one that takes less is gone."""

WriteNowait = Callable[[bytes], int]
"""Writes what can be written at once; returns how many bytes that were."""


@define(eq=False)
class Outbox:
    """Filled and sent by the answers of a connection; what they cannot send its `run` sends."""

    _stream: trio.abc.SendStream
    _write_nowait: WriteNowait
    _waiting: list[bytes] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)
    """Of what waits and of what `run` is sending."""
    _sending: bool = field(default=False, init=False)
    """`run` has work: what is put meanwhile has to come after it."""
    _gone: bool = field(default=False, init=False)
    """The client takes nothing any more; what is put is dropped."""
    _sender: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _writers: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    async def put(self, data: bytes) -> None:
        """Have bytes sent after those before them, with the next `send_nowait` at the latest; waits
        only while much is waiting.

        Cancellation: they are sent all the same.
        """
        if self._gone or not data:
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > ENOUGH:
            self.send_nowait()
            while self._size > ENOUGH and not self._gone:
                await self._writers.park()

    def send_nowait(self) -> None:
        """Send what waits; what the client's system does not take at once is left to `run`."""
        if self._sending or not self._waiting:
            return
        data = self._take()
        sent = self._write_nowait(data)
        self._size -= sent
        if sent < len(data):
            self._waiting.append(data[sent:])
            self._sending = True
            self._sender.unpark()
        else:
            self._writers.unpark_all()

    async def flush(self) -> None:
        """Send what waits, and wait until it is sent or the client is gone."""
        self.send_nowait()
        while self._size and not self._gone:
            await self._writers.park()

    async def run(self) -> None:
        """Send what did not leave at once, until the client is gone; may be cancelled any time."""
        try:
            while await self._send_waiting():
                pass
        finally:
            self._gone = True
            self._waiting.clear()
            self._writers.unpark_all()

    async def _send_waiting(self) -> bool:
        """Send what is there, or wait for something; False if the client is gone."""
        while not self._sending:
            await self._sender.park()
        data = self._take()
        for start in range(0, len(data), ENOUGH):
            if not await self._send(data[start : start + ENOUGH]):
                return False
        self._size -= len(data)
        self._sending = bool(self._waiting)
        self._writers.unpark_all()
        return True

    def _take(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data

    async def _send(self, piece: bytes) -> bool:
        """Piece by piece, so that a client is slow if it takes long for one, not for all."""
        with trio.move_on_after(PATIENCE) as patience:
            try:
                await self._stream.send_all(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        return not patience.cancelled_caught


def writer_of(stream: trio.SocketStream) -> WriteNowait:
    """What a socket takes at once; nothing when that is not known here, or it is broken: sending
    then goes the long way, which also finds out what is wrong."""

    def write(data: bytes) -> int:
        # Asked for each time: the number of a closed socket may be another one's by now.
        fd = stream.socket.fileno()
        if fd < 0:
            return 0
        try:
            return os.write(fd, data)
        except OSError:
            return 0

    return write if os.name == "posix" else lambda _data: 0
