"""Requests that reach what they are about.

Random ids lead nowhere: every answer would be 404. So most of the time a value that schemathesis
has made is replaced by one that means something, such as the id of a thread that is there. Which
ones are follows from the request itself: the same seed sends the same requests.
"""

from __future__ import annotations

import zlib
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from world import World

_SHORT = 0.01
"""Seconds. A run may be asked to start in ten years, and whoever waits for it waits that long."""


@cache
def world(base_url: str) -> World:
    return World(base_url)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001 - its names
    there = world(str(case.operation.base_url).rstrip("/"))
    meant = there.meant(case.method, case.operation.path)
    bodies = case.body if isinstance(case.body, list) else [case.body]
    made = repr((case.path_parameters, case.query, case.body))
    path = {} if _is_wrong_path(case) else case.path_parameters
    for values in (path, case.query, *bodies):
        if isinstance(values, MutableMapping):
            _replace(values, meant, made)
    if isinstance(case.query, MutableMapping):
        for name in [name for name, value in case.query.items() if _is_empty(value)]:
            case.query[name] = "?"  # an empty one is an absent one, whatever the schema says
    if case.operation.path.endswith("/journal"):
        case.query.setdefault("limit", 100)  # schemathesis keeps no more of an answer than 1 MiB
    for body in bodies:
        if isinstance(body, dict) and type(body.get("after_seconds")) in {int, float}:
            body["after_seconds"] = min(body["after_seconds"], _SHORT)


def _is_wrong_path(case: Any) -> bool:
    """It is made to be refused: with a path that leads somewhere the server would be blamed."""
    made = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    return made is not None and made.mode is GenerationMode.NEGATIVE


def _is_empty(value: Any) -> bool:
    """It is sent as nothing behind the equals sign."""
    if isinstance(value, list):
        return all(map(_is_empty, value))
    if isinstance(value, dict):  # each of its values is sent under the parameter's name
        return all(map(_is_empty, value.values()))
    return value is None or value == ""


def _replace(values: MutableMapping[str, Any], meant: dict[str, Any], made: str) -> None:
    for name in meant.keys() & values.keys():
        if zlib.crc32(f"{name} {made}".encode(errors="replace")) % 4:
            values[name] = meant[name]
