"""One HTTP exchange: as Quart does it, and with an owner for bodies that follow a run."""

from __future__ import annotations

from functools import cached_property, partial
from math import inf
from typing import Any, Final, cast

import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
)
from quart.utils import encode_headers
from quart.wrappers import Request, Response
from quart.wrappers.response import DataBody
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody, TrioRequest
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from lgtrio.api.bodies import RunBody
from lgtrio.api.requests import ON_DISCONNECT, WRITE_CHUNK
from lgtrio.runs.streams import StreamCut
from lgtrio.wire.ids import random_id


def _body(data: bytes, *, more: bool) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": data, "more_body": more}


_MORE: Final = _body(b"", more=True)
_NO_MORE: Final = _body(b"", more=False)


async def _write_chunk(send: ASGISendCallable, chunk: bytes) -> None:
    await send(_body(chunk, more=True))


_PIECE: Final = 65_536
"""Bytes of a body that are one object at least: chunks of one byte would take forty each."""


class WholeBody(TrioBody):
    """A request's body, read to its end before the request is handled."""

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._pieces: list[bytearray] = []
        self._length = 0

    def append(self, data: bytes) -> None:
        # Joined once: the base would copy a long body each time that its buffer has to grow.
        if self._pieces and len(self._pieces[-1]) < _PIECE:
            self._pieces[-1].extend(data)
        else:
            self._pieces.append(bytearray(data))
        self._length += len(data)
        if self._max_content_length is not None and self._length > self._max_content_length:
            self._must_raise = RequestEntityTooLarge()

    @property
    def refused(self) -> bool:
        return self._must_raise is not None

    def too_slow(self) -> None:
        self._must_raise = RequestTimeout()

    def take(self) -> bytes:
        """
        Raises:
            RequestEntityTooLarge, RequestTimeout: it was not read to its end.
        """
        if self._must_raise is not None:
            raise self._must_raise
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class WholeRequest(TrioRequest):
    body_class = WholeBody

    @cached_property
    def own_id(self) -> str:
        """The client's own name for this request, else one of ours."""
        return self.headers.get("X-Request-ID") or random_id()


class Exchange(TrioASGIHTTPConnection):
    """What this changes in its base:

    - one task, not three: the body is read first;
    - a client that goes away cancels what follows a run, and nothing else: a request that has come
      in whole is done and answered, for scripts that close their sending side behind it;
    - an answer that is there as a whole leaves as a whole;
    - a response may take as long as it likes (the base cuts at 60 s without a word);
    - a `RunBody` is closed whatever happens, also if the client is gone before its first byte;
    - a body that is cut ends without its final chunk, and Hypercorn then closes the connection.
    """

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        request = self._create_request_from_scope(send)
        # One scope for both: the time that the body may take, and the client that goes away.
        with trio.CancelScope(deadline=trio.current_time() + (request.body_timeout or 0)) as scope:
            if not await _read_body(request, receive):
                return
            if not scope.cancel_called:  # its time was up as the last piece came
                scope.deadline = inf
                await self._answer(request, send, scope)
        if scope.deadline < inf:
            cast("WholeBody", request.body).too_slow()
            with trio.CancelScope() as scope:
                await self._answer(request, send, scope)

    async def _answer(
        self, request: Request, send: ASGISendCallable, scope: trio.CancelScope
    ) -> None:
        """`scope` is around this; it is cancelled when nobody follows a run any more."""
        response = await self.app.handle_request(request)
        body = response.response if isinstance(response, Response) else None
        if isinstance(body, RunBody):
            await self._send_run(request, cast("Response", response), body, send, scope)
        elif isinstance(body, DataBody):
            await send(_head(cast("Response", response)))
            data = body.data[body.begin : body.end]
            await send(_body(data, more=False))
        else:
            await self._send_response(send, response)

    async def _send_run(
        self,
        request: Request,
        response: Response,
        body: RunBody,
        send: ASGISendCallable,
        scope: trio.CancelScope,
    ) -> None:
        if request.method == "HEAD":
            body.source.close()
            response.set_data(b"")
            await self._send_response(send, response)
            return
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        write = extensions.get(WRITE_CHUNK) or partial(_write_chunk, send)
        extensions[ON_DISCONNECT](scope.cancel)  # at once, if the client has gone already
        try:
            whole = await body.soon()
            if whole is not None:
                response.content_length = len(whole)
                await send(_head(response))
                await send(_body(whole, more=False))
                return
            await send(_head(response))
            await send(_MORE)  # the head leaves before the first chunk is there
            async with body:
                async for chunk in body:
                    if body.source.exhausted:  # the last chunk and the end leave together
                        body.finished = True
                        await send(_body(chunk, more=False))
                        return
                    await write(chunk)
            await send(_NO_MORE)
        except StreamCut:
            return
        finally:
            body.close()


async def _read_body(request: Request, receive: ASGIReceiveCallable) -> bool:
    """Read the request's body, as far as it is wanted; False if the client went away."""
    body = cast("WholeBody", request.body)
    more = True
    while more and not body.refused:
        message = await receive()
        if message["type"] != "http.request":
            return False
        body.append(message.get("body", b""))
        more = message.get("more_body", False)
    return True


def _head(response: Response) -> HTTPResponseStartEvent:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": encode_headers(response.headers),
    }
