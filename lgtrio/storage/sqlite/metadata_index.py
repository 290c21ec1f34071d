"""Finding rows by what stands at the top of a JSON column, such as metadata.

    THREAD_METADATA: Final = MetadataIndex("threads", "metadata", owner="thread_id")

makes a table `threads_by_metadata (key, value, owner)` with a row for each key of each object.
Triggers keep it in the transaction that changes the column, whatever statement that was, and
touch only the keys whose value is another one. Text up to `LONGEST` bytes, whole numbers, true,
false and null stand there as they are; everything else (objects, arrays, long texts, fractions)
under one mark, so that a growing list of messages costs the index nothing.

The index names candidates: sometimes a few too many, never one too few. `contains` decides.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from attrs import frozen

from lgtrio.storage.sqlite.searching import Part, Sql

LONGEST: Final = 128
"""Bytes of a text that is indexed as it is."""
_LARGEST: Final = 2**53 - 1
"""Beyond it SQLite and Python do not agree on every number."""

Value = str | int | bytes
"""Text and whole numbers are themselves in the index; the others are a byte."""
_TRUE: Final = b"t"
_FALSE: Final = b"f"
_NULL: Final = b"n"
_OTHER: Final = b"o"

# Of one row of json_each. SQLite evaluates what stands left of an AND first, so that no number is
# too large for the CAST.
_VALUE: Final = f"""CASE type
    WHEN 'text' THEN iif(length(CAST(atom AS BLOB)) <= {LONGEST}, atom, x'{_OTHER.hex()}')
    WHEN 'true' THEN x'{_TRUE.hex()}'
    WHEN 'false' THEN x'{_FALSE.hex()}'
    WHEN 'null' THEN x'{_NULL.hex()}'
    WHEN 'integer' THEN iif(atom BETWEEN -{_LARGEST} AND {_LARGEST}, atom, x'{_OTHER.hex()}')
    WHEN 'real' THEN iif(
        atom BETWEEN -{_LARGEST} AND {_LARGEST} AND atom = CAST(atom AS INTEGER),
        CAST(atom AS INTEGER), x'{_OTHER.hex()}')
    ELSE x'{_OTHER.hex()}' END"""


def _entries(json: str) -> str:
    # An array's keys are numbers, and a value that is neither array nor object has none.
    return f"SELECT key, {_VALUE} AS value FROM json_each({json}) WHERE typeof(key) = 'text'"


@frozen
class MetadataIndex:
    """The index of one column, which holds JSON as TEXT."""

    table: str
    column: str
    owner: str
    """Column with the id by which found rows are named."""

    @property
    def name(self) -> str:
        return f"{self.table}_by_{self.column}"

    def statements(self) -> Sequence[str]:
        """What makes the index, for a migration; rows that exist already are put into it."""
        new, old = _entries(f"new.{self.column}"), _entries(f"old.{self.column}")
        # A compound select must not stand behind IN itself: SQLite would walk the whole index.
        remove = f"DELETE FROM {self.name} WHERE owner = old.{self.owner} AND (key, value) IN"
        # OR IGNORE: two keys may be one for SQLite, which cuts them at a NUL.
        add = f"INSERT OR IGNORE INTO {self.name} (owner, key, value) SELECT"
        return (
            f"CREATE TABLE {self.name} (key TEXT NOT NULL, value ANY NOT NULL,"
            " owner TEXT NOT NULL, PRIMARY KEY (key, value, owner)) STRICT, WITHOUT ROWID",
            f"{add} {self.owner}, json_each.key, {_VALUE}"
            f" FROM {self.table}, json_each({self.table}.{self.column})"
            " WHERE typeof(json_each.key) = 'text'",
            f"CREATE TRIGGER {self.name}_insert AFTER INSERT ON {self.table} BEGIN"
            f" {add} new.{self.owner}, key, value FROM ({new}); END",
            f"CREATE TRIGGER {self.name}_update AFTER UPDATE OF {self.column} ON {self.table}"
            f" WHEN new.{self.column} IS NOT old.{self.column} BEGIN"
            f" {remove} (SELECT key, value FROM ({old} EXCEPT {new}));"
            f" {add} new.{self.owner}, key, value FROM ({new} EXCEPT {old}); END",
            f"CREATE TRIGGER {self.name}_delete AFTER DELETE ON {self.table} BEGIN"
            f" {remove} ({old}); END",
        )

    def part(
        self, wanted: Mapping[str, object], text: str | None = None, *, within: str = "{}"
    ) -> Part:
        """The part of a search that lets through what contains `wanted`.

        Args:
            text: SQL for the JSON of a row of the searched table, TEXT if the values wanted are
                short; the column if not given.
            within: SQL that the check is put into in place of the braces, where `text` is not to
                be had without a select of its own.
        """
        check = _check(text or self.column, wanted)
        pairs = [(key, _indexed(value)) for key, value in wanted.items() if _in_index(key, value)]
        find = f"SELECT owner FROM {self.name} WHERE key = ? AND value = ?"
        return Part(Sql(within.format(check.text), check.parameters), [Sql(find, p) for p in pairs])

    def between(self, key: str, lowest: float, highest: float) -> Sequence[Sql]:
        """What finds all rows with a number in this range under a key, and others: fractions,
        numbers beyond `_LARGEST` and texts are not told apart.
        """
        if not _in_index(key, None):
            return []
        of_key = f"SELECT owner FROM {self.name} WHERE key = ? AND value"
        # Texts and bytes sort behind all numbers, from the empty text on. DISTINCT: two keys that
        # are one for SQLite may stand there with two values.
        find = f"SELECT DISTINCT owner FROM ({of_key} BETWEEN ? AND ? UNION ALL {of_key} >= '')"
        low, high = _bound(lowest, math.floor), _bound(highest, math.ceil)
        return [Sql(find, (key, low, high, key))]


def _bound(number: float, to_whole: Callable[[float], int]) -> int:
    return to_whole(min(max(number, -_LARGEST), _LARGEST))


def _in_index(key: str, value: object) -> bool:
    """SQLite's JSON functions cut a text at its first NUL; who asks for one asks `contains`."""
    return "\0" not in key and not (isinstance(value, str) and "\0" in value)


