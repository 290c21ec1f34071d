"""Rows of `assistants` and `assistant_versions`."""

from __future__ import annotations

import sqlite3
from typing import Final

from lgtrio.storage.interface import AssistantRecord
from lgtrio.storage.sqlite.transaction import Tx, one

_COLUMNS: Final = (
    "assistant_id, graph_id, version, name, description, config, context,"
    " CAST(metadata AS BLOB), created_at, updated_at"
)


def ensure_assistant(tx: Tx, new: AssistantRecord) -> None:
    inserted = tx.execute(
        "INSERT INTO assistants (assistant_id, graph_id, version, name, description, config,"
        " context, metadata, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?) ON CONFLICT DO NOTHING",
        (
            new.assistant_id,
            new.graph_id,
            new.version,
            new.name,
            new.description,
            new.config,
            new.context,
            new.metadata,
            new.created_at,
            new.updated_at,
        ),
    )
    if inserted:
        _keep_version(tx, new.assistant_id)


def _keep_version(tx: Tx, assistant_id: str) -> None:
    """Copy the assistant as it is now into its versions."""
    tx.execute(
        "INSERT INTO assistant_versions (assistant_id, version, graph_id, name, description,"
        " config, context, metadata, created_at)"
        " SELECT assistant_id, version, graph_id, name, description,"
        " config, context, metadata, updated_at FROM assistants WHERE assistant_id = ?",
        (assistant_id,),
    )


def get_assistant(connection: sqlite3.Connection, assistant_id: str) -> AssistantRecord | None:
    row = one(
        connection, f"SELECT {_COLUMNS} FROM assistants WHERE assistant_id = ?", (assistant_id,)
    )
    return None if row is None else AssistantRecord(*row)
