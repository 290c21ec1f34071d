"""Searches by metadata: what is found through the index is what a look at every row finds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgtrio.storage.sqlite import searching
from lgtrio.storage.sqlite.metadata_index import LONGEST, MetadataIndex, add_contains, contains
from lgtrio.storage.sqlite.searching import Part, Search, Sql

INDEX: Final = MetadataIndex("things", "metadata", owner="thing_id")
ENTRIES: Final = f"SELECT key, value, owner FROM {INDEX.name} ORDER BY key, owner"

# Few keys and values, so that searches find something; strange ones, so that they may go wrong.
keys = st.sampled_from(["a", "b", "", 'q"', "back\\slash", "ü", "a.b", "[0]", "nul\0x", "nul"])
texts = st.sampled_from(["", "x", "X", "x\0y", "é" * 70, "y" * LONGEST, "y" * (LONGEST + 1)])
numbers = st.sampled_from(
    [0, 1, -1, 1.0, -0.0, 0.1, 1e300, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 2**64 - 1, -(2**63)]
)
scalars = st.none() | st.booleans() | texts | numbers
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(keys, values, max_size=4)


@pytest.fixture
def things() -> Iterator[sqlite3.Connection]:
    with closing(_database()) as connection:
        yield connection


def _database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    add_contains(connection)
    connection.execute(
        "CREATE TABLE things (thing_id TEXT PRIMARY KEY, kind TEXT, metadata TEXT NOT NULL)"
    )
    for statement in INDEX.statements():
        connection.execute(statement)
    return connection


def _put(connection: sqlite3.Connection, thing_id: str, metadata: Any, kind: str = "") -> None:
    connection.execute(
        "INSERT INTO things VALUES (?1, ?2, ?3)"
        " ON CONFLICT (thing_id) DO UPDATE SET metadata = ?3, kind = ?2",
        (thing_id, kind, orjson.dumps(metadata).decode()),
    )


def _search(*wanted: dict[str, Any], kind: str | None = None) -> Search:
    parts = [INDEX.part(each) for each in wanted]
    if kind is not None:
        find = Sql("SELECT thing_id AS owner FROM things WHERE kind = ?", (kind,))
        parts.append(Part(Sql("+kind = ?", (kind,)), [find]))
    return Search("things", "thing_id", parts)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from("123456"), objects), objects, st.data())
def test_finds_what_a_look_at_every_row_finds(
    stored: dict[str, dict[str, Any]], wanted: dict[str, Any], data: st.DataObject
) -> None:
    if stored and data.draw(st.booleans()):  # a part of what is there
        source = stored[data.draw(st.sampled_from(sorted(stored)))]
        wanted = {key: source[key] for key in source if data.draw(st.booleans())}
    with closing(_database()) as connection:
        for thing_id, metadata in stored.items():
            _put(connection, thing_id, metadata)
        expected = sorted(t for t, metadata in stored.items() if contains(metadata, wanted))
        search = _search(wanted)
        found = search.page(connection, order="thing_id", limit=10, offset=0)
        assert (list(found.owners), found.total) == (expected, len(expected))
        assert search.count(connection) == len(expected)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("123"), st.none() | objects), max_size=8))
def test_follows_every_change(changes: list[tuple[str, dict[str, Any] | None]]) -> None:
    now: dict[str, dict[str, Any]] = {}
    with closing(_database()) as changed, closing(_database()) as fresh:
        for thing_id, metadata in changes:
            if metadata is None:
                changed.execute("DELETE FROM things WHERE thing_id = ?", (thing_id,))
                now.pop(thing_id, None)
            else:
                _put(changed, thing_id, metadata)
                now[thing_id] = metadata
        for thing_id, metadata in now.items():
            _put(fresh, thing_id, metadata)
        assert changed.execute(ENTRIES).fetchall() == fresh.execute(ENTRIES).fetchall()


def test_rows_that_were_there_before_it() -> None:
    with closing(_database()) as before, closing(_database()) as after:
        for statement in ("insert", "update", "delete"):
            before.execute(f"DROP TRIGGER {INDEX.name}_{statement}")
        _put(before, "1", {"a": 1, "b": [True]})
        before.execute(f"DROP TABLE {INDEX.name}")
        for statement in INDEX.statements():
            before.execute(statement)
        _put(after, "1", {"a": 1, "b": [True]})
        assert before.execute(ENTRIES).fetchall() == after.execute(ENTRIES).fetchall() != []


def test_a_value_that_grows_costs_the_index_nothing(things: sqlite3.Connection) -> None:
    _put(things, "1", {"messages": ["a"], "title": "x", "n": 1})
    entries = things.execute(ENTRIES).fetchall()
    changes = things.total_changes
    _put(things, "1", {"messages": ["a", "b"], "title": "x", "n": 1.0})
    assert things.total_changes == changes + 1
    assert things.execute(ENTRIES).fetchall() == entries


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ({"a": 1}, {}, True),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": [1, True]}, {"a": [1, 1]}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, False),
        ({"a": 1}, {"a": {}}, False),
        ([], {}, False),
    ],
)
def test_contains(value: Any, wanted: Any, expected: bool) -> None:
    assert contains(value, wanted) is expected


def test_the_rarest_condition_leads(things: sqlite3.Connection) -> None:
    """Not a row is looked at that does not have it."""
    for number in range(50):
        _put(things, str(number), {"common": 1, "number": number}, kind="even"[: number % 2 * 4])
    looked_at = 0

    def spy(text: str, wanted: str) -> bool:
        nonlocal looked_at
        looked_at += 1
        return contains(orjson.loads(text), orjson.loads(wanted))

    things.create_function("contains", 2, spy)
    # As a fraction, which SQLite is not trusted to compare.
    assert _search({"common": 1.0, "number": 7}, kind="even").count(things) == 1
    assert looked_at == 1


@pytest.mark.parametrize("value", [1, "one", True, None])
def test_short_values_are_compared_without_waiting_for_the_interpreter(
    things: sqlite3.Connection, value: object
) -> None:
    things.create_function("contains", 2, lambda *_: pytest.fail("Python was asked"))
    for number, stored in enumerate([1, 1.0, "one", True, None, "1", False, [1]]):
        _put(things, str(number), {"a-key": stored})
    _put(things, "other", {"another": value})
    expected = 2 if type(value) is int else 1
    assert _search({"a-key": value}).count(things) == expected


def test_a_change_costs_the_same_however_much_is_stored(things: sqlite3.Connection) -> None:
    def steps(thing_id: str) -> int:
        ticks = 0

        def tick() -> None:
            nonlocal ticks
            ticks += 1

        things.set_progress_handler(tick, 20)
        _put(things, thing_id, {"a": 1})
        _put(things, thing_id, {"a": 2, "b": "x"})
        things.execute("DELETE FROM things WHERE thing_id = ?", (thing_id,))
        things.set_progress_handler(None, 0)
        return ticks

    few = steps("new")
    for number in range(500):
        _put(things, str(number), {"a": number % 5, "b": "x", "number": number})
    assert 0 < few <= steps("new") <= 1.2 * few


def test_pages_of_more_than_can_be_counted(
    things: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_TOTAL", 5)
    monkeypatch.setattr(searching, "_COUNTED", (2, 6))
    for number in range(8):
        _put(things, str(number), {"common": 1, "half": number % 2})
    pages = [
        _search({"common": 1}).page(things, order="thing_id DESC", limit=3, offset=offset)
        for offset in (0, 3, 6)
    ]
    assert [list(page.owners) for page in pages] == [["7", "6", "5"], ["4", "3", "2"], ["1", "0"]]
    assert [(page.more, page.total) for page in pages] == [(True, 4), (True, 7), (False, 8)]
    few = _search({"common": 1, "half": 1}).page(things, order="thing_id", limit=3, offset=0)
    assert (list(few.owners), few.more, few.total) == (["1", "3", "5"], True, 4)
    assert _search({"common": 1}).count(things) == 8


def test_without_conditions(things: sqlite3.Connection) -> None:
    _put(things, "1", {})
    assert _search().page(things, order="thing_id", limit=3, offset=0).owners == ["1"]
    assert _search().count(things) == _search({}).count(things) == 1
