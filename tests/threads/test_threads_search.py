"""Searching and counting threads through the official clients, each parameter with an effect."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from attrs import frozen
from langgraph_sdk.errors import BadRequestError, UnprocessableEntityError

from support.server import Server


@frozen
class Group:
    """Threads that no other test has: all metadata filters go through it."""

    sdk: Any
    name: str

    def create(self, **metadata: Any) -> str:
        thread = self.sdk.threads.create(metadata={"group": self.name, **metadata})
        return str(thread["thread_id"])

    def run(self, graph: str, input: Any, **metadata: Any) -> str:
        thread_id = self.create(**metadata)
        self.sdk.runs.wait(thread_id, graph, input=input, raise_error=False)
        return thread_id

    def search(self, metadata: dict[str, Any] | None = None, **asked: Any) -> list[str]:
        found = self.sdk.threads.search(metadata={"group": self.name, **(metadata or {})}, **asked)
        return [thread["thread_id"] for thread in found]

    def rows(self, **asked: Any) -> list[dict[str, Any]]:
        return list(self.sdk.threads.search(metadata={"group": self.name}, **asked))

    def count(self, metadata: dict[str, Any] | None = None, **asked: Any) -> int:
        return int(
            self.sdk.threads.count(metadata={"group": self.name, **(metadata or {})}, **asked)
        )


@pytest.fixture
def group(sdk: Any) -> Group:
    return Group(sdk, str(uuid.uuid4()))


@pytest.mark.parametrize(
    ("stored", "wanted", "found"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": 0.1}, {"a": 0.1}, True),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, True),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [2, 1]}, {"a": [1, 2]}, False),
        ({"a": "x" * 500}, {"a": "x" * 500}, True),
        ({"a": "x" * 500}, {"a": "x" * 499}, False),
        ({"a": "ü", "b": 2}, {"a": "ü", "b": 2}, True),
        ({"a": "ü", "b": 2}, {"a": "ü", "b": 3}, False),
    ],
)
def test_metadata_is_matched_by_containment(
    group: Group, stored: dict[str, Any], wanted: dict[str, Any], found: bool
) -> None:
    thread_id = group.create(**stored)
    assert group.search(wanted) == ([thread_id] if found else [])
    assert group.count(wanted) == int(found)


def test_metadata_that_has_changed(group: Group) -> None:
    thread_id = group.create(state="new")
    group.sdk.threads.update(thread_id, metadata={"state": "old"})
    assert group.search({"state": "new"}) == []
    assert group.search({"state": "old"}) == [thread_id]
    group.sdk.threads.delete(thread_id)
    assert group.search({"state": "old"}) == []


def test_quirk_07_values_of_some_and_ids(group: Group) -> None:
    """Threads without values do not match; `count` heeds `ids`, as `search` does."""
    empty = group.create()
    filled = group.run("echo", {"foo": "hi"})
    assert group.search(values={"foo": "hi!"}) == [filled]
    assert group.search(values={"foo": "other"}) == []
    assert group.search(values={"log": ["e1", "e2"]}) == [filled]
    assert group.search(values={"log": ["e1"]}) == []
    assert group.count(values={"foo": "hi!"}) == 1
    assert group.search(ids=[empty]) == [empty]
    assert set(group.search(ids=[empty, filled, str(uuid.uuid4())])) == {empty, filled}
    assert set(group.search(ids=[])) == {empty, filled}


def test_quirk_07_count_by_ids(group: Group, server: Server) -> None:
    ids = [group.create(), group.create()]
    body = {"metadata": {"group": group.name}, "ids": ids[:1]}
    assert httpx.post(f"{server.url}/threads/count", json=body).json() == 1


def test_status(group: Group) -> None:
    idle, asking = group.run("echo", {"foo": "x"}), group.run("ask", {"foo": "x"})
    failed = group.run("fails", {"message": "x"})
    assert group.search(status="idle") == [idle]
    assert group.search(status="interrupted") == [asking]
    assert group.search(status="error") == [failed]
    assert group.search(status="busy") == []
    assert group.count(status="interrupted") == 1


def test_pages_with_true_totals(group: Group, server: Server) -> None:
    ids = [group.create(n=n) for n in range(5)]
    pages = [group.search(limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [each for page in pages for each in page] == ids[::-1]
    body = {"metadata": {"group": group.name}, "limit": 2}
    for offset, following in ((0, "2"), (2, "4"), (4, None), (9, None)):
        answer = httpx.post(f"{server.url}/threads/search", json={**body, "offset": offset})
        assert answer.headers["X-Pagination-Total"] == "5"
        assert answer.headers.get("X-Pagination-Next") == following


@pytest.mark.parametrize(
    "column", ["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
)
def test_sorted_by_each_column_both_ways(group: Group, column: str) -> None:
    first = group.run("ask", {"foo": "x"})
    group.create()
    group.run("echo", {"foo": "x"})
    group.sdk.threads.update(first, metadata={"touched": True})
    ascending = group.rows(sort_by=column, sort_order="asc")
    keys = [row[column] for row in ascending]
    assert keys == sorted(keys)
    assert group.rows(sort_by=column, sort_order="desc") == ascending[::-1]


def test_newest_change_first_if_nothing_is_said(group: Group) -> None:
    first, second = group.create(), group.create()
    assert group.search() == [second, first]
    group.sdk.threads.update(first, metadata={"touched": True})
    assert group.search() == [first, second]


def test_select_the_context_of_the_last_assistant(sdk: Any, group: Group) -> None:
    thread_id = group.create()
    assert group.rows(select=["context"]) == [{"context": {}}]
    assistant = sdk.assistants.create("context", context={"model": "m1"})
    sdk.runs.wait(thread_id, assistant["assistant_id"], input={}, context={"model": "m2"})
    assert group.rows(select=["context"]) == [{"context": {"model": "m1"}}]
    sdk.assistants.delete(assistant["assistant_id"])


def test_select(group: Group) -> None:
    thread_id = group.run("echo", {"foo": "x"})
    (row,) = group.rows(select=["thread_id", "values"])
    assert row == {"thread_id": thread_id, "values": {"foo": "x!", "log": ["e1", "e2"]}}
    (row,) = group.rows(select=["status"])
    assert row == {"status": "idle"}


def test_extract(group: Group) -> None:
    group.run("echo", {"foo": "x"}, tags=[{"name": "a"}])
    paths = {
        "last": "values.log[-1]",
        "first": "values.log[0]",
        "name": "metadata.tags[0].name",
        "beyond": "values.log[7]",
        "missing": "values.nothing.at.all",
        "whole": "interrupts",
        "config": "config.configurable",
    }
    (row,) = group.rows(extract=paths, select=["status"])
    assert row == {
        "status": "idle",
        "extracted": {
            "last": "e2",
            "first": "e1",
            "name": "a",
            "beyond": None,
            "missing": None,
            "whole": {},
            "config": {},
        },
    }
    group.create()
    without_values = group.rows(extract={"last": "values.log[-1]"}, limit=1)
    assert without_values[0]["extracted"] == {"last": None}


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
        {"sort_by": "values"},
        {"sort_order": "up"},
        {"status": "asleep"},
        {"select": ["nonsense"]},
        {"extract": {"x": "foo.bar"}},
        {"extract": {"x": "values..bar"}},
        {"extract": {"x": "values.log[a]"}},
        {"extract": {str(n): "values" for n in range(11)}},
        {"metadata": ["a"]},
    ],
)
def test_refusals(sdk: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(UnprocessableEntityError):
        sdk.threads.search(**asked)


def test_an_id_that_is_none(sdk: Any) -> None:
    with pytest.raises(BadRequestError, match="Invalid thread ID x"):
        sdk.threads.search(ids=["x"])
