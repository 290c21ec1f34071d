"""Time to live and the sweep, in virtual time."""

# ruff: noqa: ARG001 - a test runs in virtual time when it has the clock as an argument
from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from lgtrio.errors import StorageUnavailable
from lgtrio.graphs.items import LanggraphItems
from lgtrio.langgraph_store import ItemTtl
from lgtrio.runs.sweeps import sweep_items
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.storage.sqlite.items import EXPIRED_A_STEP
from lgtrio.storage.sqlite.storage import SqliteStorage

MINUTE = 60


def virtual_now() -> str:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (start + timedelta(seconds=trio.current_time())).isoformat(timespec="microseconds")


@pytest.fixture
async def storage() -> AsyncIterator[SqliteStorage]:
    async with open_sqlite(":memory:", inline=True, now=virtual_now) as storage:
        yield storage


def items_of(storage: SqliteStorage, **ttl: Any) -> LanggraphItems:
    return LanggraphItems(storage.engine, ItemTtl(**ttl), now=virtual_now)


def stored(storage: SqliteStorage) -> int:
    def count(connection: sqlite3.Connection) -> int:
        [(number,)] = connection.execute("SELECT count(*) FROM store_items").fetchall()
        return int(number)

    return storage.engine.read(count)


async def test_reads_begin_the_time_to_live_anew_unless_told_otherwise(
    autojump_clock: MockClock, storage: SqliteStorage
) -> None:
    items = items_of(storage)
    for key in ("got", "searched", "looked at", "forgotten"):
        await items.put([key], key, {}, ttl_minutes=10)
    await trio.sleep(6 * MINUTE)
    await items.get(["got"], "got")
    await items.search(["searched"])
    await items.get(["looked at"], "looked at", refresh_ttl=False)
    await items.search(["looked at"], refresh_ttl=False)
    await trio.sleep(6 * MINUTE)
    assert [item.key for item in await items.search([])] == ["got", "searched"]
    await trio.sleep(11 * MINUTE)
    assert await items.namespaces() == []


async def test_the_configured_time_to_live(
    autojump_clock: MockClock, storage: SqliteStorage
) -> None:
    items = items_of(storage, default_minutes=10, refresh_on_read=False)
    await items.put(["a"], "default", {})
    await items.put(["a"], "own", {}, ttl_minutes=20)
    await items.put(["a"], "asked for", {})
    await trio.sleep(6 * MINUTE)
    await items.get(["a"], "default")
    await items.get(["a"], "asked for", refresh_ttl=True)
    await trio.sleep(6 * MINUTE)
    assert [item.key for item in await items.search(["a"])] == ["own", "asked for"]


async def test_the_sweep_deletes_what_nobody_sees_any_more(
    autojump_clock: MockClock, storage: SqliteStorage
) -> None:
    items = items_of(storage)
    for number in range(EXPIRED_A_STEP + 1):
        await items.put(["a"], str(number), {"n": number}, ttl_minutes=1)
    await items.put(["a"], "stays", {})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sweep_items, items, 5 * MINUTE)
        await trio.sleep(5 * MINUTE - 1)
        assert [item.key for item in await items.search(["a"])] == ["stays"]
        assert stored(storage) == EXPIRED_A_STEP + 2
        await trio.sleep(2)
        assert stored(storage) == 1
        await items.put(["a"], "later", {}, ttl_minutes=1)
        await trio.sleep(5 * MINUTE)
        assert stored(storage) == 1
        nursery.cancel_scope.cancel()


async def test_a_sweep_survives_a_database_that_fails_once(
    autojump_clock: MockClock, storage: SqliteStorage
) -> None:
    class Failing(LanggraphItems):
        async def expire(self) -> bool:
            if trio.current_time() < 2 * MINUTE:
                raise StorageUnavailable("The database failed: locked.")
            return await LanggraphItems.expire(self)

    items = Failing(storage.engine, now=virtual_now)
    await items.put(["a"], "k", {}, ttl_minutes=0.5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sweep_items, items, MINUTE)
        await trio.sleep(1.5 * MINUTE)
        assert stored(storage) == 1
        await trio.sleep(MINUTE)
        assert stored(storage) == 0
        nursery.cancel_scope.cancel()
