"""Clients whose host has vanished: it lost its power or its network, and no packet says so.

Without this a stream's run would go on until the kernel gives up, which takes a quarter of an hour.
Streams and waits send something every few seconds, and what is sent is acknowledged by the client's
system, whatever its program does. So a host is gone that has not acknowledged for long what was
sent again and again. `TCP_USER_TIMEOUT` would not do: it takes a client that reads slowly for gone.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Final

import structlog
import trio

log = structlog.get_logger(__name__)

PATIENCE: Final = 60.0
"""Seconds without an acknowledgement, after which a host that owes one is gone."""
_LOOKS: Final = 12
"""How often it is looked in that time."""
_TRIES: Final = 3
"""Times that something has to have been sent again: before that its first answer may be on its way,
on a connection where nothing was sent for long."""
_TCP_INFO: Final = struct.Struct("=8B13I")
"""The beginning of Linux's `struct tcp_info`."""


def silent_for(info: bytes) -> float:
    """Seconds that a host has been owing an acknowledgement.

    Args:
        info: what the socket's `TCP_INFO` says.

    Returns:
        0 if it owes none, or none that was asked for several times.
    """
    _, _, retransmits, _, _, _, _, _, *counters = _TCP_INFO.unpack(info)
    unacknowledged: int = counters[4]
    last_acknowledgement: int = counters[12]
    if not unacknowledged or retransmits < _TRIES:
        return 0.0
    return last_acknowledgement / 1000


def _is_gone(stream: trio.SocketStream) -> bool:
    try:
        info = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:  # closed, or no TCP
        return False
    return len(info) == _TCP_INFO.size and silent_for(info) >= PATIENCE


async def watch(streams: Collection[trio.SocketStream]) -> None:
    """Task: close connections to hosts that are gone, as if the client had closed them.

    Args:
        streams: those that are open; looked at again and again.

    Only Linux is known to tell it like this; elsewhere nothing is watched.
    """
    if sys.platform != "linux":
        return
    while True:
        await trio.sleep(PATIENCE / _LOOKS)
        for stream in list(streams):
            if _is_gone(stream):
                log.info("a client's host has vanished", seconds=PATIENCE)
                # Without lingering: there is nobody to send the rest to.
                with suppress(OSError):  # one connection must not end the others
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stream.socket.close()
