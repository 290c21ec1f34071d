"""The store that graphs use: every operation, from every side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from langgraph.store.base import GetOp, InvalidNamespaceError, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore
from typing_extensions import TypedDict

from lgtrio.errors import Fenced
from lgtrio.graphs.store import RunStore
from lgtrio.storage.sqlite.item_filter import check_filter, matches
from lgtrio.storage.sqlite.items import EXPIRED_A_STEP, ITEM_VALUES, expire_items
from support.savers import Database


class Clock:
    def __init__(self) -> None:
        self.minute = 0

    def __call__(self) -> str:
        return f"2026-01-01T00:{self.minute:02}:00.000000+00:00"


@pytest.fixture
def store(database: Database) -> RunStore:
    return RunStore(database.access())


def keys(found: Sequence[Any]) -> list[str]:
    return [item.key for item in found]


def test_put_replaces_as_a_whole_and_keeps_the_time_of_creation(database: Database) -> None:
    clock = Clock()
    store = RunStore(database.access(), now=clock)
    store.put(("a", "b"), "k", {"x": 1, "y": {"z": [None, "ü"]}})
    clock.minute = 1
    store.put(("a", "b"), "k", {"x": 2})
    item = store.get(("a", "b"), "k")
    assert item is not None
    assert (item.namespace, item.key, item.value) == (("a", "b"), "k", {"x": 2})
    assert (item.created_at.minute, item.updated_at.minute) == (0, 1)


def test_delete(store: RunStore) -> None:
    store.put(("a",), "k", {})
    store.delete(("a",), "k")
    store.delete(("a",), "k")
    assert store.get(("a",), "k") is None
    assert store.list_namespaces() == []


def test_another_run_sees_what_was_put(database: Database) -> None:
    RunStore(database.access()).put(("a",), "k", {"x": 1})
    item = RunStore(database.access()).get(("a",), "k")
    assert item is not None
    assert item.value == {"x": 1}


@pytest.mark.parametrize("namespace", [(), ("",), ("a.b",), ("a", 1), ("langgraph",)])
def test_namespaces_that_are_refused(store: RunStore, namespace: Any) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {})


def test_values_that_are_no_json_are_refused(store: RunStore) -> None:
    with pytest.raises(TypeError, match=r"'k' in \('a',\) cannot be stored as JSON"):
        store.put(("a",), "k", {"x": object()})
    assert store.get(("a",), "k") is None


def test_a_batch_runs_in_its_order(store: RunStore) -> None:
    got = store.batch(
        [
            GetOp(("a",), "k"),
            PutOp(("a",), "k", {"x": 1}),
            GetOp(("a",), "k"),
            SearchOp(("a",)),
            PutOp(("a",), "k", None),
            GetOp(("a",), "k"),
        ]
    )
    assert [type(result).__name__ for result in got] == [
        "NoneType", "NoneType", "Item", "list", "NoneType", "NoneType",
    ]  # fmt: skip


def test_a_batch_is_one_transaction(store: RunStore) -> None:
    with pytest.raises(TypeError):
        store.batch([PutOp(("a",), "k", {"x": 1}), PutOp(("a",), "l", {"x": object()})])
    assert store.get(("a",), "k") is None


# -- search -------------------------------------------------------------------------------


def test_search_gives_what_was_put_first_first(store: RunStore) -> None:
    for key in ("c", "a", "b"):
        store.put(("n", key), key, {"key": key})
    store.put(("n", "c"), "c", {"key": "again"})
    assert keys(store.search(("n",))) == ["c", "a", "b"]
    assert keys(store.search(("n",), limit=1, offset=1)) == ["a"]
    assert keys(store.search(())) == ["c", "a", "b"]
    assert store.search(("n",), limit=0) == []
    assert store.search(("n",), query="ignored without an index")[0].score is None


def test_search_stays_below_its_prefix(store: RunStore) -> None:
    """Labels that look like patterns, and that sort around the separator."""
    labels = ["a", "a%", "a_", "a-", "a/", "a!", "ab", "A", "a*", "ä", "a\x01", "a\U0010ffff"]
    for label in labels:
        store.put((label,), "on", {})
        store.put((label, "below"), "below", {})
    for label in labels:
        found = store.search((label,), limit=100)
        assert {item.namespace for item in found} == {(label,), (label, "below")}
    assert len(store.search((), limit=100)) == 2 * len(labels)


def test_search_with_a_filter(store: RunStore) -> None:
    store.put(("n",), "1", {"n": 1, "tag": "red", "nested": {"z": 1}})
    store.put(("n",), "2", {"n": 2, "tag": "blue", "list": [1, 2]})
    store.put(("n",), "3", {"tag": "red"})

    def found(wanted: dict[str, Any], **options: Any) -> list[str]:
        return keys(store.search(("n",), filter=wanted, **options))

    assert found({"n": 2}) == ["2"]
    assert found({"n": {"$gte": 1, "$lt": 2}}) == ["1"]
    assert found({"n": {"$ne": 2}}) == ["1", "3"]
    assert found({"tag": "red", "n": {"$gt": 0}}) == ["1"]
    assert found({"nested": {"z": 1}}) == ["1"]
    assert found({"nested.z": 1}) == []
    assert found({"list": [1, 2]}) == ["2"]
    assert found({"n": None}) == ["3"]
    assert found({"tag": {"$gt": 0}}) == []
    assert found({"tag": "red"}, limit=1, offset=1) == ["3"]


def test_filters_that_are_refused(store: RunStore) -> None:
    with pytest.raises(ValueError, match=r"Unsupported operator: \$in"):
        store.search(("n",), filter={"n": {"$in": [1]}})
    with pytest.raises(ValueError, match="could not convert"):
        store.search(("n",), filter={"n": {"$gt": "high"}})
    with pytest.raises(ValueError, match="negative"):
        store.search(("n",), limit=-1)


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from("ab")
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=4,
)
EQUALITIES = st.dictionaries(st.sampled_from(["$eq", "$ne"]), VALUES, min_size=1) | VALUES


@given(
    item=st.dictionaries(st.sampled_from("xyz"), VALUES),
    wanted=st.dictionaries(st.sampled_from("xyz"), EQUALITIES),
)
def test_equalities_mean_what_the_published_store_means(item: Any, wanted: Any) -> None:
    published = InMemoryStore()
    published.put(("n",), "k", _without_booleans(item))
    check_filter(wanted)
    found = published.search(("n",), filter=_without_booleans(wanted))
    assert matches(item, wanted) == bool(found)


def _without_booleans(value: Any) -> Any:
    """To Python, and so to the published store in memory, true is 1; to JSON it is not."""
    if isinstance(value, dict):
        return {key: _without_booleans(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_booleans(each) for each in value]
    return f"the boolean {value}" if isinstance(value, bool) else value


@given(
    number=st.integers(-5, 5) | st.floats(-5, 5),
    operator=st.sampled_from(["$gt", "$gte", "$lt", "$lte"]),
    operand=st.integers(-5, 5) | st.floats(-5, 5),
)
def test_orderings_mean_what_the_published_store_means(
    number: float, operator: str, operand: float
) -> None:
    published = InMemoryStore()
    published.put(("n",), "k", {"x": number})
    wanted = {"x": {operator: operand}}
    assert matches({"x": number}, wanted) == bool(published.search(("n",), filter=wanted))


# -- namespaces ---------------------------------------------------------------------------

PATHS = [
    ("a",),
    ("a", "b"),
    ("a", "b", "c"),
    ("a%", "b"),
    ("a-",),
    ("a-", "c"),
    ("z", "b", "d", "c"),
    ("\U0010ffff", "c"),
]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prefix": ("a",)},
        {"prefix": ("a", "*", "c")},
        {"prefix": ("*", "b")},
        {"suffix": ("b",)},
        {"suffix": ("*", "c")},
        {"prefix": ("a",), "suffix": ("c",)},
        {"max_depth": 1},
        {"max_depth": 0},
        {"prefix": ("z",), "suffix": ("c",), "max_depth": 2},
        {"limit": 2, "offset": 1},
        {"limit": 0},
        {"prefix": ("missing",)},
    ],
)
def test_namespaces_are_listed_as_the_published_store_does(
    store: RunStore, options: dict[str, Any]
) -> None:
    published = InMemoryStore()
    for path in reversed(PATHS):
        for each in (store, published):
            each.put(path, "k", {})
    assert store.list_namespaces(**options) == published.list_namespaces(**options)


# -- time to live -------------------------------------------------------------------------


def test_an_item_expires_unless_it_is_read(database: Database) -> None:
    clock = Clock()
    access = database.access()
    store = RunStore(access, now=clock)
    for key in ("read", "searched", "looked at", "forgotten"):
        store.put((key,), "k", {}, ttl=10)
    store.put(("for ever",), "k", {})
    clock.minute = 6
    store.get(("read",), "k")
    store.search(("searched",))
    store.get(("looked at",), "k", refresh_ttl=False)
    store.get(("for ever",), "k")
    access.settle()
    clock.minute = 12
    assert store.list_namespaces() == [("for ever",), ("read",), ("searched",)]
    assert store.get(("forgotten",), "k") is None
    assert database.count("store_items") == 5


def test_a_put_onto_an_expired_item_makes_it_anew(database: Database) -> None:
    clock = Clock()
    store = RunStore(database.access(), now=clock)
    store.put(("a",), "k", {"x": 1}, ttl=10)
    clock.minute = 20
    store.put(("a",), "k", {"x": 2})
    item = store.get(("a",), "k")
    assert item is not None
    assert (item.created_at.minute, item.value) == (20, {"x": 2})


def test_a_sweep_deletes_what_has_expired_a_little_at_a_time(database: Database) -> None:
    store = RunStore(database.access(), now=Clock())
    count = 2 * EXPIRED_A_STEP + 1
    puts = [PutOp(("a",), str(number), {"n": number}, ttl=1) for number in range(count)]
    store.batch([*puts, PutOp(("a",), "stays", {}), PutOp(("a",), "lives", {}, ttl=60)])
    step = partial(expire_items, now="2026-01-01T00:10:00.000000+00:00")
    assert database.engine.write_sync(step) is True
    assert database.count("store_items") == count + 2 - EXPIRED_A_STEP
    assert database.engine.write_sync(step) is True
    assert database.engine.write_sync(step) is False
    assert keys(store.search(("a",))) == ["stays", "lives"]
    assert database.count(ITEM_VALUES.name) == 0


def test_the_default_time_to_live(database: Database) -> None:
    clock = Clock()
    store = RunStore(
        database.access(), ttl={"default_ttl": 10, "refresh_on_read": False}, now=clock
    )
    store.put(("a",), "default", {})
    store.put(("a",), "never", {}, ttl=None)
    store.put(("a",), "beyond the calendar", {}, ttl=1e300)
    clock.minute = 9
    assert store.get(("a",), "default") is not None
    clock.minute = 11
    assert keys(store.search(("a",))) == ["never", "beyond the calendar"]


# -- from graphs --------------------------------------------------------------------------


class State(TypedDict):
    x: int


def test_from_async_and_sync_nodes(store: RunStore) -> None:
    async def asynchronous(state: State) -> State:
        await get_store().aput(("a",), "aput", {"x": state["x"]})
        get_store().put(("a",), "put on the loop", {})
        assert keys(await get_store().asearch(("a",))) == ["aput", "put on the loop"]
        assert await get_store().alist_namespaces() == [("a",)]
        await get_store().adelete(("a",), "put on the loop")
        assert await get_store().aget(("a",), "put on the loop") is None
        return state

    def synchronous(state: State) -> State:
        get_store().put(("a",), "put", {"x": state["x"]})
        return state

    graph = (
        StateGraph(State)
        .add_node(asynchronous)
        .add_node(synchronous)
        .add_edge(START, "asynchronous")
        .add_edge("asynchronous", "synchronous")
        .compile(store=store)
    )
    asyncio.run(graph.ainvoke({"x": 1}))
    assert keys(store.search(("a",))) == ["aput", "put"]


def test_after_the_run_has_ended(database: Database) -> None:
    access = database.access("the-run")
    store = RunStore(access)
    access.close()
    for call in (
        lambda: store.put(("a",), "k", {}),
        lambda: store.get(("a",), "k"),
        lambda: store.delete(("a",), "k"),
        lambda: store.search(("a",)),
        store.list_namespaces,
        lambda: asyncio.run(store.aput(("a",), "k", {})),
        lambda: asyncio.run(store.asearch(("a",))),
    ):
        with pytest.raises(Fenced, match="the-run"):
            call()
    assert database.count("store_items") == 0


def test_a_put_is_durable_on_return_and_counted(database: Database) -> None:
    async def main() -> None:
        access = database.access()
        store = RunStore(access)
        with database.held() as release:
            put = asyncio.ensure_future(store.aput(("a",), "k", {}))
            await asyncio.sleep(0)
            assert not put.done()
            put.cancel()
            await asyncio.wait([put])
            assert access.in_flight == 1
            access.close()
            release.set()
            await access.wait_drained()
        assert database.count("store_items") == 1

    asyncio.run(main())
