"""Cross-origin requests; see `lgtrio.wire.cors`."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from quart import Quart, request
from quart.wrappers import Response

from lgtrio.wire.cors import CorsPolicy

_METHOD: Final = "Access-Control-Request-Method"
_HEADERS: Final = "Access-Control-Request-Headers"


def register_cors(app: Quart, policy: CorsPolicy) -> None:
    cors = _Cors(policy)
    app.before_request(cors.answer_preflight)
    app.after_request(cors.add_headers)


@frozen
class _Cors:
    policy: CorsPolicy

    async def answer_preflight(self) -> Response | None:
        """Also for paths that there are not: the request itself is told so."""
        asked = request.headers
        if request.method != "OPTIONS" or _METHOD not in asked or "Origin" not in asked:
            return None
        answer = self.policy.preflight(asked["Origin"], asked[_METHOD], asked.get(_HEADERS))
        return Response(
            answer.text.encode(),
            answer.status,
            dict(answer.headers),
            content_type="text/plain; charset=utf-8",
        )

    async def add_headers(self, response: Response) -> Response:
        """To every answer, errors of ours included: a page should see what went wrong."""
        origin = request.headers.get("Origin")
        # Caches must keep apart what differs by origin, also where none was sent.
        response.headers["Vary"] = "Origin"
        if origin is not None and request.method != "OPTIONS":
            response.headers.update(self.policy.answer_headers(origin))
        return response
