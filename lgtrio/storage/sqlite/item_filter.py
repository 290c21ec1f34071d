"""Which items of the store a search filter lets through."""

from __future__ import annotations

import math
import operator
import sqlite3
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from lgtrio.storage.sqlite.metadata_index import equal

_ORDERINGS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def check_filter(wanted: Mapping[str, Any]) -> None:
    """
    Raises:
        ValueError: an operator is unknown, or compares with something that is no number.
    """
    for value in wanted.values():
        if not isinstance(value, Mapping):
            continue
        if not has_operators(value):
            check_filter(value)
            continue
        for name, operand in value.items():
            if name in _ORDERINGS:
                _check_number(name, operand)
            elif name not in ("$eq", "$ne"):
                raise ValueError(f"Unsupported operator: {name}")


def _check_number(name: str, operand: Any) -> None:
    try:
        float(operand)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{name} compares numbers: {error}") from error


def matches(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether every key of the (checked) filter fits the item's value.

    A missing key counts as null; true is not 1. `$gt`, `$gte`, `$lt`, `$lte` compare numbers, and
    texts that are numbers; anything else in the item does not fit.
    """
    return all(_fits(item.get(key), value) for key, value in wanted.items())


def has_operators(wanted: Mapping[str, Any]) -> bool:
    return any(key.startswith("$") for key in wanted)


def number_range(wanted: Mapping[str, Any]) -> tuple[float, float] | None:
    """The lowest and highest number that a checked object of operators lets through, both
    included; None if it orders nothing.
    """
    lowest, highest = -math.inf, math.inf
    bounds = [(name, float(operand)) for name, operand in wanted.items() if name in _ORDERINGS]
    for name, bound in bounds:
        if math.isnan(bound):  # nothing is more or less than it
            return math.inf, -math.inf
        if name.startswith("$g"):
            lowest = max(lowest, bound)
        else:
            highest = min(highest, bound)
    return (lowest, highest) if bounds else None


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if has_operators(wanted):
            return all(_compares(value, name, operand) for name, operand in wanted.items())
        return isinstance(value, Mapping) and matches(value, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_fits(one, other) for one, other in zip(value, wanted, strict=True))
        )
    return equal(value, wanted)


def _compares(value: Any, name: str, operand: Any) -> bool:
    if name == "$eq":
        return equal(value, operand)
    if name == "$ne":
        return not equal(value, operand)
    return _ORDERINGS[name](_number(value), float(operand))


def _number(value: Any) -> float:
    """NaN, of which every ordering is false, for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


# -- in SQL --------------------------------------------------------------------------------


def add_item_matches(connection: sqlite3.Connection) -> None:
    """Give SQL the function `item_matches(value, wanted)`, see `matches`; both are JSON texts."""
    connection.create_function("item_matches", 2, _matches_text, deterministic=True)


def _matches_text(value: str, wanted: str) -> bool:
    return matches(orjson.loads(value), _parsed(wanted))


@lru_cache(maxsize=16)
def _parsed(wanted: str) -> Any:
    return orjson.loads(wanted)
