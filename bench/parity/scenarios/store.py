"""The store."""

from __future__ import annotations

from typing import Any

from bench.parity.family import Family
from bench.parity.player import Player

store = Family("store")

_ITEMS = "/store/items"
_SEARCH = "/store/items/search"


def _put(play: Player, key: str, value: dict[str, Any], *labels: str, **fields: Any) -> None:
    body = {"namespace": [play.tag, *labels], "key": key, "value": value, **fields}
    play.http.put(_ITEMS, json=body).raise_for_status()


@store.scenario("put, get, delete")
def items(play: Player) -> None:
    body = {"namespace": [play.tag, "b"], "key": "k", "value": {"n": {"z": [1]}, "s": "y"}}
    dotted = f"{play.tag}.b"
    play.put("put", _ITEMS, body)
    play.get("get", _ITEMS, query={"namespace": dotted, "key": "k"})
    play.put("put again", _ITEMS, {**body, "value": {"n": 2}})
    play.get("replaced", _ITEMS, query={"namespace": dotted, "key": "k"})
    play.get("missing", _ITEMS, query={"namespace": dotted, "key": "nope"})
    play.delete("delete", _ITEMS, {"namespace": [play.tag, "b"], "key": "k"})
    play.delete("delete again", _ITEMS, {"namespace": [play.tag, "b"], "key": "k"})
    play.delete("delete by query", _ITEMS, query={"namespace": dotted, "key": "k"})
    play.put("empty key", _ITEMS, {**body, "key": ""})
    play.put("time to live", _ITEMS, {**body, "ttl": 5})


@store.scenario("refusals")
def refusals(play: Player) -> None:
    body = {"namespace": [play.tag], "key": "k", "value": {}}
    for name, change in {
        "empty namespace": {"namespace": []},
        "label with a dot": {"namespace": ["dot.ted"]},
        "empty label": {"namespace": ["", "b"]},
        "reserved label": {"namespace": ["langgraph", "x"]},
        "value no object": {"value": [1]},
        "value null": {"value": None},
        "key no text": {"key": 1},
        "label no text": {"namespace": [1]},
        "namespace a text": {"namespace": "a"},
        "index true": {"index": True},
        "ttl a text": {"ttl": "soon"},
    }.items():
        play.put(name, _ITEMS, {**body, **change})
    play.put("no value", _ITEMS, {"namespace": [play.tag], "key": "k"})
    play.put("no namespace", _ITEMS, {"key": "k", "value": {}})
    play.get("get without key", _ITEMS, query={"namespace": "a"})
    play.get("get without namespace", _ITEMS, query={"key": "k"})
    play.get("get of an empty label", _ITEMS, query={"namespace": "a..b", "key": "k"})
    play.post("search of a dotted label", _SEARCH, {"namespace_prefix": ["dot.ted"]})


@store.scenario("search")
def search(play: Player) -> None:
    prefix = {"namespace_prefix": [play.tag]}
    _put(play, "a", {"n": 1, "s": "x", "deep": {"z": 1}}, "one", index=False)
    _put(play, "b", {"n": 2, "s": "y"}, "one", index=False)
    _put(play, "c", {"n": 3, "none": None}, "two", index=False)
    play.post("all", _SEARCH, prefix)
    play.post("deeper", _SEARCH, {"namespace_prefix": [play.tag, "one"]})
    play.post("page", _SEARCH, {**prefix, "limit": 1, "offset": 1})
    for name, wanted in {
        "equal": {"n": 2},
        "two keys": {"n": 2, "s": "y"},
        "nested": {"deep": {"z": 1}},
        "dotted": {"deep.z": 1},
        "null": {"missing": None},
        "$eq": {"n": {"$eq": 2}},
        "$ne": {"s": {"$ne": "x"}},
        "$gt": {"n": {"$gt": 1}},
        "$gte and $lt": {"n": {"$gte": 2, "$lt": 3}},
        "$lte": {"n": {"$lte": 1}},
        "missing field": {"s": {"$gt": 1}},
        "only some have it": {"deep": {"$gt": 1}},
        "unsupported": {"n": {"$in": [1]}},
    }.items():
        play.post(f"filter: {name}", _SEARCH, {**prefix, "filter": wanted})
    play.post("limit 0", _SEARCH, {**prefix, "limit": 0})
    play.post("limit -1", _SEARCH, {**prefix, "limit": -1})
    play.post("bad filter", _SEARCH, {**prefix, "filter": "n"})


@store.scenario("search without a prefix")
def everything(play: Player) -> None:
    _put(play, "a", {"tag": play.tag}, index=False)
    mine = {"filter": {"tag": play.tag}}
    play.post("an empty one", _SEARCH, {"namespace_prefix": [], **mine})
    play.post("none", _SEARCH, mine)
    play.post("null", _SEARCH, {"namespace_prefix": None, **mine})


@store.scenario("search by meaning")
def meaning(play: Player) -> None:
    prefix = {"namespace_prefix": [play.tag]}
    _put(play, "tea", {"text": "tea tea tea"})
    _put(play, "train", {"text": "train train train"})
    _put(play, "title", {"title": "tea tea", "text": "train"}, index=["title"])
    _put(play, "none", {"other": "tea"})
    _put(play, "not", {"text": "tea"}, index=False)
    play.post("tea", _SEARCH, {**prefix, "query": "tea"})
    play.post("page", _SEARCH, {**prefix, "query": "train", "limit": 1, "offset": 1})
    play.post("no query", _SEARCH, prefix)


@store.scenario("namespaces")
def namespaces(play: Player) -> None:
    for labels in (("a",), ("a", "x"), ("b", "x"), ("b", "y", "z")):
        _put(play, "k", {}, *labels)
    path, prefix = "/store/namespaces", {"prefix": [play.tag]}
    play.post("all", path, prefix)
    play.post("depth", path, {**prefix, "max_depth": 2})
    play.post("suffix", path, {**prefix, "suffix": ["x"]})
    play.post("wildcard", path, {"prefix": [play.tag, "*", "x"]})
    play.post("page", path, {**prefix, "limit": 2, "offset": 1})
    play.post("together", path, {**prefix, "suffix": ["x"], "max_depth": 2})
    play.post("limit 0", path, {**prefix, "limit": 0})
    play.post("bad prefix", path, {"prefix": "a"})
    play.http.get(_ITEMS, params={"namespace": f"{play.tag}.read", "key": "k"})
    play.post("after a read of nothing", path, {"prefix": [play.tag, "read"]})
    body = {"namespace": [play.tag, "a"], "key": "k"}
    play.http.request("DELETE", _ITEMS, json=body)
    play.post("after the last item went", path, prefix)
