"""Assistants: create, search, versions, and what their graphs look like."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player

assistants = Family("assistants")


def _made(play: Player, **body: Any) -> str:
    answer = play.http.post("/assistants", json={"graph_id": "echo", **body})
    answer.raise_for_status()
    return f"/assistants/{answer.json()['assistant_id']}"


def _default(play: Player, graph: str) -> str:
    found = play.http.post("/assistants/search", json={"graph_id": graph, "limit": 100}).json()
    (row,) = [each for each in found if each["metadata"].get("created_by") == "system"]
    return f"/assistants/{row['assistant_id']}"


@assistants.scenario("create")
def create(play: Player) -> None:
    own = str(uuid4())
    body = {"assistant_id": own, "graph_id": "echo", "name": "mine", "description": "what it is"}
    play.post("least", "/assistants", {"graph_id": "echo"})
    play.post("own id", "/assistants", {**body, "metadata": {"m": {"n": 1}}})
    play.post("same id", "/assistants", body)
    play.post(
        "same id, do_nothing", "/assistants", {**body, "name": "x", "if_exists": "do_nothing"}
    )
    play.post("unknown graph", "/assistants", {"graph_id": "nope"})
    play.post("no graph", "/assistants", {})
    play.post("bad id", "/assistants", {"graph_id": "echo", "assistant_id": "nope"})
    play.post("bad if_exists", "/assistants", {"graph_id": "echo", "if_exists": "maybe"})
    play.post("metadata no object", "/assistants", {"graph_id": "echo", "metadata": []})
    play.post("unknown field", "/assistants", {"graph_id": "echo", "unheard_of": 1})


@assistants.scenario("config and context")
def config_and_context(play: Player) -> None:
    config = {"configurable": {"model": "m1", "extra": 1}, "tags": ["t"], "recursion_limit": 7}
    play.post("config", "/assistants", {"graph_id": "configured", "config": config})
    play.post("context", "/assistants", {"graph_id": "configured", "context": {"model": "m2"}})
    play.post(
        "both", "/assistants", {"graph_id": "configured", "config": config, "context": {"model": 1}}
    )
    play.post("tags alone", "/assistants", {"graph_id": "configured", "config": {"tags": ["t"]}})
    path = _made(play, graph_id="configured", context={"model": "m3"})
    play.patch("patched context", path, {"context": {"temperature": 1}})
    play.patch("patched config", path, {"config": {"configurable": {"model": "m4"}}})
    play.patch("patched both", path, {"config": config, "context": {"model": "m5"}})


@assistants.scenario("get and search")
def search(play: Player) -> None:
    mine = {"metadata": {"tag": play.tag}}
    nested = {"tag": play.tag, "list": [1, 2], "deep": {"a": 1, "b": None}}
    first = _made(play, name="Ann's assistant", metadata=nested)
    _made(play, name="Bob's assistant", graph_id="chat", **mine)
    _made(play, name="bob", **mine)
    play.get("one", first)
    play.get("unknown", f"/assistants/{uuid4()}")
    play.get("by the name of a graph", "/assistants/echo")
    play.post("all", "/assistants/search", mine)
    play.post("page", "/assistants/search", {**mine, "limit": 1, "offset": 1})
    play.post("last page", "/assistants/search", {**mine, "limit": 1, "offset": 2})
    by_name = {**mine, "sort_by": "name", "sort_order": "asc", "select": ["name", "graph_id"]}
    play.post("sorted and selected", "/assistants/search", by_name)
    play.post("a part of the name", "/assistants/search", {**mine, "name": "BOB"})
    play.post("of a graph", "/assistants/search", {**mine, "graph_id": "chat"})
    play.post("of an unknown graph", "/assistants/search", {**mine, "graph_id": "nope"})
    for name, part in {
        "nested": {"deep": {"a": 1}},
        "null": {"deep": {"b": None}},
        "equal array": {"list": [1, 2]},
        "part of an array": {"list": [1]},
    }.items():
        body = {"metadata": {"tag": play.tag, **part}, "select": ["name"]}
        play.post(f"metadata: {name}", "/assistants/search", body)
    play.post("count", "/assistants/count", mine)
    play.post("count of a name", "/assistants/count", {**mine, "name": "bob"})
    play.post("bad sort", "/assistants/search", {"sort_by": "nope"})
    play.post("bad select", "/assistants/search", {"select": ["nope"]})
    play.post("limit 0", "/assistants/search", {"limit": 0})
    play.post("limit 1001", "/assistants/search", {"limit": 1001})
    play.post("offset -1", "/assistants/search", {"offset": -1})


@assistants.scenario("versions")
def versions(play: Player) -> None:
    path = _made(
        play, graph_id="configured", name="first", metadata={"a": 1}, context={"model": "x"}
    )
    play.patch("empty", path, {})
    play.patch("metadata is merged", path, {"metadata": {"b": {"c": None}}})
    play.patch(
        "graph, name, description", path, {"graph_id": "echo", "name": "n", "description": "d"}
    )
    play.patch("unknown graph", path, {"graph_id": "nope"})
    play.patch("unknown assistant", f"/assistants/{uuid4()}", {})
    play.patch("bad id", "/assistants/nope", {})
    play.post("all", f"{path}/versions", {})
    play.post("page", f"{path}/versions", {"limit": 1, "offset": 1})
    play.post("by metadata", f"{path}/versions", {"metadata": {"b": {"c": None}}})
    play.post("of an unknown one", f"/assistants/{uuid4()}/versions", {})
    play.send("by GET", "GET", f"{path}/versions")
    play.post("back to the first", f"{path}/latest", {"version": 1})
    play.get("then", path)
    play.patch("the next number", path, {"name": "after"})
    play.post("unknown version", f"{path}/latest", {"version": 99})
    play.post("no version", f"{path}/latest", {})
    play.post("no number", f"{path}/latest", {"version": "one"})


@assistants.scenario("delete")
def delete(play: Player) -> None:
    path = _made(play)
    thread = play.thread(metadata={"tag": play.tag})
    run = play.ran(thread, path.rsplit("/", 1)[1], {"foo": "x"})
    play.delete("once", path)
    play.delete("again", path)
    play.get("its thread", thread)
    play.get("its run", run)
    play.get("its state", f"{thread}/state")
    path = _made(play)
    thread = play.thread()
    play.ran(thread, path.rsplit("/", 1)[1], {"foo": "x"})
    play.delete("with threads", path, query={"delete_threads": "true"})
    play.get("its thread is gone", thread)
    play.delete("bad id", "/assistants/nope")


@assistants.scenario("graph")
def graph(play: Player) -> None:
    play.get("drawn", "/assistants/nested/graph")
    play.get("of the assistant", f"{_default(play, 'nested')}/graph")
    play.get("all of it", "/assistants/nested/graph", query={"xray": "true"})
    play.get("one level", "/assistants/nested/graph", query={"xray": "1"})
    play.get("conditional edges", "/assistants/chat/graph")
    for text in ("0", "-1", "deep"):
        play.get(f"xray={text}", "/assistants/nested/graph", query={"xray": text})
    play.get("unknown", f"/assistants/{uuid4()}/graph")
    play.get("unknown name", "/assistants/nope/graph")


@assistants.scenario("schemas and subgraphs")
def schemas(play: Player) -> None:
    play.get("plain", f"{_default(play, 'echo')}/schemas")
    play.get("with a context", f"{_default(play, 'configured')}/schemas")
    play.get("by the name of a graph", "/assistants/echo/schemas")
    play.get("unknown", f"/assistants/{uuid4()}/schemas")
    nested = _default(play, "nested")
    play.get("subgraphs", f"{nested}/subgraphs")
    play.get("all subgraphs", f"{nested}/subgraphs", query={"recurse": "true"})
    play.get("one subgraph", f"{nested}/subgraphs/child")
    play.get("one deep subgraph", f"{nested}/subgraphs/child%7Cbelow")
    play.get("unknown subgraph", f"{nested}/subgraphs/nope")
    play.get("none", f"{_default(play, 'echo')}/subgraphs")
