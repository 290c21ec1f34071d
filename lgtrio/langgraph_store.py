"""The section `store` of langgraph.json: how long items live, and how they are found by meaning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from lgtrio.langgraph_keys import kind_of, unknown_keys

KeyPath = tuple[str, ...]
Mistake = Callable[[KeyPath, str], None]
"""Takes the place of a mistake and a sentence about it."""

_INDEX_KEYS: Final = frozenset({"embed", "dims", "fields"})
_TTL_KEYS: Final = frozenset({"default_ttl", "refresh_on_read", "sweep_interval_minutes"})


@frozen
class EmbedSpec:
    """What makes vectors of texts: a Python object, or a model named `provider:model`."""

    name: str
    """As it is written in langgraph.json."""
    file: Path | None = None
    """Absolute path of the Python file; None if there is none."""
    module: str | None = None
    """Dotted module name; None if there is none."""
    variable: str = ""

    @property
    def is_model(self) -> bool:
        return self.file is None and self.module is None

    @classmethod
    def of(cls, name: str, folder: Path) -> EmbedSpec:
        """
        Args:
            folder: what relative paths are relative to.
        """
        target, _, variable = name.rpartition(":")
        if target.endswith(".py"):
            return cls(name, file=(folder / target).resolve(), variable=variable)
        if "." in target and ":" not in target and variable.isidentifier():
            return cls(name, module=target, variable=variable)
        return cls(name)


@frozen
class IndexSpec:
    """`store.index`."""

    embed: EmbedSpec
    dims: int
    """Numbers of each vector."""
    fields: Sequence[str] = ("$",)
    """Paths in an item's value whose texts are embedded; `$` is all of it."""


@frozen
class ItemTtl:
    """`store.ttl`."""

    default_minutes: float | None = None
    """Of items that are put without a time to live of their own; None keeps them."""
    refresh_on_read: bool = True
    sweep_minutes: float = 5.0
    """Between two sweeps, which delete what has expired. Nobody sees such items before that."""


@frozen
class StoreConfig:
    index: IndexSpec | None = None
    ttl: ItemTtl = field(factory=ItemTtl)


def read_store(data: Mapping[str, Any], folder: Path, mistake: Mistake) -> StoreConfig:
    """The section as checked values; what is wrong in it is reported and left out."""
    index = _section(data, "index", mistake)
    ttl = _section(data, "ttl", mistake)
    return StoreConfig(
        None if index is None else _index(index, folder, mistake),
        ItemTtl() if ttl is None else _ttl(ttl, mistake),
    )


def store_warnings(data: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that name the keys of the section that nobody knows."""
    for name, known in (("index", _INDEX_KEYS), ("ttl", _TTL_KEYS)):
        section = data.get(name)
        if isinstance(section, dict):
            yield from unknown_keys(set(section) - known, f"`store.{name}` of langgraph.json")


def _section(data: Mapping[str, Any], name: str, mistake: Mistake) -> Mapping[str, Any] | None:
    section = data.get(name)
    if section is None:
        return None
    if not isinstance(section, dict):
        mistake(("store", name), f"`store.{name}` must be an object, not {kind_of(section)}")
        return None
    return {key: value for key, value in section.items() if value is not None}


# -- index ---------------------------------------------------------------------------------


def _index(data: Mapping[str, Any], folder: Path, mistake: Mistake) -> IndexSpec | None:
    embed, dims, fields = data.get("embed"), data.get("dims"), data.get("fields", ["$"])
    problems: list[tuple[KeyPath, str]] = []
    if not isinstance(embed, str) or ":" not in embed:
        problems.append((
            ("store", "index", "embed"),
            '`store.index.embed` must be a "provider:model", such as'
            ' "openai:text-embedding-3-small", or a "path.py:variable"',
        ))  # fmt: skip
    if type(dims) is not int or dims < 1:
        sentence = "`store.index.dims` must be how many numbers a vector of `embed` has"
        problems.append((("store", "index", "dims"), sentence))
    if not isinstance(fields, list) or not all(type(each) is str for each in fields):
        sentence = '`store.index.fields` must be a list of paths, such as ["title", "chapters[*]"]'
        problems.append((("store", "index", "fields"), sentence))
    for where, sentence in problems:
        mistake(where, sentence)
    if problems:
        return None
    return IndexSpec(EmbedSpec.of(str(embed), folder), int(dims or 0), tuple(fields))


# -- ttl -----------------------------------------------------------------------------------


def _ttl(data: Mapping[str, Any], mistake: Mistake) -> ItemTtl:
    default = ItemTtl()
    refresh = data.get("refresh_on_read", default.refresh_on_read)
    if type(refresh) is not bool:
        sentence = f"`store.ttl.refresh_on_read` must be true or false, not {kind_of(refresh)}"
        mistake(("store", "ttl", "refresh_on_read"), sentence)
        refresh = default.refresh_on_read
    sweep = _minutes(data, "sweep_interval_minutes", mistake)
    return ItemTtl(
        _minutes(data, "default_ttl", mistake),
        refresh,
        default.sweep_minutes if sweep is None else sweep,
    )


def _minutes(data: Mapping[str, Any], name: str, mistake: Mistake) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or value <= 0:
        mistake(("store", "ttl", name), f"`store.ttl.{name}` must be a number of minutes above 0")
        return None
    return float(value)
