"""The application's side of a connection: a task for each request, and what it is told.

Implements the task group that Hypercorn's protocol asks for. Its own makes a channel and a trip
through the scheduler of every message; here a message that can be taken at once is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import structlog
import trio
from attrs import define, field
from hypercorn.config import Config
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveEvent,
    ASGISendEvent,
    HTTPScope,
    WebsocketScope,
)

from lgtrio.api.outbox import Outbox
from lgtrio.api.turns import Turns

log = structlog.get_logger(__name__)

MAX_MESSAGES: Final = 10
"""Parts of a body that may wait for the application before the client has to wait."""
ON_DISCONNECT: Final = "lgtrio.on_disconnect"
"""Extension in a request's scope: a function to be given what is to be called when the client has
gone, or its answer is complete."""
WRITE_CHUNK: Final = "lgtrio.write_chunk"
"""Extension in the scope of an HTTP/1.1 request: sends one chunk of a body of unknown length,
behind the answer's head, without the way through the protocol's states, which is half of what a
stream of many readers costs."""

Scope = HTTPScope | WebsocketScope
Send = Callable[["ASGISendEvent | None"], Awaitable[None]]


@define(eq=False)
class Inbox:
    """What one request's application is told: its body, and at last that the client has gone."""

    _messages: deque[ASGIReceiveEvent] = field(factory=deque, init=False)
    _closed: bool = field(default=False, init=False)
    _on_disconnect: Callable[[], object] | None = field(default=None, init=False)
    _reader: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _writer: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    async def put(self, message: ASGIReceiveEvent) -> None:
        """Called by the protocol; waits while much is waiting."""
        if message["type"] == "http.disconnect":
            self.close()
            return
        while len(self._messages) >= MAX_MESSAGES and not self._closed:
            await self._writer.park()
        if not self._closed:
            self._messages.append(message)
            self._reader.unpark()

    def close(self) -> None:
        """The client has gone, or nobody listens any more."""
        if self._closed:
            return
        self._closed = True
        self._reader.unpark_all()
        self._writer.unpark_all()
        if self._on_disconnect is not None:
            self._on_disconnect()

    def end(self) -> None:
        """The request has been answered: nobody listens any more."""
        self._on_disconnect = None
        self.close()

    async def receive(self) -> ASGIReceiveEvent:
        while not self._messages:
            if self._closed:
                return {"type": "http.disconnect"}
            await self._reader.park()
        self._writer.unpark()
        return self._messages.popleft()

    def on_disconnect(self, function: Callable[[], object]) -> None:
        self._on_disconnect = function
        if self._closed:
            function()


@define(eq=False)
class RequestTasks:
    """The task group of one connection."""

    _nursery: trio.Nursery
    _outbox: Outbox
    _turns: Turns

    async def spawn_app(
        self, app: AppWrapper, _config: Config, scope: Scope, send: Send
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        inbox = Inbox()
        extensions = cast("dict[str, Any]", scope["extensions"])
        extensions[ON_DISCONNECT] = inbox.on_disconnect
        if scope["type"] == "http" and scope["http_version"] == "1.1":
            extensions[WRITE_CHUNK] = self._write_chunk
        self._nursery.start_soon(self._answer, app, scope, inbox, self._sending(send))
        return inbox.put

    async def _write_chunk(self, data: bytes) -> None:
        await self._outbox.put(b"%x\r\n%b\r\n" % (len(data), data))
        self._outbox.send_nowait()

    def _sending(self, send: Send) -> Send:
        """Let an answer's head wait for what follows it; everything else leaves at once."""
        outbox = self._outbox

        async def send_out(message: ASGISendEvent | None) -> None:
            await send(message)
            if message is None or message["type"] != "http.response.start":
                outbox.send_nowait()

        return send_out

    async def _answer(self, app: AppWrapper, scope: Scope, inbox: Inbox, send: Send) -> None:
        """Task: one request. What breaks in it ends it and nothing else."""
        try:
            if scope["type"] == "http":
                await self._turns.take(scope["method"])
            await app(scope, inbox.receive, send, trio.to_thread.run_sync, trio.from_thread.run)
        except trio.Cancelled:
            raise
        except BaseExceptionGroup as group:
            _, errors = group.split(trio.Cancelled)
            if errors is None:
                raise
            log.exception("a request failed", path=scope["path"], exc_info=errors)
        except Exception:
            log.exception("a request failed", path=scope["path"])
        finally:
            inbox.end()
            await send(None)  # noqa: ASYNC102 - waits only while much is waiting

    def spawn(self, function: Callable[..., Any], *args: Any) -> None:
        self._nursery.start_soon(function, *args)
