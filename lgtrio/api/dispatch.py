"""From a request to its handler: Quart's way, without what nothing here uses.

Quart asks for blueprints, signals, sessions and functions that may be sync at each of a dozen
stations, and binds its URL map to the host of each request. There are none of the first here, all
functions are async, and a path means the same on every host. A short request is as much dispatch
as work, so these overrides (all of methods that Quart names as its own to override) are worth
their lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, cast

from quart import Quart
from quart.ctx import RequestContext
from quart.routing import QuartRule
from quart.sessions import NullSession, SessionInterface
from quart.typing import ResponseReturnValue
from quart.wrappers import Request, Response, Websocket
from quart.wrappers.base import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Response as WerkzeugResponse

_NO_SESSION: Final = NullSession()


class NoSessions(SessionInterface):
    """Nobody has a session here, and nobody looks for one."""

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> NullSession:  # noqa: ARG002
        return _NO_SESSION


class DirectContext(RequestContext):
    """A request's context, whose path is looked up in the one map of the application."""

    def match_request(self) -> None:
        request = self.request
        app = cast("DirectQuart", self.app)
        if (known := app.plain_paths.get((request.method, request.path))) is not None:
            request.url_rule, request.view_args = known, {}
            return
        adapter = cast("MapAdapter", self.url_adapter)
        try:
            rule, args = adapter.match(request.path, request.method, return_rule=True)
            request.url_rule, request.view_args = cast("QuartRule", rule), dict(args)
        except HTTPException as exception:
            request.routing_exception = exception


class DirectQuart(QuartTrio):
    """An application without blueprints, sessions and signals, all of whose functions are async."""

    session_interface = NoSessions()  # type: ignore[assignment]  # any interface will do

    @cached_property
    def _paths(self) -> MapAdapter:
        """The URL map for requests to any host; used with the path of each."""
        return self.url_map.bind("")

    @cached_property
    def plain_paths(self) -> Mapping[tuple[str, str], QuartRule]:
        """Method and path of each route whose path has no parameters."""
        rules = cast("Iterable[QuartRule]", self.url_map.iter_rules())
        plain = [rule for rule in rules if not rule.arguments and not rule.websocket]
        return {(method, rule.rule): rule for rule in plain for method in rule.methods or ()}

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        if isinstance(request, Websocket):
            return super().create_url_adapter(request)
        return self._paths

    def request_context(self, request: Request) -> RequestContext:
        return DirectContext(self, request, _NO_SESSION)

    async def full_dispatch_request(
        self, request_context: RequestContext | None = None
    ) -> Response | WerkzeugResponse:
        assert request_context is not None
        result: ResponseReturnValue | HTTPException | None
        try:
            result = await self._before()
            if result is None:
                result = await self._handle(request_context.request)
        except (Exception, BaseExceptionGroup) as error:
            result = await self.handle_user_exception(error)
        response = await self.make_response(result)
        for function in reversed(self.after_request_funcs[None]):
            response = await cast("Any", function)(response)
        return response

    async def _before(self) -> ResponseReturnValue | None:
        for function in self.before_request_funcs[None]:
            result = await cast("Any", function)()
            if result is not None:
                return cast("ResponseReturnValue", result)
        return None

    async def _handle(self, request: Request) -> ResponseReturnValue:
        if request.routing_exception is not None:
            self.raise_routing_exception(request)
        assert request.url_rule is not None
        handler = cast("Any", self.view_functions[request.url_rule.endpoint])
        return cast("ResponseReturnValue", await handler(**(request.view_args or {})))

    async def do_teardown_request(
        self, exc: BaseException | None, request_context: RequestContext | None = None
    ) -> None:
        """There is nothing to tear down."""
