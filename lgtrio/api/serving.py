"""HTTP connections: Hypercorn's protocol on sockets whose life we control.

Hypercorn's own server of a connection cannot end in bounded time: it shields a write without a
deadline, so a client that reads nothing would hold the server for ever. Here the open streams are
known, and closing one ends whatever is stuck on it. It also makes four tasks and a dozen trips
through the scheduler of a small request, of which one task and a few trips are left here.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog
import trio
from attrs import define, field
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr
from quart_trio import QuartTrio

from lgtrio.api import vanished
from lgtrio.api.idle import IdleConnections
from lgtrio.api.outbox import PATIENCE, Outbox, writer_of
from lgtrio.api.requests import RequestTasks
from lgtrio.api.turns import Turns

log = structlog.get_logger(__name__)

_LINGER_SECONDS: Final = 1.0
"""What answers that are on their way get to leave, when the server ends."""
_MAX_READ: Final = 64 * 1024
_KEEP_ALIVE: Final = 75.0
"""Seconds a connection may wait for a request; clients wait less long: they close first."""


def _config() -> Config:
    config = Config()
    config.include_server_header = False
    config.keep_alive_max_requests = 1_000_000
    config.h11_max_incomplete_size = 64 * 1024
    # As a logger and not as a name, so that Hypercorn adds no handler of its own.
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


@define(eq=False)
class _Connection:
    """One client's socket, from its first request to its last."""

    _server: HttpServer
    _stream: trio.SocketStream
    _outbox: Outbox = field(init=False)
    _protocol: ProtocolWrapper = field(init=False)
    _all_read: bool = field(default=False, init=False)
    """The client has closed its side."""
    _reading: trio.CancelScope = field(factory=trio.CancelScope, init=False)

    def __attrs_post_init__(self) -> None:
        self._outbox = Outbox(self._stream, writer_of(self._stream))

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as requests:
                try:
                    self._protocol = self._make_protocol(requests)
                except OSError:  # the client was gone before we could ask for its address
                    return
                nursery.start_soon(self._send_out)
                self._server.idle.add(self)
                await self._read()
            nursery.cancel_scope.cancel(reason="the connection has ended")

    def _make_protocol(self, nursery: trio.Nursery) -> ProtocolWrapper:
        server, sock = self._server, self._stream.socket
        return ProtocolWrapper(
            server.app,
            server.config,
            server.context,
            RequestTasks(nursery, self._outbox, server.turns),  # type: ignore[arg-type]  # does what H11 asks for
            ConnectionState({}),
            False,  # no TLS
            parse_socket_addr(sock.family, sock.getpeername()),
            parse_socket_addr(sock.family, sock.getsockname()),
            self._send,
            "http/1.1",
        )

    # -- receiving -----------------------------------------------------------------------

    async def _read(self) -> None:
        """Hand over what the client sends, until it closes its side or is gone."""
        data = b"more"
        with self._reading:
            while data:
                try:
                    data = bytes(await self._stream.receive_some(_MAX_READ))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
                await self._protocol.handle(RawData(data))
                self._outbox.send_nowait()
        self._all_read = True
        self._server.idle.discard(self)
        await self._protocol.handle(Closed())

    # -- sending -------------------------------------------------------------------------

    async def _send(self, event: Event) -> None:
        """What the protocol has to say to the socket."""
        if isinstance(event, RawData):
            await self._outbox.put(event.data)
            if not isinstance(self._protocol.protocol, H11Protocol):
                self._outbox.send_nowait()  # HTTP/2 has a task of its own that sends
        elif isinstance(event, Closed):
            with trio.move_on_after(PATIENCE, shield=True):
                await self._outbox.flush()
            self.hang_up()
            await self._protocol.handle(Closed())
        elif isinstance(event, Updated):
            if event.idle and not self._all_read:
                self._server.idle.add(self)
            else:
                self._server.idle.discard(self)

    async def _send_out(self) -> None:
        """Task: send what does not leave at once; ends when the client is gone."""
        await self._outbox.run()
        await self._protocol.handle(Closed())
        self.hang_up()

    def hang_up(self) -> None:
        """Close the socket; nothing may be left to send."""
        with suppress(OSError):
            self._stream.socket.shutdown(socket.SHUT_WR)
        self._stream.socket.close()
        # It may wait for its turn, with a request behind one that will not be answered any more.
        self._reading.cancel(reason="the connection has been closed")


@define(eq=False)
class HttpServer:
    """The connections of one application."""

    _quart: QuartTrio
    _nursery: trio.Nursery
    config: Config = field(factory=_config)
    context: WorkerContext = field(factory=partial(WorkerContext, None))
    idle: IdleConnections = field(factory=partial(IdleConnections, _KEEP_ALIVE))
    turns: Turns = field(factory=Turns)
    app: ASGIWrapper = field(init=False)
    _accepting: trio.CancelScope = field(factory=trio.CancelScope)
    _streams: set[trio.SocketStream] = field(factory=set)
    _last_closed: trio.Event = field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.app = ASGIWrapper(self._quart)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._streams)

    async def accept(
        self,
        sock: socket.socket,
        *,
        task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Task: serve connections on a listening socket, which is closed with it."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        # Requests inherit the application's context; each would push one of its own otherwise.
        async with self._quart.app_context():
            with self._accepting:
                await trio.serve_listeners(
                    self._serve, [listener], handler_nursery=self._nursery, task_status=task_status
                )

    async def _serve(self, stream: trio.SocketStream) -> None:
        self._streams.add(stream)
        try:
            await _Connection(self, stream).run()
        except Exception:
            # The boundary of one connection: whatever broke in it must not end the others.
            log.exception("a connection failed")
        finally:
            self._streams.discard(stream)
            stream.socket.close()
            if not self._streams:
                self._last_closed.set()

    async def refuse_new(self) -> None:
        """Close the listener and idle connections; requests in progress go on, and are the
        last on their connections. Nothing else runs before this returns."""
        self._accepting.cancel(reason="shutting down")
        await self.context.terminated.set()
        self.idle.hang_up()

    async def linger(self) -> None:
        """Wait for the open connections to end, but not for long."""
        with trio.move_on_after(_LINGER_SECONDS):
            while self._streams:
                self._last_closed = trio.Event()
                await self._last_closed.wait()

    def close_all(self) -> None:
        """Close every connection; what is stuck in a read or write of one ends."""
        for stream in self._streams:
            stream.socket.close()


@asynccontextmanager
async def open_http(app: QuartTrio, sock: socket.socket) -> AsyncIterator[HttpServer]:
    """Serve `app` on a listening socket while the block runs.

    On the way out connections get a moment to end (`HttpServer.linger`).
    """
    async with trio.open_nursery() as nursery:
        server = HttpServer(app, nursery)
        nursery.start_soon(server.idle.watch)
        nursery.start_soon(server.turns.pace)
        nursery.start_soon(vanished.watch, server._streams)
        await nursery.start(server.accept, sock)
        try:
            yield server
            await server.refuse_new()
            await server.linger()
        finally:
            server.close_all()
            nursery.cancel_scope.cancel(reason="the server ends")
