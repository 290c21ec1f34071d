"""The Quart application: the routes of the table, errors, cross-origin requests."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

from quart.wrappers import Request, Response
from werkzeug.wrappers import Response as WerkzeugResponse

from lgtrio.api.asking import request_id
from lgtrio.api.connections import Exchange, WholeRequest
from lgtrio.api.cors import register_cors
from lgtrio.api.dispatch import DirectQuart
from lgtrio.api.errors import register_errors
from lgtrio.api.metrics import Metrics, RequestCounts
from lgtrio.api.openapi import OpenapiRoutes
from lgtrio.api.page import PageRoutes
from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.services import Services
from lgtrio.api.table import routes

MAX_BODY: Final = 256 * 1024 * 1024
"""Bytes of a request's body; beyond it 413. Bodies are held in memory."""


class App(DirectQuart):
    asgi_http_class = Exchange
    request_class = WholeRequest
    requests: RequestCounts

    async def handle_request(self, request: Request) -> Response | WerkzeugResponse:
        start = perf_counter()
        response = await super().handle_request(request)
        took = (perf_counter() - start) * 1000
        self.requests.add(request.method, request.url_rule, response.status_code, took)
        return response


def create_app(services: Services, metrics: Metrics | None = None) -> App:
    """The whole HTTP side as one ASGI application; it needs no lifespan events.

    Args:
        metrics: what `/metrics` tells beside the requests of this application.
    """
    metrics = metrics or Metrics()
    app = App("lgtrio", static_folder=None, template_folder=None)
    app.requests = metrics.requests
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # A path is what it says: no slashes merged, the slash at the end is handled as an error.
    app.url_map.merge_slashes = False
    for route in _all_routes(services, metrics):
        app.add_url_rule(
            route.path,
            endpoint=f"{route.method} {route.path}",
            view_func=route.handler,
            methods=[route.method],
            provide_automatic_options=False,
        )
    register_errors(app)
    register_cors(app, services.cors)
    app.after_request(_name_the_request)
    return app


async def _name_the_request(response: Response) -> Response:
    """Clients show it with an error, and the journal knows what was done by it."""
    response.headers["X-Request-ID"] = request_id()
    return response


def _all_routes(services: Services, metrics: Metrics) -> list[Route]:
    """The table, what the application tells about itself, and the route that describes them."""
    table = [*routes(services), *under("System", _metrics(metrics), *_page())]
    openapi = OpenapiRoutes(table, services.graphs)
    own = Route(
        "GET",
        "/openapi.json",
        openapi.get,
        "This document",
        "OpenAPI 3.1",
        gives=dict[str, Any],
    )
    table.extend(under("System", own))
    return table


def _metrics(metrics: Metrics) -> Route:
    return Route(
        "GET",
        "/metrics",
        metrics.get,
        "What the server counts",
        "Metrics as Prometheus reads them, or as JSON",
        Content.METRICS,
        parameters=(Parameter("format", str, "`json`: as JSON."),),
    )


def _page() -> Sequence[Route]:
    page = PageRoutes()
    return (
        Route("GET", "/docs", page.page, "This document as a page", "The page", Content.PAGE),
        Route("GET", "/docs/<name>", page.asset, "", "", described=False),
    )
