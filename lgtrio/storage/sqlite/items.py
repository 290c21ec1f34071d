"""Items of the store: JSON objects under a namespace and a key.

A namespace is stored as its labels joined by full stops, which no label contains. So the items
below a namespace are two ranges of an index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import field, frozen

from lgtrio.storage.interface import Json
from lgtrio.storage.sqlite.item_filter import has_operators, number_range
from lgtrio.storage.sqlite.metadata_index import MetadataIndex
from lgtrio.storage.sqlite.searching import Part, Search, Sql
from lgtrio.storage.sqlite.vectors import Vector, load_vectors, replace_vectors, score_of
from lgtrio.wire.times import later_iso

Path = tuple[str, ...]

ITEM_VALUES: Final = MetadataIndex("store_items", "value", owner="item_id")
EXPIRED_A_STEP: Final = 500
"""Items that one step of a sweep deletes, at most: other writes wait for a few milliseconds."""

_COLUMNS: Final = (
    "namespace, store_items.key, store_items.value, created_at, updated_at, expires_at IS NOT NULL"
)
_ALIVE: Final = "(+expires_at IS NULL OR +expires_at > ?)"
_MINUTE: Final = 60.0

_BEHIND_TEXT: Final = b""
"""Every text is less than any bytes, for SQLite."""
_NAMESPACES: Final = f"""
    WITH RECURSIVE names(namespace) AS (
        VALUES (?1)
        UNION ALL
        SELECT (
            SELECT min(store_items.namespace) FROM store_items
            WHERE store_items.namespace > max(names.namespace, ?2)
                AND store_items.namespace < ?3
        ) FROM names WHERE names.namespace IS NOT NULL
    )
    SELECT namespace FROM names WHERE EXISTS (
        SELECT 1 FROM store_items WHERE store_items.namespace = names.namespace AND {_ALIVE})
