"""The OpenAPI 3.1 document of this server, made of the table of routes.

Request bodies and enums are described by msgspec, which reads the very classes that parse them;
what a type's own hook takes stands beside the hook (`wire.converter.JSON_FORMS`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import attrs
from attrs import define, field
from orjson import dumps
from quart.wrappers import Response

from lgtrio import __version__
from lgtrio.api.answers import json_answer
from lgtrio.api.routes import Content, Parameter, Route
from lgtrio.wire.converter import JSON_FORMS

Json = dict[str, Any]

_COMPONENT: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_CONTENTS: Final[Mapping[Content, Json]] = {
    Content.OBJECT: {_JSON: {"schema": {"type": "object"}}},
    Content.ARRAY: {_JSON: {"schema": {"type": "array", "items": {"type": "object"}}}},
    Content.ANY: {_JSON: {"schema": {}}},
    Content.METRICS: {"text/plain": {"schema": {"type": "string"}}, _JSON: {"schema": {}}},
    Content.EVENTS: {"text/event-stream": {"schema": {"type": "string"}}},
}
_ERROR: Final[Json] = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}
_UUIDS: Final = frozenset({"assistant_id", "thread_id", "run_id"})
_NULL: Final = {"type": "null"}
_PART = re.compile(r"<(?:\w+:)?(\w+)>")


@define(eq=False)
class OpenapiRoutes:
    """Serves the document; made when it is first asked for."""

    routes: Sequence[Route]
    _document: bytes | None = field(default=None, init=False)

    async def get(self) -> Response:
        if self._document is None:
            self._document = dumps(document(self.routes))
        return json_answer(self._document)


def document(routes: Sequence[Route]) -> Json:
    """The whole document."""
    kinds = dict.fromkeys(_kinds(routes))
    schemas, components = _schemas(list(kinds))
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        operations = paths.setdefault(_PART.sub(r"{\1}", route.path), {})
        operations[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lgtrio",
            "version": __version__,
            "summary": "The LangGraph Platform API, and a journal of lgtrio's own",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "responses": {
                "Refused": _error("The request is refused; the sentence says what to change"),
                "Failed": _error("The server cannot do it now"),
            },
        },
    }


# -- operations ----------------------------------------------------------------------------


def _operation(route: Route, schema_of: Mapping[Any, Json]) -> Json:
    operation: Json = {
        "operationId": "_".join(re.findall(r"\w+", f"{route.method.lower()} {route.path}")),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [
            *(_path_parameter(name) for name in _PART.findall(route.path)),
            *(_parameter(each, schema_of) for each in route.parameters),
        ],
        "responses": {
            **_answers(route),
            "4XX": {"$ref": "#/components/responses/Refused"},
            "5XX": {"$ref": "#/components/responses/Failed"},
        },
    }
    if route.body is not None:
        content = {_JSON: {"schema": schema_of[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameter(name: str) -> Json:
    schema = {"type": "string", "format": "uuid"} if name in _UUIDS else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(parameter: Parameter, schema_of: Mapping[Any, Json]) -> Json:
    kind = parameter.kind
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.about,
        "schema": kind if isinstance(kind, dict) else schema_of[kind],
    }


def _answers(route: Route) -> Json:
    answers: Json = {}
    if route.content is not Content.NOTHING:
        answers["200"] = {"description": route.answer, "content": _CONTENTS[route.content]}
    if route.empty_status is not None:
        answers[str(route.empty_status)] = {"description": route.empty_answer or route.answer}
    return answers


def _error(description: str) -> Json:
    schema = {"$ref": _COMPONENT.format(name="Error")}
    return {"description": description, "content": {_JSON: {"schema": schema}}}


# -- schemas -------------------------------------------------------------------------------


def _kinds(routes: Iterable[Route]) -> Iterable[Any]:
    """Every type that a schema is needed of."""
    for route in routes:
        if route.body is not None:
            yield route.body
        kinds = (parameter.kind for parameter in route.parameters)
        yield from (kind for kind in kinds if not isinstance(kind, dict))
    yield from (form for form in JSON_FORMS.values() if isinstance(form, type))


def _schemas(kinds: Sequence[Any]) -> tuple[Sequence[Json], dict[str, Json]]:
    """A schema for each kind, and the components that these refer to."""
    # Few ask for this document, and nobody else needs msgspec: starting should not wait for it.
    import msgspec

    schemas, components = msgspec.json.schema_components(
        kinds, ref_template=_COMPONENT, schema_hook=_named
    )
    for cls in _bodies(kinds):
        _correct(cls, components[cls.__name__])
    return schemas, components


def _named(kind: type) -> Json:
    """For types that only their own hook knows; `_correct` puts in what that takes."""
    return {"title": kind.__name__}


def _bodies(kinds: Iterable[Any]) -> dict[type, None]:
    """The attrs classes among these, and those inside them."""
    found: dict[type, None] = {}
    waiting = [kind for kind in kinds if attrs.has(kind)]
    while waiting:
        cls = waiting.pop()
        found[cls] = None
        fields = attrs.fields(attrs.resolve_types(cls))
        inside = (part for each in fields for part in _parts(each.type))
        waiting.extend(part for part in inside if attrs.has(part) and part not in found)
    return found


def _correct(cls: type, schema: Json) -> None:
    """Give fields with a hook of their own the form that it takes, and let null be absent."""
    properties = schema["properties"]
    for each in attrs.fields(attrs.resolve_types(cls)):
        shown = properties[each.name]
        forms = [JSON_FORMS[part] for part in _parts(each.type) if part in JSON_FORMS]
        if forms:
            default = {"default": shown["default"]} if "default" in shown else {}
            shown = {**_form(forms[0]), **default}
        required = each.name in schema["required"]
        properties[each.name] = shown if required else _or_null(shown)


def _parts(kind: Any) -> Sequence[Any]:
    """The types of a union; a single type as itself."""
    return get_args(kind) or (kind,)


def _form(form: Json | type) -> Json:
    return {"$ref": _COMPONENT.format(name=form.__name__)} if isinstance(form, type) else form


def _or_null(schema: Json) -> Json:
    """A value that may also be null, which every client may send for what it leaves out."""
    form = {name: value for name, value in schema.items() if name != "default"}
    if form in ({}, _NULL) or _NULL in form.get("anyOf", ()):
        return schema
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [form, _NULL], **default}
