"""What the parameters of the store's client do."""

from __future__ import annotations

from typing import Any

from parity.proving import proves
from parity.world import World

SOON, A_WHILE = 0.005, 0.05
"""Minutes: for something to expire, and to read it some times before."""


def put(world: World, *labels: str, key: str = "k", **value: Any) -> list[str]:
    """A namespace, with an item in it."""
    namespace = [world.mark, *labels]
    world.sdk.store.put_item(namespace, key, value)
    return namespace


def value(world: World, namespace: list[str], key: str = "k", **asked: Any) -> Any:
    """Of an item; None if there is none."""
    item = world.sdk.store.get_item(namespace, key, **asked)
    return None if item is None else item["value"]


def keys(world: World, **asked: Any) -> list[str]:
    prefix = asked.pop("namespace_prefix", [world.mark])
    found = world.sdk.store.search_items(prefix, **asked)
    return [each["key"] for each in found["items"]]


@proves("store.put_item", "namespace", "key", "value")
@proves("store.get_item", "namespace", "key")
@proves("store.delete_item", "namespace", "key")
def items(world: World) -> None:
    places = [(put(world, label, key=key, n=key), key) for label in "ab" for key in "xy"]
    for namespace, key in places:
        assert value(world, namespace, key) == {"n": key}
        item = world.sdk.store.get_item(namespace, key)
        assert (item["namespace"], item["key"]) == (namespace, key)
    for done, (namespace, key) in enumerate(places, 1):
        world.sdk.store.delete_item(namespace, key)
        assert value(world, namespace, key) is None
        assert len(keys(world)) == len(places) - done


@proves("store.put_item", "ttl")
def an_item_for_a_moment(world: World) -> None:
    world.sdk.store.put_item([world.mark], "k", {}, ttl=SOON)
    world.eventually(lambda: value(world, [world.mark], refresh_ttl=False) is None)


@proves("store.get_item", "refresh_ttl")
def reading_without_keeping(world: World) -> None:
    world.sdk.store.put_item([world.mark], "k", {}, ttl=A_WHILE)
    world.eventually(lambda: value(world, [world.mark], refresh_ttl=False) is None)


@proves("store.get_item", "params")
def reading_with_a_query(world: World) -> None:
    world.sdk.store.put_item([world.mark], "k", {}, ttl=A_WHILE)
    query = {"refresh_ttl": "false"}
    world.eventually(lambda: value(world, [world.mark], params=query) is None)


@proves("store.search_items", "refresh_ttl")
def finding_without_keeping(world: World) -> None:
    world.sdk.store.put_item([world.mark], "k", {}, ttl=A_WHILE)
    world.eventually(lambda: keys(world, refresh_ttl=False) == [])


@proves("store.put_item", "index")
@proves("store.search_items", "query")
def finding_by_meaning(world: World) -> None:
    world.sdk.store.put_item([world.mark], "hidden", {"text": "aaa"}, index=False)
    put(world, key="far", text="bbb")
    put(world, key="near", text="aa")
    found = world.sdk.store.search_items([world.mark], query="aaa")["items"]
    assert [each["key"] for each in found] == ["near", "far", "hidden"]
    assert found[2]["score"] is None


@proves("store.search_items", "namespace_prefix", "filter", "limit", "offset")
def search(world: World) -> None:
    for number in range(11):
        put(world, "even" if number % 2 == 0 else "odd", key=f"k{number}", n=number)
    everything = [f"k{number}" for number in range(11)]
    assert keys(world) == everything[:10]
    assert keys(world, namespace_prefix=[world.mark, "odd"]) == everything[1::2]
    assert keys(world, filter={"n": {"$gte": 9}}) == everything[9:]
    assert keys(world, limit=11) == everything
    assert keys(world, offset=8) == everything[8:]


@proves("store.list_namespaces", "prefix", "suffix", "max_depth", "limit", "offset")
def namespaces(world: World) -> None:
    for labels in (("a", "x"), ("a", "y"), ("b", "x")):
        put(world, *labels)

    def found(**asked: Any) -> list[list[str]]:
        answer = world.sdk.store.list_namespaces(**{"prefix": [world.mark], **asked})
        return [each[1:] for each in answer["namespaces"]]

    assert found() == [["a", "x"], ["a", "y"], ["b", "x"]]
    assert found(prefix=[world.mark, "a"]) == [["a", "x"], ["a", "y"]]
    assert found(suffix=["x"]) == [["a", "x"], ["b", "x"]]
    assert found(max_depth=2) == [["a"], ["b"]]
    assert found(limit=1) == [["a", "x"]]
    assert found(offset=2) == [["b", "x"]]
