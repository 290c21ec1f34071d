"""Rows of `thread_values`: the state of each thread, and what of it can be searched for quickly.

Values may be megabytes of messages. What can be found by the index stands once more in
`searchable`: an object of the values' own keys, with an empty array for what is long. It is made
by the statement that stores the values, so that their text is read only once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lgtrio.storage.interface import Json
from lgtrio.storage.sqlite.metadata_index import LONGEST, MetadataIndex
from lgtrio.storage.sqlite.transaction import Tx

OF_VALUES: Final = (
    "(SELECT {} FROM thread_values WHERE thread_values.thread_id = threads.thread_id)"
)
"""SQL for what can be said of the values of a row of `threads`, in the place of the braces."""
VALUES: Final = OF_VALUES.format("value")
"""SQL for the values themselves."""

VALUES_INDEX: Final = MetadataIndex("thread_values", "searchable", owner="thread_id")

_LARGEST: Final = 2**53 - 1
"""Up to here whole numbers are the same for everybody."""


def is_short(wanted: Mapping[str, object]) -> bool:
    """All that is wanted stands in `searchable` as it is, if it is there at all."""
    return all(_is_short(key) and _is_short(value) for key, value in wanted.items())


def _is_short(value: object) -> bool:
    match value:
        case str():
            return len(value.encode()) <= LONGEST and "\0" not in value
        case int():
            return abs(value) <= _LARGEST
        case _:
            return value is None


def searchable(values: str) -> str:
    """SQL for what of some values can be searched for.

    Args:
        values: SQL for the values, as BLOB.
    """
    return f"""(
        SELECT json_group_object(key, json(CASE
            WHEN type IN ('true', 'false', 'null') THEN type
            WHEN type = 'integer' AND atom BETWEEN -{_LARGEST} AND {_LARGEST} THEN atom
            WHEN type = 'real' AND atom BETWEEN -{_LARGEST} AND {_LARGEST}
                AND atom = CAST(atom AS INTEGER) THEN CAST(atom AS INTEGER)
            WHEN type = 'text' AND length(CAST(atom AS BLOB)) <= {LONGEST} THEN json_quote(atom)
            ELSE '[]' END))
        FROM json_each(CAST({values} AS TEXT)) WHERE typeof(key) = 'text')"""


_STORE: Final = (
    "INSERT INTO thread_values (thread_id, value, searchable)"
    f" VALUES (?1, ?2, {searchable('?2')})"
    " ON CONFLICT (thread_id) DO UPDATE SET value = excluded.value,"
    " searchable = excluded.searchable WHERE value IS NOT excluded.value"
)


def store_values(tx: Tx, thread_id: str, values: Json) -> bool:
    """Whether they are others than before."""
    return tx.execute(_STORE, (thread_id, values)) > 0


def copy_values(tx: Tx, thread_id: str, copy_id: str) -> None:
    tx.execute(
        "INSERT INTO thread_values (thread_id, value, searchable)"
        " SELECT ?, value, searchable FROM thread_values WHERE thread_id = ?",
        (copy_id, thread_id),
    )
