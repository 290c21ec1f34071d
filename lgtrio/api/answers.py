"""Making answers: JSON that is ready as bytes, empty ones, and where a run is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quart_trio.wrappers import TrioResponse as Response

_JSON: Final = "application/json"

Headers = Mapping[str, str]


def json_answer(body: bytes, status: int = 200, headers: Headers | None = None) -> Response:
    return Response(body, status, dict(headers or {}), content_type=_JSON)


def empty(status: int) -> Response:
    """An answer without body; for 202 and 204 only: elsewhere clients try to parse it."""
    answer = Response(b"", status)
    del answer.headers["Content-Type"]
    return answer


def run_path(thread_id: str, run_id: str) -> str:
    return f"/threads/{thread_id}/runs/{run_id}"
