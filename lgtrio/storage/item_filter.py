"""Which items of the store a search filter lets through."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

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
        if not _has_operators(value):
            check_filter(value)
            continue
        for name, operand in value.items():
            if name in _ORDERINGS:
                float(operand)
            elif name not in ("$eq", "$ne"):
                raise ValueError(f"Unsupported operator: {name}")


def matches(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether every key of the (checked) filter fits the item's value.

    A missing key counts as null. `$gt`, `$gte`, `$lt`, `$lte` compare numbers, and texts that
    are numbers; anything else in the item does not fit.
    """
    return all(_fits(item.get(key), value) for key, value in wanted.items())


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if _has_operators(wanted):
            return all(_compares(value, name, operand) for name, operand in wanted.items())
        return isinstance(value, Mapping) and matches(value, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_fits(one, other) for one, other in zip(value, wanted, strict=True))
        )
    return bool(value == wanted)


def _has_operators(wanted: Mapping[str, Any]) -> bool:
    return any(key.startswith("$") for key in wanted)


def _compares(value: Any, name: str, operand: Any) -> bool:
    if name == "$eq":
        return bool(value == operand)
    if name == "$ne":
        return bool(value != operand)
    return _ORDERINGS[name](_number(value), float(operand))


def _number(value: Any) -> float:
    """NaN, of which every ordering is false, for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
