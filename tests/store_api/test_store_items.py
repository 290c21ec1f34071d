"""The store through the official clients: every method, every parameter."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from support.server import Server


@pytest.fixture
def root() -> str:
    """A namespace of the test's own."""
    return uuid.uuid4().hex


def keys(found: Any) -> list[str]:
    return [item["key"] for item in found["items"]]


def test_put_get_delete(sdk: Any, root: str) -> None:
    assert sdk.store.put_item([root, "b"], "k", {"n": 1, "nested": {"z": [None, "ü"]}}) is None
    item = sdk.store.get_item([root, "b"], "k")
    assert (item["namespace"], item["key"]) == ([root, "b"], "k")
    assert item["value"] == {"n": 1, "nested": {"z": [None, "ü"]}}
    assert item["created_at"] == item["updated_at"]
    assert item["created_at"].endswith("+00:00")
    sdk.store.put_item([root, "b"], "k", {"n": 2})
    assert sdk.store.get_item([root, "b"], "k")["value"] == {"n": 2}
    assert sdk.store.delete_item([root, "b"], "k") is None
    sdk.store.delete_item([root, "b"], "k")
    assert sdk.store.get_item([root, "b"], "k") is None


def test_an_empty_key_is_a_key(server: Server, root: str) -> None:
    with server.http() as http:
        body = {"namespace": [root], "key": "", "value": {"n": 1}}
        assert http.put("/store/items", json=body).status_code == 204
        found = http.get("/store/items", params={"namespace": root, "key": ""})
        assert found.json()["value"] == {"n": 1}
        deleted = {"namespace": [root], "key": ""}
        assert http.request("DELETE", "/store/items", json=deleted).status_code == 204
        assert http.get("/store/items", params={"namespace": root, "key": ""}).json() is None


