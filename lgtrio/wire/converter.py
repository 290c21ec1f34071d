"""The one converter: JSON bytes to attrs classes, strictly, with sentences for what is wrong.

cattrs is made for trusted data: out of the box it would take `"5"` for an integer and a string
for a list of characters. Every type that a request body uses has a hook here that takes exactly
the JSON type and nothing else. Keys we do not know are ignored, and null means absent (clients
in JavaScript send both), except inside free-form objects, which are kept as they came.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NewType, TypeVar, get_origin

import attrs
import orjson
from cattrs import BaseValidationError, Converter, transform_error
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn

from lgtrio.errors import InvalidRequest

T = TypeVar("T")

Object = dict[str, Any]
"""A JSON object of the client's own: kept verbatim, nulls included."""
Strings = NewType("Strings", list[str])

JSON_FORMS: Final[dict[Any, dict[str, Any] | type]] = {}
"""What a type with a hook of its own takes, as JSON schema or as the class that checks it; for
documents that describe requests. Types that are not here take what their Python type says. For a
class that is a request body: what must hold beside the forms of its fields."""

INVALID_JSON: Final = "Invalid JSON in request body"
_SHOWN: Final = 80
"""Characters of a wrong value that an error sentence repeats."""


class WrongValue(ValueError):
    """A value is not what its field takes; `wanted` completes "must be …"."""

    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(f"must be {wanted}, got {shown(value)}")


def shown(value: object) -> str:
    """A client's value for an error sentence; a long one is cut."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


_BUFFER: Final = 8192
"""Bytes up to which a copy is worth it."""


def decode(data: bytes) -> Any:
    """Parse JSON text; strict: no NaN, no lone surrogates, valid UTF-8, not empty.

    Raises:
        InvalidRequest: with the one sentence for all of these.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(INVALID_JSON) from error


def encode(value: object) -> bytes:
    """Write JSON text.

    Raises:
        InvalidRequest: nested deeper than JSON can be written here. What a client sent can be
            read much deeper, so this is its act, not ours.
    """
    try:
        return fitted(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise InvalidRequest(f"The request cannot be stored: {error}") from error


def fitted(data: bytes) -> bytes:
    """The same bytes in as much memory as they need: orjson leaves a short text in the buffer that
    it was written into, 4 KB or more, which counts where a thousand runs keep theirs."""
    return b"%b" % data if len(data) < _BUFFER else data


def parse(cls: type[T], data: bytes) -> T:
    """A request body as `cls`.

    Raises:
        InvalidRequest: not JSON, or not of the shape; every problem with its path.
    """
    return structure(cls, decode(data))


def structure(cls: type[T], value: object) -> T:
    """Decoded JSON as `cls`; see `parse`."""
    try:
        return CONVERTER.structure(value, cls)
    except WrongValue as error:
        raise InvalidRequest(f"The request body {error}") from error
    except BaseValidationError as error:
        raise InvalidRequest("; ".join(_sentences(error))) from error


def _sentences(error: BaseValidationError) -> list[str]:
    return [_sentence(problem) for problem in transform_error(error, format_exception=_problem)]


def _problem(exc: BaseException, _type: type | None) -> str:
    if isinstance(exc, KeyError):
        return "is required"
    return str(exc)


def _sentence(problem: str) -> str:
    """`must be … @ $.a.limit` with the field's name in front."""
    text, _, path = problem.rpartition(" @ ")
    return f"`{path.rpartition('.')[2]}` {text} @ {path}"


# -- hooks ---------------------------------------------------------------------------------------


def exactly(kinds: tuple[type, ...], wanted: str) -> Callable[[Any, Any], Any]:
    """A hook that takes values of exactly these JSON types (a bool is no integer)."""

    def take(value: Any, _type: Any) -> Any:
        if type(value) not in kinds:
            raise WrongValue(wanted, value)
        return value

    return take


def _take_strings(value: Any, _type: Any) -> list[str]:
    if type(value) is not list or not all(type(item) is str for item in value):
        raise WrongValue("a list of strings", value)
    return value


def _take_enum(value: Any, enum: type[StrEnum]) -> StrEnum:
    try:
        return enum(value)
    except ValueError:
        raise WrongValue(one_of(enum), value) from None


def _list_hook(kind: Any) -> Callable[[Any, Any], Any]:
    take = list_structure_factory(kind, CONVERTER)

    def take_list(value: Any, _type: Any) -> Any:
        if type(value) is not list:
            raise WrongValue("a list", value)
        return take(value, kind)

    return take_list


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list


def one_of(enum: type[StrEnum]) -> str:
    return "one of " + ", ".join(f"'{word}'" for word in enum)


def _object_hook(cls: type[T]) -> Callable[[Any, Any], T]:
    take = make_dict_structure_fn(cls, CONVERTER)

    def take_object(value: Any, _type: Any) -> T:
        if type(value) is not dict:
            raise WrongValue("an object", value)
        given = {name: item for name, item in value.items() if item is not None}
        return take(given, cls)

    return take_object


CONVERTER: Final = Converter(detailed_validation=True, forbid_extra_keys=False)
CONVERTER.register_structure_hook(int, exactly((int,), "an integer"))
CONVERTER.register_structure_hook(str, exactly((str,), "a string"))
CONVERTER.register_structure_hook(bool, exactly((bool,), "true or false"))
CONVERTER.register_structure_hook(StrEnum, _take_enum)
CONVERTER.register_structure_hook(Strings, _take_strings)
CONVERTER.register_structure_hook_func(lambda kind: kind == Object, exactly((dict,), "an object"))
CONVERTER.register_structure_hook_factory(_is_list, _list_hook)
CONVERTER.register_structure_hook_factory(attrs.has, _object_hook)
