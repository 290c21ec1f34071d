"""JSON schemas of what is sent and received, for the document of the API.

msgspec makes them: of the very classes that parse requests, and of those in `wire.answers`. What a
type's own hook takes stands beside the hook (`wire.converter.JSON_FORMS`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from lgtrio.wire import answers, assistants, crons, states, thread_search
from lgtrio.wire.assistants import AssistantCount, AssistantSearch
from lgtrio.wire.converter import JSON_FORMS
from lgtrio.wire.crons import CronCount, CronCreate, CronSearch
from lgtrio.wire.runs import RunCreate
from lgtrio.wire.states import HistoryQuery, StateAtCheckpoint
from lgtrio.wire.thread_search import ThreadSearch

Json = dict[str, Any]

COMPONENT: Final = "#/components/schemas/{name}"
_NULL: Final = {"type": "null"}
_UUID: Final = {"type": "string", "format": "uuid"}
_UUID_LIST: Final = {"type": "array", "items": _UUID}
_IDS: Final[Mapping[str, Json]] = {
    "assistant_id": _UUID,
    "thread_id": _UUID,
    "ids": _UUID_LIST,
    "thread_ids": _UUID_LIST,
    "run_ids": _UUID_LIST,
}
"""Fields of requests that are text for the converter, and whose form is checked where they are
used."""
_NAMED: Final = (RunCreate, CronCreate)
"""Whose `assistant_id` may also be the name of a graph."""
_FILTERS: Final = (AssistantCount, CronCount)
"""In which an empty name or id stands for any."""
STATE_KEY: Final[Json] = {
    "anyOf": [{"enum": list(states.SELECTABLE)}, {"type": "string", "pattern": r"^values\."}]
}
"""What can be selected of a state: one of its keys, or a key of its values."""
_SELECTED: Final[Mapping[type, Json]] = {
    AssistantSearch: {"enum": list(assistants.FIELDS)},
    ThreadSearch: {"enum": list(thread_search.SELECTABLE)},
    CronSearch: {"enum": list(crons.SELECTABLE)},
    StateAtCheckpoint: STATE_KEY,
    HistoryQuery: STATE_KEY,
}
"""What `select` may have."""


@frozen
class Schemas:
    """A schema for each type, and the components that these refer to."""

    forms: Mapping[Any, Json]
    components: dict[str, Json]

    @classmethod
    def of(cls, kinds: Iterable[Any], graphs: Sequence[str]) -> Self:
        """
        Args:
            graphs: names of the graphs that are served.
        """
        # Few ask for this document, and nobody else needs msgspec: starting should not wait.
        import msgspec

        hooked = (form for form in JSON_FORMS.values() if isinstance(form, type))
        known = list(dict.fromkeys([*kinds, *hooked]))
        forms, components = msgspec.json.schema_components(
            known, ref_template=COMPONENT, schema_hook=_named
        )
        for body in _bodies(known):
            _correct(body, components[body.__name__])
            _say_ids(body, components[body.__name__], graphs)
        for name, schema in components.items():
            answer = getattr(answers, name, None)
            if answer is not None:
                _say_times(answer, schema)
        return cls(dict(zip(known, forms, strict=True)), components)

    def form(self, kind: Any) -> Json:
        return {} if kind is Any else self.forms[kind]

    def selected(self, kind: Any) -> Json:
        """As `form`, for an answer that a client has cut to some of its keys."""
        is_list = get_origin(kind) is list
        whole = get_args(kind)[0] if is_list else kind
        name = f"Selected{whole.__name__}"
        self.components[name] = {**self.components[whole.__name__], "title": name, "required": []}
        part = {"$ref": COMPONENT.format(name=name)}
        return {"type": "array", "items": part} if is_list else part


# -- requests ------------------------------------------------------------------------------


def _named(kind: type) -> Json:
    """For types that only their own hook knows; `_correct` puts in what that takes."""
    return {"title": kind.__name__}


def _bodies(kinds: Iterable[Any]) -> dict[type, None]:
    """The attrs classes among these, and those inside them."""
    found: dict[type, None] = {}
    waiting = [part for kind in kinds for part in (kind, *get_args(kind)) if attrs.has(part)]
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
    schema.update(_form(JSON_FORMS.get(cls, {})))
    for each in attrs.fields(attrs.resolve_types(cls)):
        shown = properties[each.name]
        forms = [JSON_FORMS[part] for part in _parts(each.type) if part in JSON_FORMS]
        if forms:
            default = {"default": shown["default"]} if "default" in shown else {}
            shown = {**_form(forms[0]), **default}
        if each.name == "select":
            shown = {**shown, "items": _SELECTED[cls]}
        required = each.name in schema["required"]
        properties[each.name] = shown if required else _or_null(shown)


def _say_ids(cls: type, schema: Json, graphs: Sequence[str]) -> None:
    """Which of its texts are ids, and which the names of graphs."""
    graph = {"type": "string", "enum": list(graphs)}
    forms = {**_IDS, "graph_id": graph}
    if issubclass(cls, _NAMED):
        forms["assistant_id"] = {"anyOf": [graph, _UUID]}
    properties = schema["properties"]
    for name in forms.keys() & properties.keys():
        form = {"anyOf": [forms[name], {"const": ""}]} if issubclass(cls, _FILTERS) else forms[name]
        properties[name] = form if name in schema["required"] else _or_null(form)


def _parts(kind: Any) -> Sequence[Any]:
    """The types of a union; a single type as itself."""
    return get_args(kind) or (kind,)


def _form(form: Json | type) -> Json:
    return {"$ref": COMPONENT.format(name=form.__name__)} if isinstance(form, type) else form


def _or_null(schema: Json) -> Json:
    """A value that may also be null, which every client may send for what it leaves out."""
    form = {name: value for name, value in schema.items() if name != "default"}
    if form in ({}, _NULL) or _NULL in form.get("anyOf", ()):
        return schema
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [form, _NULL], **default}


# -- answers -------------------------------------------------------------------------------


def _say_times(cls: type, schema: Json) -> None:
    """msgspec calls only those times that must have a zone, which these have."""
    for name, kind in get_type_hints(cls).items():
        if datetime in _parts(kind):
            shown = schema["properties"][name]
            for form in shown.get("anyOf", [shown]):
                if form != _NULL:
                    form["format"] = "date-time"
