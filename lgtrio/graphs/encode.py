"""Anything a graph may emit, as one line of JSON; never fails.

The first try is orjson as fast as it goes. What it refuses (keys that are no text, integers above
64 bits, lone surrogates) is rare and goes a slower way. A value that has no JSON form at all
becomes null: one strange object in the state must not cost the client the rest of it.
"""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs
import orjson
import structlog
from langgraph.types import Send
from pydantic import BaseModel

from lgtrio.graphs.failures import error_info
from lgtrio.storage.interface import Json

log = structlog.get_logger(__name__)

_FAST: Final = orjson.OPT_SERIALIZE_NUMPY
_ANY_KEYS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_DEEPEST: Final = 200
"""Nesting that the slow way follows; below it, and in a circle, is null."""

_AS_TEXT: Final = (
    PurePath,
    Decimal,
    Fraction,
    ZoneInfo,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
)


def to_json(value: object) -> Json:
    try:
        return orjson.dumps(value, default=simpler, option=_FAST)
    except orjson.JSONEncodeError:
        pass
    try:
        return orjson.dumps(value, default=simpler, option=_ANY_KEYS)
    except orjson.JSONEncodeError:
        text = json.dumps(_plain(value, 0), ensure_ascii=False, separators=(",", ":"))
        return text.encode()


def simpler(value: Any) -> Any:
    """One step towards JSON for an object that orjson does not know; None if there is none."""
    match value:
        case BaseModel():
            return value.model_dump(warnings=False)
        case BaseException():
            info = error_info(value)
            return {"error": info.error, "message": info.message}
        case Set() | deque():
            return list(value)
        case Send():
            return {"node": value.node, "arg": value.arg}
        case tuple():
            return _named(value)
        case Mapping():
            return dict(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case timedelta():
            return value.total_seconds()
        case re.Pattern():
            return value.pattern
    if isinstance(value, _AS_TEXT):
        return str(value)
    return _by_protocol(value)


def _named(value: tuple[Any, ...]) -> Any:
    as_dict = getattr(value, "_asdict", None)
    return as_dict() if as_dict is not None else list(value)


def _by_protocol(value: Any) -> Any:
    if isinstance(value, type):
        return None
    if attrs.has(type(value)):
        return attrs.asdict(value, recurse=False)
    for method in ("to_dict", "model_dump", "dict"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    log.warning("a value has no JSON form and is sent as null", type=type(value).__name__)
    return None


# -- the slow way ------------------------------------------------------------------------


def _plain(value: Any, depth: int) -> Any:
    """`value` in the types of `json`, with text that is valid UTF-8."""
    if depth > _DEEPEST:
        return None
    match value:
        case None | bool():
            return value
        case str():
            return _valid(value)
        case int():
            return int(value)
        case float():
            return float(value) if value - value == 0 else None  # NaN and the infinities
        case Mapping():
            return {_key(key): _plain(each, depth + 1) for key, each in value.items()}
        case list() | tuple() | Set() | deque() if not hasattr(value, "_asdict"):
            return [_plain(each, depth + 1) for each in value]
    try:
        return _plain(_one_step(value), depth + 1)
    except Exception:  # the conversion is the user's code
        log.warning("a value could not be turned into JSON", type=type(value).__name__)
        return None


def _one_step(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    try:
        return orjson.loads(orjson.dumps(value, option=_FAST))  # dates, UUIDs, enums, arrays
    except orjson.JSONEncodeError:
        return simpler(value)


def _key(key: object) -> str:
    if isinstance(key, str):
        return _valid(str(key))
    try:
        encoded: dict[str, None] = orjson.loads(orjson.dumps({key: None}, option=_ANY_KEYS))
        return next(iter(encoded))
    except orjson.JSONEncodeError:
        return _valid(str(key))


def _valid(text: str) -> str:
    """Join what are halves of one character, replace halves that stand alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
