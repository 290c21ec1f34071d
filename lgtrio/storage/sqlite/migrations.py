"""Brings a database file to the schema of this code: forward only, each step a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from lgtrio.errors import StorageError
from lgtrio.storage.sqlite.engine import Engine
from lgtrio.storage.sqlite.schema import MIGRATIONS, Migration

log = structlog.get_logger(__name__)

APPLICATION_ID: Final = 0x4C475254
"""In the file's header: tells our databases from any other SQLite file."""
OLDEST_SQLITE: Final = (3, 37, 0)


async def migrate(engine: Engine, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Apply what is missing; the number of the schema that the file has afterwards.

    Raises:
        StorageError: the file is not ours, or newer than this code, or the SQLite library is
            too old. No table was changed.
    """
    check_library(sqlite3.sqlite_version_info)
    version = engine.read(partial(_version, newest=len(migrations), path=engine.path))
    for number in range(version + 1, len(migrations) + 1):
        step = migrations[number - 1]
        await engine.write(partial(_apply, number=number, step=step), name="migrate")
        log.info("database migrated", schema=number, step=step.name)
    return len(migrations)


def check_library(version: tuple[int, ...]) -> None:
    """Refuse an SQLite library that lacks STRICT tables and RETURNING."""
    if version < OLDEST_SQLITE:
        found, needed = (".".join(map(str, v)) for v in (version, OLDEST_SQLITE))
        raise StorageError(f"SQLite {found} is too old; lgtrio needs {needed} or newer.")


def _version(connection: sqlite3.Connection, *, newest: int, path: str) -> int:
    version = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        if version or connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
            raise StorageError(f"{path} is an SQLite database, but not one of lgtrio's.")
        return 0
    if version > newest:
        raise StorageError(
            f"The database {path} has schema {version}, but this lgtrio knows schemas up to"
            f" {newest}. Start it with the lgtrio that wrote it, or a newer one."
        )
    return version


def _apply(connection: sqlite3.Connection, *, number: int, step: Migration) -> None:
    for statement in step.statements:
        connection.execute(statement)
    # Both are in the file's header and so part of the transaction.
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {number}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    [(value,)] = connection.execute(f"PRAGMA {name}").fetchall()
    return int(value)
