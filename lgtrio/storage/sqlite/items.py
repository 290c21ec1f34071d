"""Items of the store: JSON objects under a namespace and a key.

A namespace is stored as its labels joined by full stops, which no label contains. So the items
below a namespace are one range of the primary key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from attrs import frozen

from lgtrio.storage.interface import Json

Path = tuple[str, ...]

_COLUMNS: Final = "namespace, key, value, created_at, updated_at, expires_at IS NOT NULL"
_ALIVE: Final = "(expires_at IS NULL OR expires_at > ?)"


@frozen
class StoredItem:
    namespace: Path
    key: str
    value: dict[str, Any]
    created_at: str
    updated_at: str
    expires: bool


def put_item(
    connection: sqlite3.Connection,
    namespace: Path,
    key: str,
    value: Json,
    *,
    now: str,
    ttl_minutes: float | None = None,
) -> None:
    """Store an item, replacing its value as a whole; `created_at` and its place in the order of
    insertion stay. Items that have expired go with it, whichever they are.

    Args:
        ttl_minutes: after which the item expires, counted from the last put or refresh.
    """
    delete_expired(connection, now=now)
    connection.execute(
        "INSERT INTO store_items"
        " (namespace, key, value, created_at, updated_at, expires_at, ttl_minutes)"
        " VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)"
        " ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value,"
        " updated_at = excluded.updated_at, expires_at = excluded.expires_at,"
        " ttl_minutes = excluded.ttl_minutes",
        (_joined(namespace), key, value.decode(), now, _later(now, ttl_minutes), ttl_minutes),
    )


def delete_item(connection: sqlite3.Connection, namespace: Path, key: str) -> None:
    connection.execute(
        "DELETE FROM store_items WHERE namespace = ? AND key = ?", (_joined(namespace), key)
    )


def delete_expired(connection: sqlite3.Connection, *, now: str) -> None:
    connection.execute("DELETE FROM store_items WHERE expires_at <= ?", (now,))


def refresh_items(
    connection: sqlite3.Connection, items: Sequence[tuple[Path, str]], *, now: str
) -> None:
    """Let the time to live of these items, given as (namespace, key), begin anew."""
    for namespace, key in items:
        found = connection.execute(
            "SELECT rowid, ttl_minutes FROM store_items"
            " WHERE namespace = ? AND key = ? AND ttl_minutes IS NOT NULL",
            (_joined(namespace), key),
        ).fetchone()
        if found is not None:
            row_id, ttl_minutes = found
            connection.execute(
                "UPDATE store_items SET expires_at = ? WHERE rowid = ?",
                (_later(now, ttl_minutes), row_id),
            )


def get_item(
    connection: sqlite3.Connection, namespace: Path, key: str, *, now: str
) -> StoredItem | None:
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM store_items WHERE namespace = ? AND key = ? AND {_ALIVE}",
        (_joined(namespace), key, now),
    ).fetchone()
    return None if found is None else _item(found)


def search_items(
    connection: sqlite3.Connection,
    prefix: Path,
    wanted: Callable[[Mapping[str, Any]], bool],
    *,
    now: str,
    limit: int,
    offset: int,
) -> list[StoredItem]:
    """Items in and below a namespace, in the order of their first put.

    Args:
        prefix: the empty one is above all namespaces.
        wanted: decides by an item's value.
    """
    below, values = _below(prefix)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM store_items WHERE {below} AND {_ALIVE} ORDER BY rowid",
        (*values, now),
    )
    found: list[StoredItem] = []
    try:
        for item in _matching(rows, wanted):
            if len(found) == offset + limit:
                break
            found.append(item)
    finally:
        rows.close()
    return found[offset:]


def namespaces(connection: sqlite3.Connection, prefix: Path, *, now: str) -> set[Path]:
    """Every namespace in and below `prefix` that has items."""
    below, values = _below(prefix)
    rows = connection.execute(
        f"SELECT DISTINCT namespace FROM store_items WHERE {below} AND {_ALIVE}", (*values, now)
    )
    return {_split(namespace) for (namespace,) in rows}


def _matching(
    rows: sqlite3.Cursor, wanted: Callable[[Mapping[str, Any]], bool]
) -> Iterator[StoredItem]:
    for row in rows:
        item = _item(row)
        if wanted(item.value):
            yield item


def _item(row: tuple[str, str, str, str, str, int]) -> StoredItem:
    namespace, key, value, created_at, updated_at, expires = row
    parsed = orjson.loads(value)
    return StoredItem(_split(namespace), key, parsed, created_at, updated_at, bool(expires))


def _below(prefix: Path) -> tuple[str, Sequence[str]]:
    """The condition for namespaces in and below `prefix`, and its parameters."""
    if not prefix:
        return "TRUE", ()
    joined = _joined(prefix)
    # "/" is the character after ".".
    return "(namespace = ? OR namespace > ? AND namespace < ?)", (
        joined,
        f"{joined}.",
        f"{joined}/",
    )


def _joined(namespace: Path) -> str:
    return ".".join(namespace)


def _split(namespace: str) -> Path:
    return tuple(namespace.split("."))


def _later(now: str, minutes: float | None) -> str | None:
    if minutes is None:
        return None
    try:
        later = datetime.fromisoformat(now) + timedelta(minutes=minutes)
    except OverflowError:  # beyond the calendar
        return None
    return later.isoformat(timespec="microseconds")
