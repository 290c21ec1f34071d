"""Rows of many runs in one operation: who cannot be stored fails alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import outcome
import pytest
import trio
from attrs import evolve
from held_writer import held_writer

from lgtrio.errors import StorageError
from lgtrio.storage.interface import CheckpointRow, WriteRow
from lgtrio.storage.sqlite.checkpoint_writer import CheckpointWriter, Entry, Flight
from lgtrio.storage.sqlite.engine import Engine
from lgtrio.storage.sqlite.migrations import migrate


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(str(tmp_path / "lgtrio.db"))
    trio.run(migrate, engine)
    yield engine
    engine.close()


def _checkpoint(name: str, *, needs_blob: bool = False) -> CheckpointRow:
    refs = {"channel": "1"} if needs_blob else {}
    return CheckpointRow("t", "", name, None, None, "msgpack", b"", b"{}", blob_refs=refs)


def _write(name: str, value: bytes) -> WriteRow:
    return WriteRow("t", "", name, "task", "", 0, "channel", "run", "msgpack", value)


def _stored(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT checkpoint_id FROM checkpoints ORDER BY checkpoint_id")
    return [name for (name,) in rows]


def _half_done(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO meta VALUES ('key', 'value')")
    raise ZeroDivisionError


@pytest.mark.parametrize("done_twice", [False, True])
def test_rows_that_cannot_be_stored_fail_alone(engine: Engine, *, done_twice: bool) -> None:
    told: list[tuple[str, type[Exception] | None]] = []
    failed: list[outcome.Outcome[None]] = []

    def stored(name: str, error: Exception | None) -> None:
        told.append((name, error and type(error)))

    writer = CheckpointWriter(engine)
    with held_writer(engine):
        for row in (_checkpoint("1"), _checkpoint("2", needs_blob=True), _checkpoint("3")):
            name = row.checkpoint_id
            rows = [row], [_write(name, b"value")]
            writer.submit(Entry(*rows, Flight(), partial(stored, name)))
        if done_twice:  # it shares the transaction and makes everything run again
            engine.submit(_half_done, done=failed.append)
    engine.write_sync(lambda _: None)
    assert told == [("1", None), ("2", StorageError), ("3", None)]
    assert engine.read(_stored) == ["1", "3"]
    assert len(failed) == done_twice


def _tell(told: list[str], name: str, _error: Exception | None) -> None:
    told.append(name)


def test_what_is_withdrawn_is_not_stored_and_nobody_is_told(engine: Engine) -> None:
    told: list[str] = []
    writer, flights = CheckpointWriter(engine), [Flight(), Flight()]
    with held_writer(engine):
        for name, flight in zip(("mine", "other"), flights, strict=True):
            stored = partial(_tell, told, name)
            writer.submit(Entry([_checkpoint(name)], [], flight, stored))
        elsewhere = evolve(_checkpoint("elsewhere"), thread_id="another")
        writer.submit(Entry([elsewhere], [], flights[0], partial(_tell, told, "elsewhere")))
        (taken,) = writer.withdraw({flights[0]}, "t")
        assert [row.checkpoint_id for row in taken.checkpoints] == ["mine"]
        assert writer.withdraw({flights[0]}, "t") == []
    engine.write_sync(lambda _: None)
    assert told == ["other", "elsewhere"]
    assert engine.read(_stored) == ["elsewhere", "other"]
    assert writer.withdraw(set(flights), "t") == [], "all of it has been begun"
    engine.write_sync(taken.put)
    assert engine.read(_stored) == ["elsewhere", "mine", "other"]
