"""A database with savers on it, and a way to make it slow."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from attrs import define, field

from lgtrio.graphs.access import DatabaseAccess
from lgtrio.graphs.saver import RunSaver
from lgtrio.storage.sqlite.checkpoint_writer import CheckpointWriter
from lgtrio.storage.sqlite.engine import Engine
from lgtrio.storage.sqlite.migrations import migrate
from lgtrio.wire.enums import Durability


@define
class Database:
    engine: Engine
    writer: CheckpointWriter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.writer = CheckpointWriter(self.engine)

    def access(self, run_id: str = "") -> DatabaseAccess:
        return DatabaseAccess(self.writer, run_id)

    def saver(
        self, run_id: str | None = None, durability: Durability = Durability.SYNC
    ) -> RunSaver:
        return RunSaver(self.access(run_id or ""), run_id=run_id, durability=durability)

    def count(self, table: str, where: str = "TRUE") -> int:
        def query(connection: sqlite3.Connection) -> int:
            found: tuple[int] = connection.execute(
                f"SELECT count(*) FROM {table} WHERE {where}"
            ).fetchone()
            return found[0]

        return self.engine.read(query)

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Nothing is written inside the block, until its event is set."""
        inside, release = threading.Event(), threading.Event()

        def hold(_connection: sqlite3.Connection) -> None:
            inside.set()
            assert release.wait(30)

        self.engine.submit(hold)
        assert inside.wait(10)
        try:
            yield release
        finally:
            release.set()


@contextmanager
def open_database(path: Path) -> Iterator[Database]:
    engine = Engine(str(path))
    try:
        trio.run(migrate, engine)
        yield Database(engine)
    finally:
        engine.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "test.db") as database:
        yield database
