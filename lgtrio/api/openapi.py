"""The OpenAPI 3.1 document of this server, made of the table of routes; see `schemas`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen
from orjson import dumps
from quart.wrappers import Response

from lgtrio import __version__
from lgtrio.api.answers import json_answer
from lgtrio.api.routes import Content, Parameter, Route
from lgtrio.api.schemas import COMPONENT, Json, Schemas
from lgtrio.wire.answers import MetricsReport

_JSON: Final = "application/json"
_TEXT: Final = {"schema": {"type": "string"}}
_ERROR: Final[Json] = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}
_EVENT: Final[Json] = {
    "type": "object",
    "description": "One event of the stream",
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": _JSON},
        "id": {"type": "string"},
    },
    "required": ["event", "data"],
}
_UUIDS: Final = frozenset({"assistant_id", "thread_id", "run_id", "cron_id"})
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_REFUSALS: Final[Mapping[int, str]] = {
    400: "The request contradicts itself, or what it is about",
    404: "What it is about is not there",
    409: "What it is about is in the way: it exists already, or is busy",
    413: "The body is too large",
    422: "The request is not of the shape; the sentence says what to change",
    500: "A mistake of the server, which is in its log",
    502: "What makes vectors of texts has failed",
    503: "The server cannot do it now; try again",
}
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Location": "Path of the run",
    "Location": "Where to go on if the connection breaks",
    "X-Pagination-Total": "How many there are in all",
    "X-Pagination-Next": "Where the next page begins, if there is one",
}


@define(eq=False)
class OpenapiRoutes:
    """Serves the document; made when it is first asked for."""

    routes: Sequence[Route]
    graphs: Sequence[str]
    _document: bytes | None = field(default=None, init=False)

    async def get(self) -> Response:
        if self._document is None:
            self._document = dumps(document(self.routes, self.graphs))
        return json_answer(self._document)


def document(routes: Sequence[Route], graphs: Sequence[str]) -> Json:
    """The whole document.

    Args:
        graphs: names of the graphs that are served.
    """
    described = [route for route in routes if route.described]
    schemas = Schemas.of(_kinds(described), graphs)
    writer = _Writer(schemas)
    paths: dict[str, Json] = {}
    for route in described:
        operations = paths.setdefault(_PART.sub(r"{\1}", route.path), {})
        operations[route.method.lower()] = writer.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lgtrio",
            "version": __version__,
            "summary": "The LangGraph Platform API, and a journal of lgtrio's own",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in described)],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Error": _ERROR, "Event": _EVENT},
            "responses": {f"Error{status}": _error(status) for status in _REFUSALS},
        },
    }


def _kinds(routes: Sequence[Route]) -> Iterator[Any]:
    """Every type that a schema is needed of."""
    yield MetricsReport
    for route in routes:
        if route.body is not None:
            yield route.body
        if route.gives is not Any:
            yield route.gives
        kinds = (parameter.kind for parameter in route.parameters)
        yield from (kind for kind in kinds if not isinstance(kind, dict))


@frozen
class _Writer:
    schemas: Schemas

    def operation(self, route: Route) -> Json:
        operation: Json = {
            "operationId": "_".join(re.findall(r"\w+", f"{route.method.lower()} {route.path}")),
            "summary": route.summary,
            "tags": [route.tag],
            "parameters": [
                *(_path_parameter(name) for name in _PART.findall(route.path)),
                *(self._parameter(each) for each in route.parameters),
            ],
            "responses": {**self._answers(route), **_refusals(route)},
        }
        if route.body is not None:
            form = self.schemas.form(route.body)
            schema = {**form, "minItems": 1} if "items" in form else form
            content = {_JSON: {"schema": schema}}
            operation["requestBody"] = {"required": True, "content": content}
        return operation

    def _parameter(self, parameter: Parameter) -> Json:
        kind = parameter.kind
        return {
            "name": parameter.name,
            "in": parameter.place,
            "description": parameter.about,
            "required": parameter.required,
            "schema": kind if isinstance(kind, dict) else self.schemas.form(kind),
        }

    def _answers(self, route: Route) -> Json:
        answers: Json = {}
        if route.content is not Content.NOTHING:
            answers["200"] = {"description": route.answer, "content": self._content(route)}
        if route.empty_status is not None:
            about = route.empty_answer or route.answer
            answers[str(route.empty_status)] = {"description": about}
        if route.headers:
            answers["200"]["headers"] = {name: _header(name) for name in route.headers}
        return answers

    def _content(self, route: Route) -> Json:
        match route.content:
            case Content.EVENTS:
                return {"text/event-stream": {"schema": _component("Event")}}
            case Content.PAGE:
                return {"text/html": _TEXT}
            case Content.METRICS:
                report = self.schemas.form(MetricsReport)
                return {"text/plain": _TEXT, _JSON: {"schema": report}}
        form = self.schemas.selected(route.gives) if route.selects else None
        return {_JSON: {"schema": form or self.schemas.form(route.gives)}}


def _path_parameter(name: str) -> Json:
    schema = (
        {"type": "string", "format": "uuid"}
        if name in _UUIDS
        else {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    )
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _refusals(route: Route) -> Json:
    """The errors that a request may meet."""
    statuses = {500, 503, *route.refusals}
    if "_id>" in route.path:
        statuses |= {404, 422}
    if route.body is not None:
        statuses |= {413, 422}
    if route.parameters:
        statuses.add(422)
    responses = {str(status): f"Error{status}" for status in sorted(statuses)}
    return {
        status: {"$ref": f"#/components/responses/{name}"} for status, name in responses.items()
    }


def _error(status: int) -> Json:
    return {
        "description": _REFUSALS[status],
        "content": {_JSON: {"schema": _component("Error")}},
    }


def _component(name: str) -> Json:
    return {"$ref": COMPONENT.format(name=name)}


def _header(name: str) -> Json:
    return {"description": _HEADERS[name], "schema": {"type": "string"}}
