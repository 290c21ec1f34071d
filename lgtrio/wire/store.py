"""Items of the store on the wire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, NewType, cast

from attrs import field, frozen
from orjson import dumps

from lgtrio.errors import InvalidRequest
from lgtrio.storage.interface import Namespace, StoreItem
from lgtrio.wire.converter import CONVERTER, JSON_FORMS, Object, WrongValue, encode
from lgtrio.wire.paging import DEFAULT_PAGE, FIRST_ROW, Offset

Labels = NewType("Labels", list[str])
"""A namespace, or the beginning or the end of one."""
IndexPaths = NewType("IndexPaths", object)
"""False, or paths in an item's value."""
Minutes = NewType("Minutes", float)
Limit = NewType("Limit", int)
"""How many rows; 1 or more."""
Count = NewType("Count", int)

_LARGEST: Final = (1 << 31) - 1


def _no_labels() -> Labels:
    return Labels([])


@frozen
class ItemPut:
    """Body of PUT /store/items."""

    namespace: Labels
    key: str
    value: Object
    index: IndexPaths | None = None
    """False keeps the item out of searches by meaning; paths say by which texts it is found."""
    ttl: Minutes | None = None
    """After which the item expires."""

    @property
    def paths(self) -> Literal[False] | list[str] | None:
        return cast("Literal[False] | list[str] | None", self.index)


@frozen
class ItemDelete:
    """Body of DELETE /store/items."""

    key: str
    namespace: Labels = field(factory=_no_labels)


@frozen
class ItemSearch:
    """Body of POST /store/items/search."""

    namespace_prefix: Labels = field(factory=_no_labels)
    filter: Object | None = None
    query: str | None = None
    limit: Limit = Limit(DEFAULT_PAGE)
    offset: Offset = FIRST_ROW
    refresh_ttl: bool | None = None


@frozen
class NamespaceSearch:
    """Body of POST /store/namespaces."""

    prefix: Labels | None = None
    suffix: Labels | None = None
    max_depth: Count | None = None
    limit: Count = Count(100)
    offset: Offset = FIRST_ROW


def parse_namespace(text: str) -> Labels:
    """A namespace as the query of a request has it: labels joined by full stops.

    Raises:
        InvalidRequest: a label is empty.
    """
    try:
        return _take_labels(text.split("."), Labels)
    except WrongValue as error:
        raise InvalidRequest(f"`namespace` {error}") from error


def render_item(item: StoreItem | None) -> bytes:
    return encode(None if item is None else _columns(item))


def render_found(items: Sequence[StoreItem]) -> bytes:
    return encode({"items": [{**_columns(item), "score": item.score} for item in items]})


def render_namespaces(namespaces: Sequence[Namespace]) -> bytes:
    return dumps({"namespaces": namespaces})


def _columns(item: StoreItem) -> dict[str, Any]:
    return {
        "namespace": item.namespace,
        "key": item.key,
        "value": item.value,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


# -- hooks ---------------------------------------------------------------------------------------


def _take_labels(value: Any, _type: Any) -> Labels:
    if type(value) is not list or not all(type(label) is str for label in value):
        raise WrongValue("a list of strings", value)
    for label in value:
        if not label or "." in label or "\0" in label:
            raise WrongValue("made of labels that are not empty and have no periods", value)
    return Labels(value)


def _take_paths(value: Any, _type: Any) -> Any:
    if value is False:
        return value
    if type(value) is not list or not all(type(path) is str for path in value):
        raise WrongValue("false or a list of paths", value)
    return value


def _take_minutes(value: Any, _type: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise WrongValue("a number of minutes", value)
    return float(value)


def _whole_number(least: int) -> Any:
    def take(value: Any, _type: Any) -> int:
        if type(value) is not int or not least <= value <= _LARGEST:
            raise WrongValue(f"an integer between {least} and {_LARGEST}", value)
        return value

    return take


CONVERTER.register_structure_hook(Labels, _take_labels)
CONVERTER.register_structure_hook(IndexPaths, _take_paths)
CONVERTER.register_structure_hook(Minutes, _take_minutes)
CONVERTER.register_structure_hook(Limit, _whole_number(1))
CONVERTER.register_structure_hook(Count, _whole_number(0))

JSON_FORMS[Labels] = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "pattern": r"^[^.\u0000]+$"},
}
JSON_FORMS[IndexPaths] = {
    "anyOf": [{"const": False}, {"type": "array", "items": {"type": "string"}}]
}
JSON_FORMS[Minutes] = {"type": "number"}
JSON_FORMS[Limit] = {"type": "integer", "minimum": 1, "maximum": _LARGEST}
JSON_FORMS[Count] = {"type": "integer", "minimum": 0, "maximum": _LARGEST}
