"""One server a database file, with real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import child
import pytest
import trio

from lgtrio.errors import StorageUnavailable
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.storage.sqlite.lock import DatabaseLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lgtrio.db"


@contextmanager
def another_server(path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has the database open until the block is left."""
    command = [sys.executable, child.__file__, "hold", str(path), str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any(line.strip() == "open" for line in process.stdout)
        yield process
        if process.stdin is not None:
            process.stdin.close()


async def _open_and_close(path: Path) -> None:
    async with open_sqlite(str(path)):
        pass


def test_a_second_server_is_told_who_the_first_one_is(path: Path) -> None:
    with (
        another_server(path, port=2031) as process,
        pytest.raises(StorageUnavailable) as refused,
    ):
        trio.run(_open_and_close, path)
    assert f"pid {process.pid}" in refused.value.detail
    assert "port 2031" in refused.value.detail
    assert str(path) in refused.value.detail
    trio.run(_open_and_close, path)  # the first one has gone


def test_a_lock_of_a_killed_server_is_taken_over(path: Path) -> None:
    with another_server(path, port=2031) as process:
        process.kill()
        process.wait()
        trio.run(_open_and_close, path)


async def test_one_process_cannot_open_it_twice_either(path: Path) -> None:
    async with open_sqlite(str(path)):
        with pytest.raises(StorageUnavailable, match="no port yet"):
            await _open_and_close(path)
    await _open_and_close(path)


async def test_two_names_of_one_file_are_one_database(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    async with open_sqlite(str(path)) as storage:
        storage.announce(port=80)
        await trio.Path(link).symlink_to(path)
        with pytest.raises(StorageUnavailable, match="port 80"):
            await _open_and_close(link)


async def test_databases_in_memory_are_everybodys_own() -> None:
    async with open_sqlite(":memory:") as first, open_sqlite(":memory:") as second:
        first.announce(port=1)
        second.announce(port=2)


def test_an_unreadable_holder_is_still_a_holder(path: Path) -> None:
    lock = DatabaseLock.acquire(path)
    lock.path.write_bytes(b"half a li")
    with pytest.raises(StorageUnavailable, match="another lgtrio server"):
        DatabaseLock.acquire(path)
    lock.release()
    lock.release()
    DatabaseLock.acquire(path).release()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="missing"):
        DatabaseLock.acquire(tmp_path / "missing" / "lgtrio.db")
