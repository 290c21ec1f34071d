"""`checkpointer.ttl` of langgraph.json: how long threads are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from lgtrio.langgraph_keys import KeyPath, kind_of
from lgtrio.storage.interface import ThreadTtl
from lgtrio.wire.enums import KeepStrategy
from lgtrio.wire.threads import MAX_TTL

PATH: Final = ("checkpointer", "ttl")
KEYS: Final = frozenset({"strategy", "default_ttl", "sweep_interval_minutes"})

Complain = Callable[[KeyPath, str], None]
"""Notes a mistake: where it is, and a sentence."""


@frozen
class ThreadLifetimes:
    default: ThreadTtl | None = None
    """Of threads that are made without a ttl of their own; None keeps them."""
    sweep_minutes: float = 1.0
    """Between two looks for threads whose time is over."""


def read_lifetimes(data: Mapping[str, Any], complain: Complain) -> ThreadLifetimes:
    """
    Args:
        data: the whole langgraph.json.
    """
    section = data.get(PATH[0])
    ttl = section.get(PATH[1]) if isinstance(section, dict) else None
    if ttl is None:
        return ThreadLifetimes()
    if not isinstance(ttl, dict):
        complain(PATH, f"`checkpointer.ttl` must be an object, not {kind_of(ttl)}")
        return ThreadLifetimes()
    strategy = _strategy(ttl.get("strategy"), complain)
    minutes = _minutes(ttl, "default_ttl", complain)
    sweep = _minutes(ttl, "sweep_interval_minutes", complain)
    default = None if minutes is None else ThreadTtl(minutes, strategy)
    return ThreadLifetimes(default) if sweep is None else ThreadLifetimes(default, sweep)


def _strategy(value: Any, complain: Complain) -> KeepStrategy:
    try:
        return KeepStrategy.DELETE if value is None else KeepStrategy(value)
    except ValueError:
        words = " or ".join(f'"{word}"' for word in KeepStrategy)
        complain((*PATH, "strategy"), f"`checkpointer.ttl.strategy` must be {words}, not {value!r}")
        return KeepStrategy.DELETE


def _minutes(ttl: Mapping[str, Any], key: str, complain: Complain) -> float | None:
    value = ttl.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_TTL:
        return float(value)
    complain(
        (*PATH, key),
        f"`checkpointer.ttl.{key}` must be a number of minutes above 0, not {value!r}",
    )
    return None
