"""The Quart application: every route in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from quart.wrappers import Response
from quart_trio import QuartTrio

from lgtrio.api.assistants import AssistantRoutes
from lgtrio.api.connections import Exchange
from lgtrio.api.cors import register_cors
from lgtrio.api.errors import register_errors
from lgtrio.api.journal import JournalRoutes
from lgtrio.api.orders import Orders
from lgtrio.api.runs import RunRoutes
from lgtrio.api.services import Services
from lgtrio.api.states import StateRoutes
from lgtrio.api.streams import StreamRoutes
from lgtrio.api.system import SystemRoutes
from lgtrio.api.threads import ThreadRoutes

MAX_BODY: Final = 256 * 1024 * 1024
"""Bytes of a request's body; beyond it 413. Bodies are held in memory."""

Handler = Callable[..., Awaitable[Response]]
Route = tuple[str, str, Handler]
"""Method, path, handler; the path's parts in angle brackets are the handler's arguments."""


class App(QuartTrio):
    asgi_http_class = Exchange


def create_app(services: Services) -> App:
    """The whole HTTP side as one ASGI application; it needs no lifespan events."""
    app = App("lgtrio", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # A path is what it says: no slashes merged, the slash at the end is handled as an error.
    app.url_map.merge_slashes = False
    for method, path, handler in _routes(services):
        app.add_url_rule(
            path,
            endpoint=f"{method} {path}",
            view_func=handler,
            methods=[method],
            provide_automatic_options=False,
        )
    register_errors(app)
    register_cors(app)
    return app


def _routes(services: Services) -> Iterator[Route]:
    system = SystemRoutes()
    yield "GET", "/", system.ok
    yield "GET", "/ok", system.ok
    yield "GET", "/info", system.info

    assistants = AssistantRoutes(services)
    yield "GET", "/assistants/<assistant_id>", assistants.get

    threads = ThreadRoutes(services)
    yield "POST", "/threads", threads.create
    yield "GET", "/threads/<thread_id>", threads.get
    yield "PATCH", "/threads/<thread_id>", threads.patch
    yield "DELETE", "/threads/<thread_id>", threads.delete

    states = StateRoutes(services)
    yield "GET", "/threads/<thread_id>/state", states.latest
    yield "POST", "/threads/<thread_id>/state", states.update
    yield "POST", "/threads/<thread_id>/state/checkpoint", states.at_checkpoint
    yield "GET", "/threads/<thread_id>/state/<checkpoint_id>", states.at_checkpoint_id
    yield "GET", "/threads/<thread_id>/history", states.history
    yield "POST", "/threads/<thread_id>/history", states.search_history

    orders = Orders(services)
    runs = RunRoutes(services, orders)
    yield "POST", "/runs", runs.create_stateless
    yield "POST", "/threads/<thread_id>/runs", runs.create
    yield "GET", "/threads/<thread_id>/runs", runs.list_runs
    yield "GET", "/threads/<thread_id>/runs/<run_id>", runs.get
    yield "DELETE", "/threads/<thread_id>/runs/<run_id>", runs.delete
    yield "POST", "/threads/<thread_id>/runs/<run_id>/cancel", runs.cancel

    streams = StreamRoutes(services, orders)
    yield "POST", "/runs/stream", streams.stream_stateless
    yield "POST", "/runs/wait", streams.wait_stateless
    yield "POST", "/threads/<thread_id>/runs/stream", streams.stream
    yield "POST", "/threads/<thread_id>/runs/wait", streams.wait
    yield "GET", "/threads/<thread_id>/runs/<run_id>/join", streams.join
    yield "GET", "/threads/<thread_id>/runs/<run_id>/stream", streams.join_stream

    journal = JournalRoutes(services)
    yield "GET", "/journal", journal.of_all
    yield "GET", "/journal/stream", journal.stream
    yield "GET", "/threads/<thread_id>/journal", journal.of_thread
    yield "GET", "/threads/<thread_id>/runs/<run_id>/journal", journal.of_run
