"""Searching and counting assistants, and listing the versions of one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

from lgtrio.storage.interface import (
    AssistantFilter,
    AssistantOrder,
    AssistantRecord,
    FoundAssistants,
)
from lgtrio.storage.sqlite import assistants
from lgtrio.storage.sqlite.metadata_index import MetadataIndex
from lgtrio.storage.sqlite.searching import Part, Search, Sql
from lgtrio.wire.enums import AssistantSort

METADATA_INDEX: Final = MetadataIndex("assistants", "metadata", owner="assistant_id")


def search_assistants(
    connection: sqlite3.Connection,
    wanted: AssistantFilter,
    *,
    order: AssistantOrder,
    limit: int,
    offset: int,
) -> FoundAssistants:
    direction = "DESC" if order.descending else "ASC"
    term = "casefold(assistants.name)" if order.by is AssistantSort.NAME else order.by
    found = _search(wanted).page(
        connection,
        order=f"{term} {direction}, assistants.rowid {direction}",
        limit=limit,
        offset=offset,
    )
    records = [assistants.get_assistant(connection, owner) for owner in found.owners]
    there = [record for record in records if record is not None]
    return FoundAssistants(there, found.more, found.total)


def count_assistants(connection: sqlite3.Connection, wanted: AssistantFilter) -> int:
    return _search(wanted).count(connection)


def assistant_versions(
    connection: sqlite3.Connection,
    assistant_id: str,
    *,
    metadata: Mapping[str, object],
    limit: int,
    offset: int,
) -> Sequence[AssistantRecord]:
    # A version has one time, that of its making.
    columns = assistants.COLUMNS.replace("updated_at", "created_at")
    rows = connection.execute(
        f"SELECT {columns} FROM assistant_versions"
        " WHERE assistant_id = ? AND contains(metadata, ?)"
        " ORDER BY version DESC LIMIT ? OFFSET ?",
        (assistant_id, orjson.dumps(metadata).decode(), limit, offset),
    ).fetchall()
    return [AssistantRecord(*row) for row in rows]


def _search(wanted: AssistantFilter) -> Search:
    return Search("assistants", "assistant_id", _parts(wanted))


def _parts(wanted: AssistantFilter) -> Iterator[Part]:
    if wanted.metadata:
        yield METADATA_INDEX.part(wanted.metadata, "assistants.metadata")
    if wanted.graph_id is not None:
        find = "SELECT assistant_id AS owner FROM assistants WHERE graph_id = ?"
        yield Part(
            Sql("+assistants.graph_id = ?", (wanted.graph_id,)), [Sql(find, (wanted.graph_id,))]
        )
    if wanted.name:
        part = wanted.name.casefold()
        yield Part(Sql("instr(casefold(assistants.name), ?)", (part,)))
