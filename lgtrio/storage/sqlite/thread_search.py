"""Searching and counting threads by what they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from lgtrio.storage.interface import FoundThreads, ThreadFilter, ThreadOrder, ThreadRecord
from lgtrio.storage.sqlite import threads
from lgtrio.storage.sqlite.metadata_index import MetadataIndex
from lgtrio.storage.sqlite.searching import Part, Search, Sql
from lgtrio.storage.sqlite.thread_values import OF_VALUES, VALUES, VALUES_INDEX, is_short

METADATA_INDEX: Final = MetadataIndex("threads", "metadata", owner="thread_id")

_WITHOUT_VALUES: Final = threads.COLUMNS.replace(VALUES, "NULL")


def search_threads(
    connection: sqlite3.Connection,
    wanted: ThreadFilter,
    *,
    order: ThreadOrder,
    limit: int,
    offset: int,
    with_values: bool,
) -> FoundThreads:
    direction = "DESC" if order.descending else "ASC"
    found = _search(wanted).page(
        connection,
        order=f"threads.{order.by} {direction}, threads.rowid {direction}",
        limit=limit,
        offset=offset,
    )
    columns = threads.COLUMNS if with_values else _WITHOUT_VALUES
    return FoundThreads(_records(connection, columns, found.owners), found.more, found.total)


def count_threads(connection: sqlite3.Connection, wanted: ThreadFilter) -> int:
    return _search(wanted).count(connection)


def _records(
    connection: sqlite3.Connection, columns: str, thread_ids: Sequence[str]
) -> list[ThreadRecord]:
    rows = connection.execute(
        f"SELECT {columns} FROM threads WHERE thread_id IN (SELECT value FROM json_each(?))",
        (_list(thread_ids),),
    ).fetchall()
    by_id = {row[0]: threads.record(row) for row in rows}
    return [by_id[thread_id] for thread_id in thread_ids]


def _search(wanted: ThreadFilter) -> Search:
    return Search("threads", "thread_id", tuple(_parts(wanted)))


def _parts(wanted: ThreadFilter) -> Iterator[Part]:
    if wanted.ids:
        ids = _list(wanted.ids)
        yield Part(
            Sql("+threads.thread_id IN (SELECT value FROM json_each(?))", (ids,)),
            [Sql("SELECT DISTINCT value AS owner FROM json_each(?)", (ids,))],
        )
    if wanted.status is not None:
        yield Part(
            Sql("+threads.status = ?", (wanted.status,)),
            [Sql("SELECT thread_id AS owner FROM threads WHERE status = ?", (wanted.status,))],
        )
    if wanted.metadata:
        yield METADATA_INDEX.part(wanted.metadata, "threads.metadata")
    if wanted.values:
        # All messages of a conversation need not be read to compare a word of its state.
        if is_short(wanted.values):
            yield VALUES_INDEX.part(wanted.values, "searchable", within=OF_VALUES)
        else:
            yield VALUES_INDEX.part(wanted.values, VALUES)


def _list(ids: Sequence[str]) -> Any:
    return orjson.dumps(list(ids)).decode()
