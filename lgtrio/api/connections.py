"""One HTTP exchange: as Quart does it, and with an owner for bodies that follow a run."""

from __future__ import annotations

import trio
from hypercorn.typing import ASGISendCallable
from quart.wrappers import Request, Response
from quart_trio.asgi import TrioASGIHTTPConnection

from lgtrio.api.bodies import RunBody
from lgtrio.runs.streams import StreamCut


class Exchange(TrioASGIHTTPConnection):
    """What this adds to its base:

    - a response may take as long as it likes (the base cuts at 60 s without a word);
    - a `RunBody` is closed whatever happens, also if the client is gone before its first byte;
    - a body that is cut ends without its final chunk, and Hypercorn then closes the connection.
    """

    async def handle_request(  # type: ignore[override]  # the Trio base has changed it too
        self, nursery: trio.Nursery, request: Request, send: ASGISendCallable
    ) -> None:
        response = await self.app.handle_request(request)
        if isinstance(response, Response) and isinstance(response.response, RunBody):
            await self._send_run(request, response, response.response, send)
        else:
            await self._send_response(send, response)
        nursery.cancel_scope.cancel(reason="answered")

    async def _send_run(
        self, request: Request, response: Response, body: RunBody, send: ASGISendCallable
    ) -> None:
        if request.method == "HEAD":
            body.source.close()
            response.set_data(b"")
        try:
            await self._send_response(send, response)
        except StreamCut:
            return
        finally:
            if request.method != "HEAD":
                body.close()