def _indexed(value: object) -> Value:
    """What `_VALUE` makes of this value."""
    match value:
        case None:
            return _NULL
        case bool():
            return _TRUE if value else _FALSE
        case str() if len(value.encode()) <= LONGEST:
            return value
        case int() | float() if -_LARGEST <= value <= _LARGEST and value == int(value):
            return int(value)
        case _:
            return _OTHER


# -- the last word, in SQL where that can say it -------------------------------------------

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


def _check(text: str, wanted: Mapping[str, object]) -> Sql:
    """True of JSON that contains `wanted`.

    A function in Python takes five times as long as SQLite's own, for each row, and waits for the
    interpreter before that.
    """
    called = Sql(f"contains({text}, ?)", (orjson.dumps(wanted).decode(),))
    if not wanted or not all(_is_plain(key, value) for key, value in wanted.items()):
        return called
    each = [_equals(text, key, value) for key, value in wanted.items()]
    inline = " AND ".join(sql.text for sql in each)
    # SQLite's JSON functions cut a text at its first NUL, which JSON writes like this.
    return Sql(
        f"CASE WHEN instr({text}, '\\u0000') THEN {called.text} ELSE {inline} END",
        (*called.parameters, *(value for sql in each for value in sql.parameters)),
    )


def _is_plain(key: str, value: object) -> bool:
    """What can be asked of SQLite's JSON functions without a thought for quotes and rounding."""
    if _PLAIN_KEY.fullmatch(key) is None:
        return False
    match value:
        case None | bool():
            return True
        case str():
            return len(value.encode()) <= LONGEST and "\0" not in value
        case int():
            return -_LARGEST <= value <= _LARGEST
        case _:
            return False


def _equals(text: str, key: str, value: object) -> Sql:
    """
    Args:
        key, value: plain ones.
    """
    path = f'$."{key}"'
    match value:
        case None | bool():
            return Sql(f"json_type({text}, ?) = ?", (path, orjson.dumps(value).decode()))
        case str():
            kinds = "= 'text'"
        case _:
            kinds = "IN ('integer', 'real')"
    return Sql(f"json_type({text}, ?) {kinds} AND json_extract({text}, ?) = ?", (path, path, value))


# -- the last word, in Python ---------------------------------------------------------------


def add_contains(connection: sqlite3.Connection) -> None:
    """Give SQL the function `contains(json, wanted)`, see `contains`; both are JSON texts."""
    connection.create_function("contains", 2, _contains_text, deterministic=True)


def _contains_text(text: str | bytes | None, wanted: str) -> bool:
    return text is not None and contains(orjson.loads(text), _parsed(wanted))


@lru_cache(maxsize=16)
def _parsed(wanted: str) -> Any:
    return orjson.loads(wanted)


def contains(value: Any, wanted: Any) -> bool:
    """Whether an object has every wanted key with an equal value, objects inside likewise.

    Arrays match when they are equal, their order included; true is not 1; 1 is 1.0.
    """
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            key in value and contains(value[key], each) for key, each in wanted.items()
        )
    return equal(value, wanted)


def equal(value: Any, other: Any) -> bool:
    """Whether two JSON values are the same one; true is not 1; 1 is 1.0."""
    match value, other:
        case dict(), dict():
            return value.keys() == other.keys() and all(equal(value[k], other[k]) for k in value)
        case list(), list():
            return len(value) == len(other) and all(map(equal, value, other))
        case _:
            return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)
