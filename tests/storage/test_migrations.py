"""Databases of other versions, and files that are none of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from lgtrio.errors import StorageError
from lgtrio.storage.interface import Displacement
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.storage.sqlite.engine import Engine
from lgtrio.storage.sqlite.migrations import APPLICATION_ID, check_library, migrate
from lgtrio.storage.sqlite.schema import MIGRATIONS, Migration

STEPS = [
    Migration("first", ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)"]),
    Migration("second", ["ALTER TABLE a ADD COLUMN y", "UPDATE a SET y = x + 1"]),
    Migration("third", ["CREATE TABLE b (z)"]),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lgtrio.db"


async def _migrate(path: Path, steps: list[Migration]) -> int:
    engine = Engine(str(path))
    try:
        return await migrate(engine, steps)
    finally:
        engine.close()


def _look(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def _set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")


async def test_a_new_file_gets_every_step_and_its_number(path: Path) -> None:
    async with open_sqlite(str(path)):
        pass
    assert _look(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert _look(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


async def test_an_older_file_gets_the_steps_it_lacks_once(path: Path) -> None:
    assert await _migrate(path, STEPS[:1]) == 1
    assert await _migrate(path, STEPS) == 3
    assert await _migrate(path, STEPS) == 3
    assert _look(path, "SELECT x, y FROM a") == [(1, 2)]


async def test_a_displacement_that_an_older_server_did_not_finish_is_known(path: Path) -> None:
    await _migrate(path, [*MIGRATIONS[:5]])
    with closing(sqlite3.connect(path)) as connection, connection:
        for thread, run, status, strategy in [
            ("t", "old", "running", "enqueue"),
            ("t", "one", "pending", "interrupt"),
            ("t", "two", "pending", "rollback"),
            ("u", "alone", "running", "interrupt"),
        ]:
            connection.execute(
                "INSERT INTO runs (run_id, thread_id, assistant_id, graph_id, status,"
                " multitask_strategy, metadata, attempt, temporary, resumable, created_at,"
                " updated_at, thread_config) VALUES (?, ?, '', '', ?, ?, '{}', 1, 0, 0, '', '',"
                " x'7b7d')",
                (run, thread, status, strategy),
            )
            connection.execute("INSERT INTO run_kwargs VALUES (?, x'7b7d')", (run,))
    async with open_sqlite(str(path)) as storage:
        recovered = await storage.recover(max_attempts=3)
    assert recovered.requeued == ["alone"]
    [stopped] = recovered.stopped
    assert stopped.run.run_id == "old"
    assert stopped.stop == Displacement.ROLLBACK.stop(by="two")


async def test_a_step_that_fails_leaves_the_version_before_it(path: Path) -> None:
    broken = [*STEPS[:2], Migration("broken", ["CREATE TABLE b (z)", "NONSENSE"])]
    with pytest.raises(StorageError):
        await _migrate(path, broken)
    assert _look(path, "PRAGMA user_version") == [(2,)]
    assert await _migrate(path, STEPS) == 3


async def test_a_newer_file_is_refused_with_a_sentence(path: Path) -> None:
    async with open_sqlite(str(path)):
        pass
    _set_version(path, len(MIGRATIONS) + 1)
    with pytest.raises(StorageError, match=r"schema \d+, but this lgtrio knows .* a newer one"):
        async with open_sqlite(str(path)):
            pass
    _set_version(path, len(MIGRATIONS))
    async with open_sqlite(str(path)):  # and the lock was let go
        pass


async def test_somebody_elses_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StorageError, match="not one of lgtrio's"):
        async with open_sqlite(str(path)):
            pass
    assert _look(path, "SELECT name FROM sqlite_schema") == [("theirs",)]


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    await trio.Path(path).write_bytes(b"no database at all, but as long as one" * 100)
    with pytest.raises(StorageError, match="not a database"):
        async with open_sqlite(str(path)):
            pass


def test_an_old_library_is_refused() -> None:
    with pytest.raises(StorageError, match=r"3\.36\.0 is too old"):
        check_library((3, 36, 0))