def test_search_by_prefix_with_limit_and_offset(sdk: Any, root: str) -> None:
    for key in ("c", "a", "b"):
        sdk.store.put_item([root, key], key, {"key": key})
    sdk.store.put_item([root + "x"], "elsewhere", {})
    found = sdk.store.search_items([root])
    assert keys(found) == ["c", "a", "b"]
    assert {item["score"] for item in found["items"]} == {None}
    assert keys(sdk.store.search_items([root], limit=1, offset=1)) == ["a"]
    assert keys(sdk.store.search_items([root, "b"])) == ["b"]
    assert keys(sdk.store.search_items([root], query="without effect: no index here")) == keys(
        found
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"n": 2}, ["2"]),
        ({"n": 2, "s": "x"}, []),
        ({"n": {"$eq": 1}}, ["1"]),
        ({"n": {"$ne": 1}}, ["2", "3", "none"]),
        ({"n": {"$gt": 1}}, ["2", "3"]),
        ({"n": {"$gte": 2, "$lt": 3}}, ["2"]),
        ({"n": {"$lte": 2}}, ["1", "2"]),
        ({"nested": {"z": 1}}, ["3"]),
        ({"nested.z": 1}, []),
        ({"missing": None}, ["1", "2", "3", "none"]),
        ({"list": [1, {"a": 1}]}, ["none"]),
    ],
)
def test_search_by_value(sdk: Any, root: str, wanted: Any, expected: list[str]) -> None:
    sdk.store.put_item([root], "1", {"n": 1})
    sdk.store.put_item([root], "2", {"n": 2, "s": "y"})
    sdk.store.put_item([root], "3", {"n": 3, "nested": {"z": 1, "more": 2}})
    sdk.store.put_item([root], "none", {"list": [1, {"a": 1}]})
    assert keys(sdk.store.search_items([root], filter=wanted)) == expected


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"n": {"$in": [1]}}, "Unsupported operator: $in"),
        ({"n": {"$gt": "y"}}, "could not convert string to float: 'y'"),
        ({"n": {"$gt": None}}, "compares numbers"),
        ({"n": {"$lt": [1]}}, "compares numbers"),
    ],
)
def test_filters_that_are_refused(server: Server, wanted: Any, sentence: str) -> None:
    body = {"namespace_prefix": [], "filter": wanted}
    answer = httpx.post(f"{server.url}/store/items/search", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_namespaces(sdk: Any, root: str) -> None:
    for path in (["a", "x", "end"], ["a", "y", "end"], ["b", "x"], ["b", "x", "end"]):
        sdk.store.put_item([root, *path], "k", {})

    def found(**options: Any) -> list[str]:
        answer = sdk.store.list_namespaces(**{"prefix": [root], **options})["namespaces"]
        assert all(namespace[0] == root for namespace in answer)
        return [".".join(namespace[1:]) for namespace in answer]

    assert found() == ["a.x.end", "a.y.end", "b.x", "b.x.end"]
    assert found(prefix=[root, "*", "x"]) == ["a.x.end", "b.x", "b.x.end"]
    assert found(suffix=["x", "*"]) == ["a.x.end", "b.x.end"]
    assert found(suffix=["end"], max_depth=2) == ["a", "b"]
    assert found(max_depth=3) == ["a.x", "a.y", "b.x"]
    assert found(limit=2, offset=1) == ["a.y.end", "b.x"]
    assert found(limit=0) == []
    assert sdk.store.list_namespaces(prefix=[root], max_depth=0)["namespaces"] == [[]]


def test_an_item_that_has_expired_is_gone(sdk: Any, root: str) -> None:
    sdk.store.put_item([root], "short", {}, ttl=1e-6)  # 60 µs
    sdk.store.put_item([root], "long", {}, ttl=60)
    assert sdk.store.get_item([root], "short") is None
    assert keys(sdk.store.search_items([root])) == ["long"]


def test_what_a_node_stores_is_there(sdk: Any, root: str) -> None:
    sdk.runs.wait(None, "remembers", input={"who": root, "note": "from a node"})
    assert sdk.store.get_item(["notes", root], "latest")["value"] == {"text": "from a node"}


def test_what_a_client_stores_is_there_for_a_node(sdk: Any, root: str) -> None:
    sdk.store.put_item(["notes", root], "latest", {"text": "from a client"})
    assert sdk.runs.wait(None, "remembers", input={"who": root})["found"] == "from a client"


# -- what is refused -----------------------------------------------------------------------

GOOD = {"namespace": ["a"], "key": "k", "value": {}}


@pytest.mark.parametrize(
    "fields",
    [
        {"value": [1]},
        {"value": None},
        {"key": 1},
        {"namespace": "a"},
        {"namespace": ["a", 1]},
        {"namespace": None},
        {"namespace": [""]},
        {"namespace": ["a", "dot.ted"]},
        {"namespace": ["a\0b"]},
        {"index": True},
        {"index": [1]},
        {"ttl": "1"},
        {"ttl": True},
    ],
)
def test_puts_that_are_refused(server: Server, fields: dict[str, Any]) -> None:
    answer = httpx.put(f"{server.url}/store/items", json={**GOOD, **fields})
    assert answer.status_code == 422
    assert next(iter(fields)) in answer.json()["detail"]


@pytest.mark.parametrize(
    ("namespace", "sentence"),
    [
        ([], "Namespace cannot be empty."),
        (
            ["langgraph", "x"],
            "Root label for namespace cannot be \"langgraph\". Got: ('langgraph', 'x')",
        ),
    ],
)
def test_namespaces_that_cannot_be(server: Server, namespace: list[str], sentence: str) -> None:
    answer = httpx.put(f"{server.url}/store/items", json={**GOOD, "namespace": namespace})
    assert (answer.status_code, answer.json()) == (400, {"detail": sentence})


def test_a_value_that_is_too_deep_to_store(server: Server) -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    body = f'{{"namespace":["a"],"key":"deep","value":{deep}}}'
    answer = httpx.put(f"{server.url}/store/items", content=body)
    assert answer.status_code == 422
    assert "cannot be stored" in answer.json()["detail"]


def test_nulls_are_as_if_absent(server: Server, root: str) -> None:
    with server.http() as http:
        body = {"namespace": [root], "key": "k", "value": {"n": 1}, "index": None, "ttl": None}
        assert http.put("/store/items", json=body).status_code == 204
        asked = {"namespace_prefix": [root], "filter": None, "query": None, "refresh_ttl": None}
        assert len(http.post("/store/items/search", json=asked).json()["items"]) == 1


def test_the_last_of_several_namespaces_counts(server: Server, root: str) -> None:
    with server.http() as http:
        http.put("/store/items", json={**GOOD, "namespace": [root]})
        found = http.get(f"/store/items?namespace=another&namespace={root}&key=k")
        assert found.json()["namespace"] == [root]


@pytest.mark.parametrize("value", ["maybe", "2"])
def test_refresh_ttl_is_a_boolean(server: Server, value: str) -> None:
    answer = httpx.get(f"{server.url}/store/items?namespace=a&key=k&refresh_ttl={value}")
    assert answer.status_code == 422
