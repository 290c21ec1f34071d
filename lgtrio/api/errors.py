"""The one place that turns errors into HTTP answers: `{"detail": "<sentence>"}`."""

from __future__ import annotations

from typing import Final

import structlog
from orjson import dumps
from quart import Quart, current_app, has_request_context, request
from quart.wrappers import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from lgtrio.api.answers import json_answer
from lgtrio.errors import RequestError, StorageUnavailable

log = structlog.get_logger(__name__)

_SERVER_ERROR: Final = "Internal Server Error"


def register_errors(app: Quart) -> None:
    app.register_error_handler(RequestError, _refused)
    app.register_error_handler(StorageUnavailable, _unavailable)
    app.register_error_handler(NotFound, _no_such_path)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def error_answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return json_answer(dumps({"detail": detail}), status, headers)


async def _refused(error: RequestError) -> Response:
    return error_answer(error.status, error.detail)


async def _unavailable(error: StorageUnavailable) -> Response:
    log.error("the storage did not serve a request", path=request.path, exc_info=error)
    return error_answer(503, error.detail)


async def _no_such_path(error: NotFound) -> Response:
    """No route; a path that only has a slash too many is sent to the right one."""
    if not has_request_context():  # a WebSocket is asked for; nothing here speaks it
        return error_answer(404, error.name)
    path = request.path.rstrip("/")
    if path != request.path and _has_route(path):
        query = request.query_string.decode("latin1")
        return error_answer(307, "Moved", {"Location": f"{path}?{query}" if query else path})
    return error_answer(404, error.name)


def _has_route(path: str) -> bool:
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and adapter.test(path, method=request.method)


async def _http_error(error: HTTPException) -> Response:
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return error_answer(error.code or 500, error.name, headers)


async def _unexpected(error: Exception) -> Response:
    log.error("a request failed", method=request.method, path=request.path, exc_info=error)
    return error_answer(500, _SERVER_ERROR)
