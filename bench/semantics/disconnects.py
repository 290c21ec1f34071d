"""A client that can go away in more than one way, which HTTP libraries do not offer."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from urllib.parse import urlsplit

from attrs import frozen

WAYS = ("close", "reset")


@frozen
class Caller:
    """A request under way on a connection of its own."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    @classmethod
    async def dial(cls, url: str, method: str, path: str, body: object) -> Caller:
        host, port = urlsplit(url).hostname, urlsplit(url).port or 80
        reader, writer = await asyncio.open_connection(host, port)
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await writer.drain()
        return cls(reader, writer)

    async def answered(self) -> None:
        """Wait for the first bytes of the answer."""
        await self._reader.read(1)

    async def goes_away(self, way: str) -> None:
        """
        Args:
            way: `close` ends the connection in order, `reset` tells the peer that it is gone.
        """
        if way == "reset":
            linger = struct.pack("ii", 1, 0)
            self._writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            self._writer.transport.abort()
            return
        self._writer.close()
        await self._writer.wait_closed()
