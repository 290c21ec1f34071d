"""Cross-origin requests: pages of any origin may call this server and read what clients need."""

from __future__ import annotations

from typing import Final

from quart import Quart, request
from quart.wrappers import Response

_EXPOSED: Final = "Content-Location, Location, X-Pagination-Total, X-Pagination-Next"
_METHODS: Final = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_PREFLIGHT_SECONDS: Final = "600"


def register_cors(app: Quart) -> None:
    app.before_request(_answer_preflight)
    app.after_request(_allow_origin)


async def _answer_preflight() -> Response | None:
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    answer = Response(b"OK", content_type="text/plain; charset=utf-8")
    asked = request.headers.get("Access-Control-Request-Headers")
    answer.headers.update(
        {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Private-Network": "true",
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            **({"Access-Control-Allow-Headers": asked} if asked else {}),
        }
    )
    return answer


async def _allow_origin(response: Response) -> Response:
    headers = response.headers
    headers["Vary"] = "Origin"
    if "Origin" in request.headers:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response
