"""Rows of `assistants` and `assistant_versions`.

The row of an assistant is a copy of its active version, so that runs read one row.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson
from attrs import evolve

from lgtrio.errors import AlreadyExists
from lgtrio.storage.interface import AssistantChange, AssistantRecord, Json
from lgtrio.storage.sqlite.transaction import Tx, one

COLUMNS: Final = (
    "assistant_id, graph_id, version, name, description, config, context,"
    " CAST(metadata AS BLOB), created_at, updated_at"
)
"""Those of an `AssistantRecord`, in its order."""
_LARGEST: Final = (1 << 63) - 1
"""Number that SQLite can be asked for."""
_VERSIONED: Final = "version, graph_id, name, description, config, context, metadata"


def ensure_assistant(tx: Tx, new: AssistantRecord) -> None:
    create_assistant(tx, new, exist_ok=True)


def create_assistant(tx: Tx, new: AssistantRecord, *, exist_ok: bool) -> AssistantRecord:
    tx.known_assistants.note()
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
        return new
    if not exist_ok:
        raise AlreadyExists(f"Assistant {new.assistant_id} already exists")
    return _existing(tx, new.assistant_id)


def get_assistant(connection: sqlite3.Connection, assistant_id: str) -> AssistantRecord | None:
    row = one(
        connection, f"SELECT {COLUMNS} FROM assistants WHERE assistant_id = ?", (assistant_id,)
    )
    return None if row is None else AssistantRecord(*row)


def update_assistant(tx: Tx, assistant_id: str, change: AssistantChange) -> AssistantRecord | None:
    tx.known_assistants.note()
    old = get_assistant(tx.connection, assistant_id)
    if old is None:
        return None
    new = _changed(old, change)
    tx.execute(
        "UPDATE assistants SET graph_id = ?2, name = ?3, description = ?4, config = ?5,"
        " context = ?6, metadata = CAST(?7 AS TEXT), updated_at = ?8, version ="
        " 1 + (SELECT max(version) FROM assistant_versions WHERE assistant_id = ?1)"
        " WHERE assistant_id = ?1",
        (
            assistant_id,
            new.graph_id,
            new.name,
            new.description,
            new.config,
            new.context,
            new.metadata,
            tx.at,
        ),
    )
    _keep_version(tx, assistant_id)
    return _existing(tx, assistant_id)


def set_assistant_version(tx: Tx, assistant_id: str, version: int) -> AssistantRecord | None:
    if not 0 < version <= _LARGEST:
        return None
    tx.known_assistants.note()
    changed = tx.execute(
        f"UPDATE assistants SET ({_VERSIONED}, updated_at) ="
        f" (SELECT {_VERSIONED}, ?3 FROM assistant_versions"
        "   WHERE assistant_id = ?1 AND version = ?2)"
        " WHERE assistant_id = ?1 AND EXISTS"
        " (SELECT 1 FROM assistant_versions WHERE assistant_id = ?1 AND version = ?2)",
        (assistant_id, version, tx.at),
    )
    return _existing(tx, assistant_id) if changed else None


def delete_assistant(tx: Tx, assistant_id: str) -> bool:
    """A trigger deletes its versions."""
    tx.known_assistants.note()
    return tx.execute("DELETE FROM assistants WHERE assistant_id = ?", (assistant_id,)) > 0


def _changed(old: AssistantRecord, change: AssistantChange) -> AssistantRecord:
    given: dict[str, Any] = {
        "graph_id": change.graph_id,
        "name": change.name,
        "description": change.description,
        "config": change.config,
        "context": change.context,
        "metadata": None if change.metadata is None else _merged(old.metadata, change.metadata),
    }
    return evolve(old, **{name: value for name, value in given.items() if value is not None})


def _merged(metadata: Json, more: Json) -> Json:
    return orjson.dumps({**orjson.loads(metadata), **orjson.loads(more)})


def _keep_version(tx: Tx, assistant_id: str) -> None:
    """Copy the assistant as it is now into its versions."""
    tx.execute(
        f"INSERT INTO assistant_versions (assistant_id, {_VERSIONED}, created_at)"
        f" SELECT assistant_id, {_VERSIONED}, updated_at FROM assistants WHERE assistant_id = ?",
        (assistant_id,),
    )


def _existing(tx: Tx, assistant_id: str) -> AssistantRecord:
    record = get_assistant(tx.connection, assistant_id)
    assert record is not None, assistant_id
    return record
