"""HTTP connections: Hypercorn's protocol on a listener whose life we control.

Hypercorn's own worker cannot end in bounded time: it shields a write without a deadline, so a
client that reads nothing would hold the server for ever. Here the open streams are known, and
closing one ends whatever is stuck on it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog
import trio
from attrs import define, field
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState

from lgtrio.api.outbox import PATIENCE, Outbox

log = structlog.get_logger(__name__)

_LINGER_SECONDS: Final = 1.0
"""What answers that are on their way get to leave, when the server ends."""


def _config() -> Config:
    config = Config()
    config.include_server_header = False
    config.keep_alive_timeout = 75.0  # longer than clients keep theirs: they close first
    config.keep_alive_max_requests = 1_000_000
    config.h11_max_incomplete_size = 64 * 1024
    # As a logger and not as a name, so that Hypercorn adds no handler of its own.
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


class _Connection(TCPServer):
    """What this changes:

    - What is sent goes through an outbox, so that nothing waits shielded for a client.
    - It also closes, or begins to count its idle time, when told to by a request that is being
      cancelled: Hypercorn reports the end of an answer as a disconnect first, and would then
      never get round to it.
    - It does not wait for the next request of a client that has closed its side: Hypercorn would
      keep the socket until the idle time is over.
    """

    outbox: Outbox
    _all_read: bool = False
    """The client has closed its side."""

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self.outbox.put(event.data)
            return
        if isinstance(event, Closed):
            with trio.move_on_after(PATIENCE, shield=True):
                await self.outbox.flush()
        if isinstance(event, Updated) and event.idle and self._all_read:
            return
        with trio.move_on_after(_LINGER_SECONDS, shield=True):
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        await super()._read_data()
        self._all_read = True
        await self.idle_task.stop()

    async def send_out(self) -> None:
        """Task: send what is put into the outbox; ends when the client is gone."""
        await self.outbox.run()
        await self.protocol.handle(Closed())


@define(eq=False)
class HttpServer:
    """The connections of one application."""

    _app: ASGIWrapper
    _nursery: trio.Nursery
    _config: Config = field(factory=_config)
    _context: WorkerContext = field(factory=partial(WorkerContext, None))
    _accepting: trio.CancelScope = field(factory=trio.CancelScope)
    _streams: set[trio.SocketStream] = field(factory=set)
    _last_closed: trio.Event = field(factory=trio.Event)

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
        with self._accepting:
            await trio.serve_listeners(
                self._serve, [listener], handler_nursery=self._nursery, task_status=task_status
            )

    async def _serve(self, stream: trio.SocketStream) -> None:
        self._streams.add(stream)
        state = ConnectionState({})
        # It takes plain sockets too.
        connection = _Connection(self._app, self._config, self._context, state, stream)  # type: ignore[arg-type]
        connection.outbox = Outbox(stream)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.send_out)
                await connection
                nursery.cancel_scope.cancel(reason="the connection has ended")
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
        await self._context.terminated.set()

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
async def open_http(app: ASGIFramework, sock: socket.socket) -> AsyncIterator[HttpServer]:
    """Serve `app` on a listening socket while the block runs.

    On the way out connections get a moment to end (`HttpServer.linger`).
    """
    async with trio.open_nursery() as nursery:
        server = HttpServer(ASGIWrapper(app), nursery)
        await nursery.start(server.accept, sock)
        try:
            yield server
            await server.refuse_new()
            await server.linger()
        finally:
            server.close_all()
            nursery.cancel_scope.cancel(reason="the server ends")