"""
"""From each namespace to the next by one look-up, past all its items."""


@frozen
class StoredItem:
    namespace: Path
    key: str
    value: str
    """JSON text."""
    created_at: str
    updated_at: str
    expires: bool
    score: float | None = None
    """How near it is to what was asked for, 1.0 at the most; None where that is not known."""


@frozen
class ItemSearch:
    """What `search_items` looks for."""

    prefix: Path = ()
    """Items in this namespace and below; the empty one is above all."""
    wanted: Mapping[str, Any] = field(factory=dict)
    """A checked filter, see `item_filter`."""
    near: Vector | None = None
    """Those nearest to this vector first, then those that have no vector."""
    limit: int = 10
    offset: int = 0


def put_item(
    connection: sqlite3.Connection,
    namespace: Path,
    key: str,
    value: Json,
    *,
    now: str,
    ttl_minutes: float | None = None,
    vectors: Sequence[Vector] = (),
) -> None:
    """Store an item, replacing its value and vectors as a whole; `created_at` and its place in the
    order of insertion stay.

    Args:
        ttl_minutes: after which the item expires, counted from the last put or refresh.
        vectors: what finds it in searches by meaning; none keeps it out of these.
    """
    [(item_id,)] = connection.execute(
        "INSERT INTO store_items"
        " (namespace, key, value, created_at, updated_at, expires_at, ttl_minutes)"
        " VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)"
        " ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value,"
        # One that has expired and is still there is made anew.
        " created_at = iif(expires_at <= ?4, excluded.created_at, created_at),"
        " updated_at = excluded.updated_at, expires_at = excluded.expires_at,"
        " ttl_minutes = excluded.ttl_minutes"
        " RETURNING item_id",
        (_joined(namespace), key, value.decode(), now, _later(now, ttl_minutes), ttl_minutes),
    ).fetchall()
    replace_vectors(connection, item_id, vectors)


def delete_item(connection: sqlite3.Connection, namespace: Path, key: str) -> None:
    connection.execute(
        "DELETE FROM store_items WHERE namespace = ? AND key = ?", (_joined(namespace), key)
    )


def expire_items(connection: sqlite3.Connection, *, now: str) -> bool:
    """One bounded step: delete items whose time is over; whether there may be more of them."""
    deleted = connection.execute(
        "DELETE FROM store_items WHERE item_id IN"
        " (SELECT item_id FROM store_items WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
        (now, EXPIRED_A_STEP),
    ).rowcount
    return deleted == EXPIRED_A_STEP


def refresh_items(
    connection: sqlite3.Connection, items: Sequence[tuple[Path, str]], *, now: str
) -> None:
    """Let the time to live of these items, given as (namespace, key), begin anew."""
    for namespace, key in items:
        found = connection.execute(
            "SELECT item_id, ttl_minutes FROM store_items"
            " WHERE namespace = ? AND key = ? AND ttl_minutes IS NOT NULL",
            (_joined(namespace), key),
        ).fetchone()
        if found is not None:
            item_id, ttl_minutes = found
            connection.execute(
                "UPDATE store_items SET expires_at = ? WHERE item_id = ?",
                (_later(now, ttl_minutes), item_id),
            )


def get_item(
    connection: sqlite3.Connection, namespace: Path, key: str, *, now: str
) -> StoredItem | None:
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM store_items WHERE namespace = ? AND key = ? AND {_ALIVE}",
        (_joined(namespace), key, now),
    ).fetchone()
    return None if found is None else _item((*found, None))


def search_items(
    connection: sqlite3.Connection, search: ItemSearch, *, now: str
) -> list[StoredItem]:
    """A page of items, in the order of their first put unless nearness orders them."""
    matching = Search("store_items", "item_id", _parts(search, now))
    score, order = Sql("NULL"), "item_id"
    if search.near is not None:
        load_vectors(connection)
        score, order = (
            score_of(search.near, "store_items.item_id"),
            "score DESC NULLS LAST, item_id",
        )
    select = matching.select(connection, f"{_COLUMNS}, {score.text} AS score")
    rows = connection.execute(
        f"{select.text} ORDER BY {order} LIMIT ? OFFSET ?",
        (*score.parameters, *select.parameters, search.limit, search.offset),
    )
    return [_item(row) for row in rows]


def namespaces(connection: sqlite3.Connection, prefix: Path, *, now: str) -> set[Path]:
    """Every namespace in and below `prefix` that has items."""
    own, *below = _range(prefix) if prefix else ("", "", _BEHIND_TEXT)
    rows = connection.execute(_NAMESPACES, (own, *below, now))
    return {_split(namespace) for (namespace,) in rows}


def _item(row: tuple[str, str, str, str, str, int, float | None]) -> StoredItem:
    """Of `_COLUMNS` and the score."""
    namespace, key, value, created_at, updated_at, expires, score = row
    return StoredItem(_split(namespace), key, value, created_at, updated_at, bool(expires), score)


# -- what a search looks for ---------------------------------------------------------------


def _parts(search: ItemSearch, now: str) -> list[Part]:
    parts = [Part(Sql(_ALIVE, (now,)))]
    if search.prefix:
        parts.append(_in_namespace(search.prefix))
    if search.wanted:
        check = Sql("item_matches(store_items.value, ?)", (orjson.dumps(search.wanted).decode(),))
        equal = ITEM_VALUES.part(_equalities(search.wanted)).finds
        parts.append(Part(check, [*equal, *_in_ranges(search.wanted)]))
    return parts


def _in_ranges(wanted: Mapping[str, Any]) -> Iterator[Sql]:
    for key, value in wanted.items():
        if isinstance(value, Mapping) and (numbers := number_range(value)) is not None:
            yield from ITEM_VALUES.between(key, *numbers)


def _in_namespace(prefix: Path) -> Part:
    own, first, end = _range(prefix)
    select = "SELECT item_id AS owner FROM store_items WHERE"
    find = f"{select} namespace = ? UNION ALL {select} namespace > ? AND namespace < ?"
    return Part(_below(prefix), [Sql(find, (own, first, end))])


def _equalities(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that an item must have to match, with a value that the index knows as equal."""
    return {
        key: value["$eq"] if isinstance(value, Mapping) and "$eq" in value else value
        for key, value in wanted.items()
        if _has_equality(value)
    }


def _has_equality(value: Any) -> bool:
    """Null is also matched by items without the key, and an index does not know orders."""
    if isinstance(value, Mapping) and has_operators(value):
        return value.get("$eq") is not None
    return value is not None


def _below(prefix: Path) -> Sql:
    """The condition for namespaces in and below `prefix`."""
    if not prefix:
        return Sql("TRUE")
    return Sql("(+namespace = ? OR +namespace > ? AND +namespace < ?)", _range(prefix))


def _range(prefix: Path) -> tuple[str, str, str]:
    """The namespace itself, and what those below it are greater and less than."""
    joined = _joined(prefix)
    return joined, f"{joined}.", f"{joined}/"  # "/" is the character after "."


def _joined(namespace: Path) -> str:
    return ".".join(namespace)


def _split(namespace: str) -> Path:
    return tuple(namespace.split("."))


def _later(now: str, minutes: float | None) -> str | None:
    if minutes is None:
        return None
    try:
        return later_iso(now, minutes * _MINUTE)
    except (OverflowError, ValueError):  # beyond the calendar, or not a number
        return None
