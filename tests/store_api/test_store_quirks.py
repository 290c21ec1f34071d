"""Where the store departs from the reference server, each by its number in the list of quirks."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from support.server import Server

pytestmark = pytest.mark.deviates("done the way a client expects")


@pytest.fixture
def root() -> str:
    return uuid.uuid4().hex


def test_quirk_30_every_refusal_is_json_with_a_detail(server: Server) -> None:
    with server.http() as http:
        label = http.put("/store/items", json={"namespace": ["a.b"], "key": "k", "value": {}})
        empty = http.get("/store/items?namespace=a..b&key=k")
        no_namespace = http.get("/store/items?key=k")
        no_key = http.get("/store/items?namespace=a")
    assert [each.status_code for each in (label, empty, no_namespace, no_key)] == [
        422,
        422,
        422,
        400,
    ]
    assert "periods" in label.json()["detail"]
    assert "periods" in empty.json()["detail"]
    assert "namespace" in no_namespace.json()["detail"]
    assert no_key.json() == {"detail": "Key is required"}


@pytest.mark.parametrize("body", [{}, {"namespace_prefix": None}, {"namespace_prefix": []}])
def test_quirk_31_a_search_without_a_prefix_is_a_search_of_everything(
    server: Server, root: str, body: dict[str, Any]
) -> None:
    with server.http() as http:
        http.put("/store/items", json={"namespace": [root], "key": "k", "value": {"id": root}})
        answer = http.post("/store/items/search", json={**body, "filter": {"id": root}})
    assert answer.status_code == 200
    assert [item["namespace"] for item in answer.json()["items"]] == [[root]]


def test_quirk_31_a_comparison_with_a_missing_field_does_not_match(sdk: Any, root: str) -> None:
    sdk.store.put_item([root], "without", {"other": 1})
    sdk.store.put_item([root], "text", {"n": "y"})
    sdk.store.put_item([root], "with", {"n": 2})
    for operator, operand in (("$gt", 1), ("$gte", 2), ("$lt", 3), ("$lte", 2)):
        found = sdk.store.search_items([root], filter={"n": {operator: operand}})
        assert [item["key"] for item in found["items"]] == ["with"]


@pytest.mark.parametrize("limit", [0, -1, "10", 1.5])
def test_quirk_31_limits_that_make_no_sense_are_refused(server: Server, limit: Any) -> None:
    body = {"namespace_prefix": [], "limit": limit}
    answer = httpx.post(f"{server.url}/store/items/search", json=body)
    assert answer.status_code == 422
    assert "limit" in answer.json()["detail"]


def test_quirk_32_only_namespaces_with_items_are_listed(sdk: Any, root: str) -> None:
    sdk.store.get_item([root, "never"], "k")
    sdk.store.put_item([root, "was"], "k", {})
    sdk.store.delete_item([root, "was"], "k")
    sdk.store.put_item([root, "is"], "k", {})
    assert sdk.store.list_namespaces(prefix=[root])["namespaces"] == [[root, "is"]]


def test_quirk_32_overwriting_keeps_the_time_of_creation(sdk: Any, root: str) -> None:
    sdk.store.put_item([root], "k", {"n": 1})
    before = sdk.store.get_item([root], "k")
    sdk.store.put_item([root], "k", {"n": 2})
    after = sdk.store.get_item([root], "k")
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] > before["updated_at"]


def test_quirk_32_items_expire(sdk: Any, root: str) -> None:
    sdk.store.put_item([root], "k", {}, ttl=1e-6)
    assert sdk.store.get_item([root], "k") is None
    assert sdk.store.list_namespaces(prefix=[root])["namespaces"] == []
