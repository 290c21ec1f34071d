"""Ends of runs and who is told of them, in virtual time, on SQLite whose writer runs inline."""

# ruff: noqa: ARG001 - a test has a clock of its own by naming it

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, evolve, field
from orjson import loads
from structlog.testing import capture_logs
from trio.testing import MockClock

from lgtrio.errors import StorageUnavailable
from lgtrio.runs.webhooks import AT_ONCE, DeliveryFailed, WebhookQueue
from lgtrio.storage.interface import NewRun, NewThread
from lgtrio.storage.sqlite import SqliteStorage, open_sqlite
from lgtrio.wire.enums import CancelAction
from lgtrio.wire.times import iso
from support.scripted import Bench, bench, new_run

START = datetime(2026, 1, 1, tzinfo=UTC)
T = "11111111-1111-4111-8111-111111111111"
U = "22222222-2222-4222-8222-222222222222"


def now() -> datetime:
    return START + timedelta(seconds=trio.current_time())


def now_text() -> str:
    return iso(now())


@define(eq=False)
class FakePoster:
    """Takes everything, unless told how often to fail, to hang, or to take its time."""

    sent: list[tuple[float, str, dict[str, Any]]] = field(factory=list)
    """(virtual time, URL, body)."""
    failures: dict[str, int] = field(factory=lambda: defaultdict(int))
    """URL to how many attempts fail before one succeeds."""
    seconds: float = 0.0
    crashes: bool = False
    at_once: int = 0
    most_at_once: int = 0

    async def post(self, url: str, body: bytes) -> None:
        self.sent.append((trio.current_time(), url, loads(body)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.crashes:
            raise RuntimeError("a poster that breaks its contract")
        if self.failures[url] > 0:
            self.failures[url] -= 1
            raise DeliveryFailed("it answered with status 500")

    def times(self, url: str) -> list[float]:
        return [at for at, to, _ in self.sent if to == url]

    def body(self, url: str) -> dict[str, Any]:
        [body] = [body for _, to, body in self.sent if to == url]
        return body


def hooked(new: NewRun, url: str = "u") -> NewRun:
    return evolve(new, webhook=url)


@pytest.fixture
async def storage(autojump_clock: MockClock) -> AsyncIterator[SqliteStorage]:
    async with open_sqlite(":memory:", inline=True, now=now_text) as storage:
        yield storage


@pytest.fixture
async def b(storage: SqliteStorage) -> AsyncIterator[Bench]:
    async with bench(storage, now=now, n_jobs=100) as b:
        yield b


@pytest.fixture
async def poster(storage: SqliteStorage, nursery: trio.Nursery) -> FakePoster:
    poster = FakePoster()
    nursery.start_soon(WebhookQueue(storage, poster, now).deliver)
    return poster


async def is_empty(storage: SqliteStorage) -> bool:
    return not await storage.due_webhooks("9999", limit=1)


# -- every end is told ---------------------------------------------------------------------


async def test_success(
    autojump_clock: MockClock, b: Bench, storage: SqliteStorage, poster: FakePoster
) -> None:
    run = await b.submit(hooked(new_run(T, ["sleep", 5], ["emit", 1])))
    await trio.sleep(6)
    [(at, url, body)] = poster.sent
    assert (at, url) == (pytest.approx(5, abs=0.1), "u")
    stored = await storage.get_run(run.run_id)
    assert stored is not None
    assert body == {
        "run_id": run.run_id,
        "thread_id": T,
        "assistant_id": run.assistant_id,
        "metadata": {},
        "status": "success",
        "kwargs": loads(run.kwargs),
        "multitask_strategy": "enqueue",
        "created_at": run.created_at,
        "updated_at": stored.updated_at,
        "langsmith_session_name": None,
        "cancel_reason": None,
        "run_started_at": "2026-01-01T00:00:00.000000+00:00",
        "run_ended_at": stored.updated_at,
        "webhook_sent_at": stored.updated_at,
        "values": {"seen": [1]},
    }
    assert await is_empty(storage)


async def test_failure(autojump_clock: MockClock, b: Bench, poster: FakePoster) -> None:
    await b.submit(hooked(new_run(T, ["emit", 1], ["fail"])))
    await trio.sleep(1)
    body = poster.body("u")
    assert body["status"] == "error"
    assert body["error"] == {"error": "ValueError", "message": "boom"}
    assert body["values"] == {"seen": [1]}


async def test_a_run_that_left_nothing_tells_what_the_thread_has(
    autojump_clock: MockClock, b: Bench, poster: FakePoster
) -> None:
    await b.submit(new_run(T, ["emit", 1]))
    await b.submit(hooked(new_run(T, ["fail"])))
    await trio.sleep(1)
    assert poster.body("u")["values"] == {"seen": [1]}


async def test_cancel_and_rollback(autojump_clock: MockClock, b: Bench, poster: FakePoster) -> None:
    cancelled = await b.submit(hooked(new_run(T, ["emit", 1], ["sleep", 9]), "cancelled"))
    undone = await b.submit(hooked(new_run(U, ["emit", 1], ["sleep", 9]), "undone"))
    await trio.sleep(1)
    for run, action in ((cancelled, CancelAction.INTERRUPT), (undone, CancelAction.ROLLBACK)):
        await b.supervisor.stopper.cancel(run.thread_id, [run.run_id], action=action, wait=True)
    await trio.sleep(1)
    body = poster.body("cancelled")
    assert body["status"] == "interrupted"
    assert body["error"]["error"] == "UserInterrupt"
    assert body["values"] == {"seen": [1]}
    body = poster.body("undone")
    assert (body["status"], body["values"]) == ("rollback", None)
    assert "error" not in body


async def test_runs_that_end_before_they_start(
    autojump_clock: MockClock, b: Bench, poster: FakePoster
) -> None:
    await b.submit(new_run(T, ["sleep", 9]))
    cancelled = await b.submit(hooked(new_run(T), "cancelled"))
    await b.supervisor.stopper.cancel(
        T, [cancelled.run_id], action=CancelAction.INTERRUPT, wait=True
    )
    await b.submit(hooked(new_run(T), "displaced"))
    await b.submit(new_run(T, strategy="interrupt"))
    await b.submit(hooked(new_run(U, ["sleep", 9]), "never"))
    await b.submit(hooked(new_run(U), "undone"))
    await b.submit(new_run(U, strategy="rollback"))
    await trio.sleep(1)
    for url in ("cancelled", "displaced"):
        body = poster.body(url)
        assert (body["status"], body["values"]) == ("interrupted", None)
        assert body["error"]["error"] == "UserInterrupt"
        assert body["run_started_at"] is None
    assert poster.body("undone")["status"] == "rollback"


async def test_quirk_21_a_stateless_run_tells_its_values(
    autojump_clock: MockClock, b: Bench, storage: SqliteStorage, poster: FakePoster
) -> None:
    await b.submit(hooked(new_run(T, ["emit", 1], temporary=True)))
    await trio.sleep(1)
    assert await storage.get_thread(T) is None
    assert poster.body("u")["values"] == {"seen": [1]}


async def test_a_deadline(autojump_clock: MockClock, storage: SqliteStorage) -> None:
    poster = FakePoster()
    async with bench(storage, now=now, run_timeout=5) as b, trio.open_nursery() as nursery:
        nursery.start_soon(WebhookQueue(storage, poster, now).deliver)
        await b.submit(hooked(new_run(T, ["sleep", 9])))
        await trio.sleep(6)
        nursery.cancel_scope.cancel()
    assert poster.body("u")["error"] == {"error": "TimeoutError", "message": ""}


async def test_a_run_that_is_given_up(autojump_clock: MockClock, storage: SqliteStorage) -> None:
    poster = FakePoster()
    async with bench(storage, now=now) as b:
        await b.submit(hooked(new_run(T, ["sleep", 99])))
        await trio.sleep(1)
    async with bench(storage, now=now, max_attempts=1), trio.open_nursery() as nursery:
        nursery.start_soon(WebhookQueue(storage, poster, now).deliver)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    body = poster.body("u")
    assert (body["status"], body["error"]["error"]) == ("error", "RunGivenUp")


async def test_a_shutdown_is_no_end(
    autojump_clock: MockClock, storage: SqliteStorage, poster: FakePoster
) -> None:
    async with bench(storage, now=now, shutdown_grace=1) as b:
        await b.submit(hooked(new_run(T, ["sleep", 99])))
        await trio.sleep(1)
        await b.supervisor.shut_down()
    await trio.sleep(5)
    assert poster.sent == []


# -- attempts ------------------------------------------------------------------------------


async def test_three_attempts(
    autojump_clock: MockClock, b: Bench, storage: SqliteStorage, poster: FakePoster
) -> None:
    poster.failures |= {"once": 1, "twice": 2, "always": 99}
    for url in poster.failures:
        await b.submit(hooked(new_run(T, ["emit", 1]), url))
    with capture_logs() as logs:
        await trio.sleep(60)
    assert [round(at) for at in poster.times("once")] == [0, 1]
    assert [round(at) for at in poster.times("twice")] == [0, 1, 4]
    assert [round(at) for at in poster.times("always")] == [0, 1, 4]
    assert await is_empty(storage)
    [given_up] = [line for line in logs if line["log_level"] == "warning"]
    assert given_up["url"] == "always"
    assert given_up["reason"] == "it answered with status 500"
    thread = await storage.get_thread(T)
    assert thread is not None
    assert thread.status == "idle"


async def test_the_time_of_sending_is_that_of_the_attempt(
    autojump_clock: MockClock, b: Bench, poster: FakePoster
) -> None:
    poster.failures["u"] = 1
    await b.submit(hooked(new_run(T)))
    await trio.sleep(10)
    [first, second] = [body["webhook_sent_at"] for *_, body in poster.sent]
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == timedelta(seconds=1)


async def test_one_that_hangs_does_not_hold_up_others(
    autojump_clock: MockClock, b: Bench, poster: FakePoster
) -> None:
    poster.seconds = 10
    for number in range(AT_ONCE - 1):
        await b.submit(hooked(new_run(f"{number:08}-1111-4111-8111-111111111111"), "slow"))
    await trio.sleep(1)
    await b.submit(hooked(new_run(T), "later"))
    await trio.sleep(1)
    assert [round(at) for at in poster.times("later")] == [1]


async def test_not_too_many_at_once_and_each_of_them_once(
    autojump_clock: MockClock, b: Bench, storage: SqliteStorage, poster: FakePoster
) -> None:
    poster.seconds = 2
    for number in range(3 * AT_ONCE):
        await b.submit(hooked(new_run(f"{number:08}-1111-4111-8111-111111111111"), str(number)))
    await trio.sleep(60)
    assert sorted(url for _, url, _ in poster.sent) == sorted(map(str, range(3 * AT_ONCE)))
    assert poster.most_at_once == AT_ONCE
    assert poster.sent[-1][0] == pytest.approx(4, abs=0.1)
    assert await is_empty(storage)


async def test_a_poster_that_breaks_is_a_failed_attempt(
    autojump_clock: MockClock, b: Bench, storage: SqliteStorage, poster: FakePoster
) -> None:
    poster.crashes = True
    await b.submit(hooked(new_run(T)))
    with capture_logs() as logs:
        await trio.sleep(60)
    assert len(poster.sent) == 3
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "a webhook could not be called"
    ] * 3
    assert await is_empty(storage)


async def test_a_database_that_fails_leads_to_no_second_call(
    autojump_clock: MockClock,
    b: Bench,
    storage: SqliteStorage,
    poster: FakePoster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop, due = SqliteStorage.drop_webhook, SqliteStorage.due_webhooks
    left = [StorageUnavailable("gone"), StorageUnavailable("gone")]

    async def drop_later(self: SqliteStorage, webhook_id: int) -> None:
        if left:
            raise left.pop()
        await drop(self, webhook_id)

    monkeypatch.setattr(SqliteStorage, "drop_webhook", drop_later)
    await b.submit(hooked(new_run(T)))
    await trio.sleep(10)
    assert len(poster.sent) == 1
    assert await is_empty(storage)

    unreadable = [StorageUnavailable("gone")]

    async def due_later(self: SqliteStorage, at: str, *, limit: int) -> Any:
        if unreadable:
            raise unreadable.pop()
        return await due(self, at, limit=limit)

    monkeypatch.setattr(SqliteStorage, "due_webhooks", due_later)
    await b.submit(hooked(new_run(U), "second"))
    await trio.sleep(10)
    assert len(poster.times("second")) == 1


async def test_what_is_queued_survives_a_restart(autojump_clock: MockClock, tmp_path: Path) -> None:
    path = str(tmp_path / "lgtrio.db")
    poster = FakePoster()
    poster.failures["u"] = 1
    async with open_sqlite(path, inline=True, now=now_text) as storage:
        await storage.create_thread(NewThread(T))
        async with bench(storage, now=now) as b, trio.open_nursery() as nursery:
            nursery.start_soon(WebhookQueue(storage, poster, now).deliver)
            await b.submit(hooked(new_run(T)))
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()  # as a server that dies between two attempts
    await trio.sleep(100)
    async with open_sqlite(path, inline=True, now=now_text) as storage:
        with trio.move_on_after(10):
            await WebhookQueue(storage, poster, now).deliver()
        assert await is_empty(storage)
    assert [round(at) for at in poster.times("u")] == [0, 100]


async def test_an_attempt_that_is_cut_off_is_made_again(
    autojump_clock: MockClock, storage: SqliteStorage, b: Bench
) -> None:
    poster = FakePoster(seconds=5)
    await b.submit(hooked(new_run(T)))
    with trio.move_on_after(2):
        await WebhookQueue(storage, poster, now).deliver()
    with trio.move_on_after(10):
        await WebhookQueue(storage, poster, now).deliver()
    assert len(poster.sent) == 2
    assert await is_empty(storage)
