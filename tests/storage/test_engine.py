"""The group-commit engine on a real file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import outcome
import pytest
import trio
from held_writer import SECONDS, held_writer
from trio.testing import wait_all_tasks_blocked

from lgtrio.errors import StorageError, StorageUnavailable
from lgtrio.storage.sqlite.connections import IDLE_READERS
from lgtrio.storage.sqlite.engine import Engine, Hurry

Connection = sqlite3.Connection


def insert(connection: Connection, *values: int) -> int:
    for value in values:
        connection.execute("INSERT INTO numbers VALUES (?)", (value,))
    return len(values)


def numbers(connection: Connection) -> list[int]:
    return [value for (value,) in connection.execute("SELECT n FROM numbers ORDER BY rowid")]


def put(*values: int) -> Callable[[Connection], int]:
    return lambda connection: insert(connection, *values)


def insert_then_fail(connection: Connection) -> None:
    insert(connection, 99)
    raise ZeroDivisionError("on purpose")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "engine.db")


@pytest.fixture
def points() -> list[str]:
    """Fault points in the order in which they were reached."""
    return []


@pytest.fixture
def engine(path: str, points: list[str]) -> Iterator[Engine]:
    engine = Engine(path, faults=points.append)
    engine.write_sync(lambda c: c.execute("CREATE TABLE numbers (n INTEGER UNIQUE)").close())
    points.clear()
    yield engine
    engine.close()


# -- batches -------------------------------------------------------------------------------


def test_what_waits_is_committed_together_and_a_failing_one_fails_alone(
    engine: Engine, points: list[str]
) -> None:
    results: dict[int, outcome.Outcome[int | None]] = {}
    operations = [put(1), insert_then_fail, put(3, 4), put(1), put(6)]
    with held_writer(engine):
        for number, operation in enumerate(operations):
            engine.submit(operation, done=partial(results.__setitem__, number))
        assert engine.read(numbers) == []
    engine.write_sync(put(7))
    assert engine.read(numbers) == [1, 3, 4, 6, 7]
    assert [results[number].unwrap() for number in (0, 2, 4)] == [1, 2, 1]
    with pytest.raises(ZeroDivisionError):
        results[1].unwrap()
    with pytest.raises(StorageError, match="UNIQUE"):
        results[3].unwrap()
    # One commit for the holder; the five, perhaps with the last one, share the next.
    assert points.count("after-commit") in (2, 3)


def refuse(_connection: Connection) -> None:
    raise ZeroDivisionError("before anything has changed")


@pytest.mark.parametrize(("operation", "times"), [(refuse, 1), (insert_then_fail, 2)])
def test_only_one_that_has_changed_rows_makes_the_others_run_again(
    engine: Engine, points: list[str], operation: Callable[[Connection], None], times: int
) -> None:
    failed: list[outcome.Outcome[None]] = []
    with held_writer(engine):
        engine.submit(put(1), name="first")
        engine.submit(operation, name="failing", done=failed.append)
        engine.submit(put(2), name="last")
    engine.write_sync(put(3))
    assert engine.read(numbers) == [1, 2, 3]
    assert isinstance(failed[0], outcome.Error)
    assert len(failed) == 1
    assert [points.count(f"before-op:{name}") for name in ("first", "failing")] == [times, times]
    assert points.count("before-op:last") == 1


def test_a_failing_operation_that_is_alone_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.write_sync(insert_then_fail)
    assert engine.read(numbers) == []


def test_operations_run_in_the_order_of_submission(engine: Engine) -> None:
    with held_writer(engine):
        for value in range(1200):  # more than one batch
            engine.submit(put(value))
    engine.write_sync(put(-1))
    assert engine.read(numbers) == [*range(1200), -1]


def test_when_the_commit_fails_everybody_is_told_and_nothing_is_stored(path: str) -> None:
    class DiskGone(Exception):
        pass

    broken = False

    def faults(point: str) -> None:
        if broken and point == "before-commit":
            raise DiskGone

    engine = Engine(path, faults=faults)
    engine.write_sync(lambda c: c.execute("CREATE TABLE numbers (n)").close())
    results: list[outcome.Outcome[int | None]] = []
    with held_writer(engine):
        broken = True
        for operation in (put(1), insert_then_fail, put(2)):
            engine.submit(operation, done=results.append)
    with pytest.raises(DiskGone):
        engine.write_sync(put(3))
    broken = False
    assert [type(result.error) for result in results if isinstance(result, outcome.Error)] == [
        DiskGone,
        ZeroDivisionError,
        DiskGone,
    ]
    engine.write_sync(put(4))
    assert engine.read(numbers) == [4]
    engine.close()


def test_a_full_disk_is_unavailable_and_the_writer_outlives_it(engine: Engine) -> None:
    def limit(connection: Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    def fill(connection: Connection) -> None:
        connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000) AS bytes")

    engine.write_sync(partial(limit, pages=10))
    with pytest.raises(StorageUnavailable, match="full"):
        engine.write_sync(fill)
    engine.write_sync(partial(limit, pages=10_000))
    engine.write_sync(put(1))
    assert engine.read(numbers) == [1]


def test_a_callback_that_raises_costs_the_others_nothing(engine: Engine) -> None:
    def broken(_result: outcome.Outcome[int]) -> None:
        raise ZeroDivisionError

    with held_writer(engine):
        engine.submit(put(1), done=broken)
        engine.submit(put(2))
    assert engine.write_sync(put(3)) == 1
    assert engine.read(numbers) == [1, 2, 3]


def test_fault_points_are_named_after_the_operation(engine: Engine, points: list[str]) -> None:
    engine.write_sync(put(1), name="finish_run")
    assert points == [
        "before-op:finish_run",
        "after-op:finish_run",
        "before-commit",
        "after-commit",
    ]


# -- reading -------------------------------------------------------------------------------


async def test_readers_never_wait_for_the_writer(engine: Engine) -> None:
    engine.write_sync(put(1))
    with held_writer(engine, statement="INSERT INTO numbers VALUES (2)"), trio.fail_after(SECONDS):
        assert engine.read(numbers) == [1]
        assert await engine.scan(numbers) == [1]
    await engine.write(put(3))
    assert engine.read(numbers) == [1, 2, 3]


def test_a_reader_cannot_write(engine: Engine) -> None:
    with pytest.raises(StorageError, match="readonly"):
        engine.read(put(1))
    assert engine.read(numbers) == []


def test_a_read_sees_one_moment(engine: Engine) -> None:
    def twice(connection: Connection) -> tuple[list[int], list[int]]:
        before = numbers(connection)
        engine.write_sync(put(1))
        return before, numbers(connection)

    assert engine.read(twice) == ([], [])
    assert engine.read(numbers) == [1]


def test_many_readers_at_once(engine: Engine) -> None:
    engine.write_sync(put(1))
    crowd = IDLE_READERS + 8
    together = threading.Barrier(crowd, timeout=SECONDS)
    seen: list[list[int]] = []

    def query(connection: Connection) -> list[int]:
        together.wait()
        return numbers(connection)

    threads = [
        threading.Thread(target=lambda: seen.append(engine.read(query))) for _ in range(crowd)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert seen == [[1]] * crowd


# -- waiting -------------------------------------------------------------------------------


async def test_a_cancelled_wait_leaves_all_of_the_operation(engine: Engine) -> None:
    with held_writer(engine):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.write, put(1, 2))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert engine.read(numbers) == []  # the wait is over, the writer has not begun
    await engine.write(put(3))
    assert engine.read(numbers) == [1, 2, 3]


@pytest.mark.parametrize("inline", [False, True])
async def test_a_wait_cancelled_before_it_began_leaves_nothing(
    tmp_path: Path, inline: bool
) -> None:
    engine = Engine(str(tmp_path / "own.db"), inline=inline)
    engine.write_sync(lambda c: c.execute("CREATE TABLE numbers (n)").close())
    with trio.CancelScope() as scope:
        scope.cancel()
        await engine.write(put(1))
    assert scope.cancelled_caught
    await engine.write(put(2))
    assert engine.read(numbers) == [2]
    engine.close()


async def test_an_inline_write_that_is_cancelled_meanwhile_still_tells_its_result() -> None:
    engine = Engine(":memory:")
    await engine.write(lambda c: c.execute("CREATE TABLE numbers (n)").close())
    with trio.CancelScope() as scope:

        def cancel_and_insert(connection: Connection) -> int:
            scope.cancel()
            return insert(connection, 1)

        assert await engine.write(cancel_and_insert) == 1
    assert engine.read(numbers) == [1]
    engine.close()


async def test_each_waiter_gets_its_own_answer(engine: Engine) -> None:
    answers: dict[int, int] = {}

    async def write(number: int) -> None:
        answers[number] = await engine.write(put(*range(number * 100, number * 100 + number)))

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(write, number)
    assert answers == {number: number for number in range(50)}


def test_writes_from_many_threads_are_not_lost(engine: Engine) -> None:
    def work(first: int) -> None:
        for value in range(first, first + 50):
            engine.write_sync(put(value))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(engine.read(numbers)) == list(range(400))


def test_waiting_for_the_writer_on_its_own_thread_is_refused(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="own thread"):
        engine.write_sync(lambda _connection: engine.write_sync(put(1)))


# -- patience ------------------------------------------------------------------------------


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Engine:
    """A writer that does not begin by itself with what is in no hurry."""
    monkeypatch.setattr("lgtrio.storage.sqlite.engine.PATIENCE", 3600.0)
    engine.write_sync(put(0))  # from its next wait on it has the new patience
    return engine


def test_what_is_in_no_hurry_is_committed_with_what_is(patient: Engine, points: list[str]) -> None:
    points.clear()
    for number in (1, 2, 3):
        patient.submit(put(number), name="patient", hurry=Hurry.SOON)
    assert patient.read(numbers) == [0]
    patient.write_sync(put(4), name="hurried")
    assert patient.read(numbers) == [0, 1, 2, 3, 4]
    assert points.count("before-commit") == 1


def test_somebody_who_begins_to_wait_hurries_the_writer_up(patient: Engine) -> None:
    committed = threading.Event()
    patient.submit(put(1), done=lambda _: committed.set(), hurry=Hurry.SOON)
    assert not committed.is_set()
    patient.hurry_up()
    assert committed.wait(SECONDS)


@pytest.mark.parametrize("asleep", [False, True])
def test_what_nobody_waits_for_is_committed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, asleep: bool
) -> None:
    if asleep:
        monkeypatch.setattr("lgtrio.storage.sqlite.engine.ATTENTIVE", 0.0)
        engine.write_sync(put(0))
    committed = threading.Event()
    engine.submit(put(1), done=lambda _: committed.set(), hurry=Hurry.SOON)
    assert committed.wait(SECONDS)


def test_what_is_for_later_keeps_nobody_waiting_and_is_not_taken_along(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr("lgtrio.storage.sqlite.engine.LEISURE", 3600.0)
    committed = threading.Event()
    engine.submit(put(1), done=lambda _: committed.set(), hurry=Hurry.LATER)
    engine.write_sync(put(2))
    engine.write_sync(put(3))
    assert engine.read(numbers) == [2, 3]
    assert engine.queued == 1
    engine.hurry_up()
    assert committed.wait(SECONDS)
    assert engine.read(numbers) == [2, 3, 1]


@pytest.mark.parametrize("asleep", [False, True])
def test_later_comes(monkeypatch: pytest.MonkeyPatch, engine: Engine, asleep: bool) -> None:
    monkeypatch.setattr("lgtrio.storage.sqlite.engine.LEISURE", 0.01)
    if asleep:
        monkeypatch.setattr("lgtrio.storage.sqlite.engine.ATTENTIVE", 0.0)
        engine.write_sync(put(0))
    committed = threading.Event()
    engine.submit(put(1), done=lambda _: committed.set(), hurry=Hurry.LATER)
    assert committed.wait(SECONDS)


# -- closing -------------------------------------------------------------------------------


@pytest.mark.parametrize("hurry", Hurry)
def test_close_writes_what_was_submitted_before(engine: Engine, path: str, hurry: Hurry) -> None:
    with held_writer(engine) as let_go:
        for value in range(100):
            engine.submit(put(value), hurry=hurry)
        closer = threading.Thread(target=engine.close)
        closer.start()
        let_go.set()
        closer.join(SECONDS)
    assert not closer.is_alive()
    again = Engine(path)
    assert again.read(numbers) == list(range(100))
    again.close()


@pytest.mark.parametrize("inline", [False, True])
async def test_a_closed_engine_says_so(tmp_path: Path, inline: bool) -> None:
    engine = Engine(str(tmp_path / "own.db"), inline=inline)
    engine.close()
    engine.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        engine.submit(put(1))
    with pytest.raises(StorageUnavailable, match="closed"):
        await engine.write(put(1))
    with pytest.raises(StorageUnavailable, match="closed"):
        engine.read(numbers)


def test_a_clean_close_leaves_one_file(engine: Engine, path: str) -> None:
    engine.write_sync(put(1))
    engine.close()
    assert [file.name for file in Path(path).parent.iterdir()] == ["engine.db"]


def test_a_delete_takes_short_texts_out_of_the_file_and_writes_nothing_over_long_ones(
    engine: Engine, path: str
) -> None:
    def fill(connection: Connection) -> None:
        connection.execute("CREATE TABLE texts (text TEXT)")
        texts = ["what stays", "what is deleted", "x" * 1_000_000]
        connection.executemany("INSERT INTO texts VALUES (?)", [(text,) for text in texts])

    engine.write_sync(fill)
    log = Path(f"{path}-wal")
    before = log.stat().st_size
    engine.write_sync(lambda c: c.execute("DELETE FROM texts WHERE text <> 'what stays'").rowcount)
    assert log.stat().st_size - before < 100_000
    engine.close()
    stored = Path(path).read_bytes()
    assert b"what stays" in stored
    assert b"what is deleted" not in stored


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="missing"):
        Engine(str(tmp_path / "missing" / "x.db"))
