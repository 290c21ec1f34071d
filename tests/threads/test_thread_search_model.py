"""Searches by index beside a search that looks at every thread in plain Python."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.storage.interface import NewThread, ThreadFilter, ThreadOrder, ThreadOutcome
from lgtrio.storage.sqlite import SqliteStorage, open_sqlite
from lgtrio.wire.enums import ThreadSort, ThreadStatus

KEYS = st.sampled_from(["a", "b", 'q"uote', "ü", "with.dot", ""])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.5, 1.0, 2**53, 2**60, -(2**63)]),
    st.sampled_from(["", "x", "1", "true", "ü" * 64, "ü" * 65, "y" * 300, "nul\0", "nul"]),
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(KEYS, DATA, max_size=3)
STATUSES = st.sampled_from([ThreadStatus.IDLE, ThreadStatus.INTERRUPTED, ThreadStatus.ERROR])
THREADS = st.lists(
    st.tuples(OBJECTS, OBJECTS, st.none() | OBJECTS | st.lists(SCALARS, max_size=2), STATUSES),
    max_size=6,
)


def contained(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            key in value and contained(each, value[key]) for key, each in wanted.items()
        )
    return same(wanted, value)


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: in Python, true would be 1."""
    options = orjson.OPT_SORT_KEYS
    if isinstance(one, float | int) and isinstance(other, float | int):
        return isinstance(one, bool) == isinstance(other, bool) and one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return orjson.dumps(one, option=options) == orjson.dumps(other, option=options)


async def fill(storage: SqliteStorage, threads: list[Any]) -> None:
    """Every thread is made, changed and given values, so that the index has to follow."""
    for number, (first, then, values, status) in enumerate(threads):
        thread_id = str(UUID(int=number))
        await storage.create_thread(NewThread(thread_id, orjson.dumps(first)))
        await storage.patch_thread(thread_id, orjson.dumps(then))
        for text in (b'{"a": 1, "gone": true}', orjson.dumps(values)):
            outcome = ThreadOutcome(status, None if values is None else text)
            await storage.set_thread_state(thread_id, outcome)


@given(THREADS, OBJECTS, OBJECTS, st.none() | STATUSES, st.integers(0, 3))
async def test_search_finds_what_looking_at_all_finds(
    threads: list[Any],
    metadata: dict[str, Any],
    values: dict[str, Any],
    status: ThreadStatus | None,
    borrowed: int,
) -> None:
    if borrowed < len(threads):  # else hardly anything would ever match
        first, then, stored, _ = threads[borrowed]
        metadata = dict(list({**first, **then}.items())[:borrowed])
        values = dict(list(stored.items())[:1]) if isinstance(stored, dict) else {}
    async with open_sqlite(":memory:", inline=True) as storage:
        await fill(storage, threads)
        expected = [
            str(UUID(int=number))
            for number, (first, then, stored, has) in enumerate(threads)
            if contained(metadata, {**first, **then})
            and (not values or contained(values, stored))
            and status in {None, has}
        ]
        wanted = ThreadFilter(metadata=metadata, values=values, status=status)
        order = ThreadOrder(ThreadSort.THREAD_ID, descending=False)
        found = await storage.search_threads(wanted, order=order, limit=3, offset=0)
        assert [each.thread_id for each in found.threads] == expected[:3]
        assert (found.total, found.more) == (len(expected), len(expected) > 3)
        assert await storage.count_threads(wanted) == len(expected)
        for each in expected:
            await storage.delete_thread(each)
        assert await storage.count_threads(wanted) == 0


async def test_the_index_is_empty_when_the_threads_are_gone() -> None:
    async with open_sqlite(":memory:", inline=True) as storage:
        await fill(storage, [({"a": 1, "b": [1]}, {"a": 2}, {"x": "y"}, ThreadStatus.IDLE)])
        await storage.delete_thread(str(UUID(int=0)))
        for table in ("threads_by_metadata", "thread_values_by_searchable", "thread_ttl"):
            [(left,)] = storage.engine.read(
                lambda connection, table=table: connection.execute(
                    f"SELECT count(*) FROM {table}"
                ).fetchall()
            )
            assert left == 0, table
