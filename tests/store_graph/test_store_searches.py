"""What a search looks at, and that sqlite-vec can be had."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import PutOp
from orjson import dumps

from lgtrio.errors import SettingsError
from lgtrio.graphs.store import RunStore
from lgtrio.storage.sqlite import vectors
from lgtrio.storage.sqlite.item_filter import add_item_matches, matches
from lgtrio.storage.sqlite.items import ItemSearch, StoredItem, put_item, search_items
from lgtrio.storage.sqlite.schema import MIGRATIONS
from support.savers import Database, open_database

NOW = "2026-01-01T00:00:00.000000+00:00"
USERS, NOTES = 40, 50
ITEMS: Final = [each for each in MIGRATIONS[0].statements if "store_" in each]
"""What makes the tables of the store."""


@pytest.fixture
def full(database: Database) -> Database:
    """`USERS` namespaces of `NOTES` items each; one in a hundred is rare."""
    puts = [
        PutOp(
            ("users", f"u{number % USERS}"),
            str(number),
            {"rare": number % 100 == 0, "even": number % 2 == 0, "number": number, "x": [number]},
        )
        for number in range(USERS * NOTES)
    ]
    RunStore(database.access()).batch(puts)
    return database


def looked_at(database: Database, search: ItemSearch) -> tuple[list[StoredItem], int]:
    """What is found, and how many items' values were compared with the filter for it."""
    compared = 0

    def count(connection: sqlite3.Connection) -> list[StoredItem]:
        with closing(sqlite3.connect(":memory:")) as other:
            add_item_matches(other)

            def matches(value: str, wanted: str) -> bool:
                nonlocal compared
                compared += 1
                [(matching,)] = other.execute("SELECT item_matches(?, ?)", (value, wanted))
                return bool(matching)

            connection.create_function("item_matches", 2, matches)
            try:
                return search_items(connection, search, now=NOW)
            finally:
                add_item_matches(connection)

    return database.engine.read(count), compared


@pytest.mark.parametrize(
    ("search", "found", "most"),
    [
        (ItemSearch(wanted={"rare": True}), 10, 20),
        (ItemSearch(wanted={"number": 7}), 1, 1),
        (ItemSearch(wanted={"number": {"$eq": 7}}), 1, 1),
        (ItemSearch(wanted={"number": {"$gt": 5, "$eq": 7}}), 1, 1),
        (ItemSearch(wanted={"even": True, "rare": True}), 10, 20),
        (ItemSearch(("users", "u3"), {"even": False}), 10, NOTES),
        (ItemSearch(("users", "u3"), {"number": {"$gte": 0}}), 10, NOTES),
        (ItemSearch(("users", "u3"), {"rare": True}), 0, NOTES),
        (ItemSearch(("users",), {"number": 7}), 1, 1),
        (ItemSearch(wanted={"number": {"$gte": 1995}}), 5, 5),
        (ItemSearch(wanted={"number": {"$lt": "2.5"}}), 3, 4),
        (ItemSearch(wanted={"number": {"$gt": 99, "$lte": 102}}), 3, 4),
        (ItemSearch(wanted={"number": {"$gt": 99, "$lte": 102, "$ne": 101}}), 2, 4),
        (ItemSearch(wanted={"number": {"$gte": 1900}, "rare": True}), 1, 20),
        (ItemSearch(wanted={"number": {"$gt": 1e300}}), 0, 0),
        (ItemSearch(wanted={"number": {"$gt": "nan"}}), 0, 0),
        (ItemSearch(wanted={"missing": {"$gt": 0}}), 0, 0),
    ],
)
def test_a_selective_search_looks_at_few_items(
    full: Database, search: ItemSearch, found: int, most: int
) -> None:
    items, compared = looked_at(full, search)
    assert len(items) == found
    assert compared <= most


@pytest.mark.parametrize(
    "wanted",
    [
        {"x": [7]},
        {"number": 7.0},
        {"number": {"$gt": 6, "$lt": 8}},
        {"number": 7, "gone": None},
        {"number": {"$eq": 7, "$ne": None}},
    ],
)
def test_the_index_hides_nothing(full: Database, wanted: dict[str, object]) -> None:
    assert [item.key for item in looked_at(full, ItemSearch(wanted=wanted))[0]] == ["7"]


NUMBERS = st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from([2**53, -(2**60), 1e300, -1e300])
VALUES = (
    NUMBERS | NUMBERS.map(str) | st.sampled_from([True, False, None, "", "many", [1], {"x": 1}])
)
ORDERS = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), NUMBERS, min_size=1)


@given(values=st.lists(VALUES, min_size=1, max_size=30), wanted=ORDERS)
def test_an_ordering_finds_all_that_match(values: list[Any], wanted: dict[str, float]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        add_item_matches(connection)
        for statement in ITEMS:
            connection.execute(statement)
        # Keys that are one to SQLite's JSON: an item with both is still found once.
        items = [{"n": value, "n\0": index % 7} for index, value in enumerate(values)]
        for index, item in enumerate(items):
            put_item(connection, ("a",), str(index), dumps(item), now=NOW)
        search = ItemSearch(wanted={"n": wanted}, limit=100)
        found = [int(item.key) for item in search_items(connection, search, now=NOW)]
    assert found == [i for i, item in enumerate(items) if matches(item, {"n": wanted})]


def test_an_ordering_goes_together_with_a_search_by_meaning(tmp_path: Path) -> None:
    def query(connection: sqlite3.Connection) -> list[str]:
        search = ItemSearch(wanted={"n": {"$gte": 3}}, near=vectors.vector([1.0, 0.0]))
        return [item.key for item in search_items(connection, search, now=NOW)]

    vectors.enable_vectors()
    with open_database(tmp_path / "meaning.db") as database:
        RunStore(database.access()).batch([PutOp(("a",), str(n), {"n": n}) for n in range(5)])
        assert database.engine.read(query) == ["3", "4"]


@pytest.mark.parametrize("text", ["x" * 128, "x" * 129, "ä" * 100, "a\0b", ""])
def test_texts_of_any_kind_are_found(database: Database, text: str) -> None:
    store = RunStore(database.access())
    store.put(("a",), "k", {"text": text})
    store.put(("a",), "other", {"text": f"{text}-"})
    assert [item.key for item in store.search((), filter={"text": text})] == ["k"]


# -- sqlite-vec ----------------------------------------------------------------------------


@pytest.fixture
def plain_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a Python that has no way at all to load extensions."""
    monkeypatch.setattr(vectors, "_load_into_all", lambda _connection: None)
    refused = sqlite3.NotSupportedError("this Python's sqlite3 module cannot load extensions")
    monkeypatch.setattr(vectors, "load_vectors", partial(_refuse, refused))


def _refuse(error: Exception, _connection: sqlite3.Connection) -> None:
    raise error


@pytest.mark.usefixtures("plain_sqlite")
def test_a_python_without_extensions_is_told_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"`store\.index` needs .* sqlite-vec") as refused:
        vectors.enable_vectors()
    assert "cannot load extensions" in refused.value.detail
    assert "remove `store.index`" in refused.value.detail


def test_vectors_are_compared_by_the_extension() -> None:
    vectors.enable_vectors()
    with closing(sqlite3.connect(":memory:")) as connection:
        vectors.load_vectors(connection)
        vectors.load_vectors(connection)
        one, other = vectors.vector([1, 0]), vectors.vector([0, 2])
        asked = "SELECT vec_distance_cosine(?1, ?1), vec_distance_cosine(?1, ?2)"
        assert connection.execute(asked, (one, other)).fetchall() == [(0.0, 1.0)]
