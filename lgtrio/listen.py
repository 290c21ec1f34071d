"""The listening socket: which port the server gets, decided by binding and nothing else.

The socket is bound and already listening when it is handed out. Looking first whether a port
is free and binding later would leave a gap for another process to slip into.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import Final

import structlog

from lgtrio.config import Settings
from lgtrio.errors import LgtrioError, SettingsError

log = structlog.get_logger(__name__)

_BACKLOG: Final = 2048  # the kernel lowers it to its own limit
_TRIES: Final = 100
_LOOPBACK: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where clients of this machine reach a server that listens everywhere."""


class PortTaken(LgtrioError):
    """Another process listens on the port that was asked for."""


def bind_socket(settings: Settings) -> socket.socket:
    """A non-blocking listening TCP socket for these settings; the caller closes it.

    Raises:
        PortTaken: the port was asked for and is taken, or no free one was found.
        SettingsError: the host does not exist or is not an address of this machine.
    """
    family, address = _resolve(settings.host)
    last = settings.port if settings.port_given or settings.port == 0 else settings.port + _TRIES
    for port in range(settings.port, min(last, 65535) + 1):
        sock = _try_listen(family, address, port, settings)
        if sock is not None:
            _tell_if_moved(settings, port)
            return sock
    raise PortTaken(_taken(settings))


def url_of(sock: socket.socket) -> str:
    """The address to type into a client; a wildcard address becomes the loopback one."""
    bound, port = sock.getsockname()[:2]
    host = _LOOPBACK.get(str(bound), str(bound))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SettingsError(f"--host is {host!r}: {error.strerror or error}.") from error
    # "localhost" may list ::1 first, while most clients try 127.0.0.1: prefer IPv4.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, str(address[0])


def _try_listen(
    family: socket.AddressFamily, address: str, port: int, settings: Settings
) -> socket.socket | None:
    """None if the port is taken. With SO_REUSEADDR two sockets may be bound to one port while
    neither listens, so only `listen` decides."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise _cannot_listen(settings, port, error) from error
    return sock


def _cannot_listen(settings: Settings, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRNOTAVAIL:
        return SettingsError(f"--host is {settings.host!r}: not an address of this machine.")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return SettingsError(f"--port is {port}: this user may not listen on it.")
    return SettingsError(f"Cannot listen on {settings.host}:{port}: {error.strerror or error}.")


def _taken(settings: Settings) -> str:
    if settings.port_given:
        return (
            f"Port {settings.port} on {settings.host} is taken by another process. Choose"
            " another one with --port, or --port 0 for any free one."
        )
    return f"No free port from {settings.port} on {settings.host}. Choose one with --port."


def _tell_if_moved(settings: Settings, port: int) -> None:
    if settings.port not in {0, port}:
        log.warning("port is taken, using the next free one", taken=settings.port, port=port)
