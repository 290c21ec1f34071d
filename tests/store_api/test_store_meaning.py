"""Searches by meaning: what embeds, what is embedded, and what comes first."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lgtrio.check import check
from support.sdk import open_sdk
from support.server import Server, ServerFailed, running, start

# Each text is as near to another as they share letters of these.
_MODULE = """
import asyncio
from langchain_core.embeddings import Embeddings

def one(text):
    return [text.count(letter) + 0.001 for letter in "abc"]

def sync_embed(texts):
    return [one(text) for text in texts]

BOUND = []

async def async_embed(texts):
    BOUND.append(asyncio.get_running_loop())
    assert len(set(BOUND)) == 1, "as a client that was made on another loop would complain"
    return [one(text) for text in texts]

class Model(Embeddings):
    def embed_documents(self, texts):
        return [one(text) for text in texts]

    def embed_query(self, text):
        return one(text)

model = Model()

def broken(texts):
    if "broken" in texts[0]:
        raise RuntimeError("the model is away")
    return [one(text)[: 2 if "short" in text else 3] for text in texts]
"""

_GRAPH = """
from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

class State(TypedDict, total=False):
    root: str
    text: str
    found: list

async def in_async(state):
    await get_store().aput((state["root"],), "async", {"text": state["text"]})
    return {"found": _found(await get_store().asearch((state["root"],), query="a"))}

def in_thread(state):
    get_store().put((state["root"],), "thread", {"text": state["text"]})
    return {"found": _found(get_store().search((state["root"],), query="a"))}

async def blocking(state):
    get_store().put((state["root"],), "blocking", {"text": state["text"]})

def _found(items):
    return [[item.key, item.score and round(item.score, 2)] for item in items]

def graph_of(node):
    return StateGraph(State).add_node("node", node).add_edge(START, "node").compile()

in_async, in_thread, blocking = map(graph_of, (in_async, in_thread, blocking))
"""

_FAKE_LANGCHAIN = """
from embeddings import Model

def init_embeddings(name):
    assert name == "fake:letters-v1:0"
    return Model()
"""


def project(folder: Path, embed: str, **index: Any) -> Path:
    """A langgraph.json whose store embeds by `embed`."""
    (folder / "embeddings.py").write_text(_MODULE)
    (folder / "nodes.py").write_text(_GRAPH)
    names = ("in_async", "in_thread", "blocking")
    config = {
        "graphs": {name: f"./nodes.py:{name}" for name in names},
        "dependencies": ["."],
        "store": {"index": {"embed": embed, "dims": 3, **index}},
    }
    path = folder / "langgraph.json"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture(scope="module")
def indexed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose store embeds the field `text` with an async function."""
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    folder = tmp_path_factory.mktemp("indexed")
    config = project(folder, "./embeddings.py:async_embed", fields=["text"])
    with running(folder / "test.db", config=config, options=["--graph-loops", "2"]) as server:
        yield server


@pytest.fixture(params=["async", "sync"])
def client(request: pytest.FixtureRequest, indexed: Server) -> Iterator[Any]:
    with open_sdk(request.param, indexed.url) as client:
        yield client


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)


def scores(found: Any) -> list[tuple[str, float | None]]:
    return [
        (item["key"], None if item["score"] is None else round(item["score"], 2))
        for item in found["items"]
    ]


def test_the_nearest_comes_first_and_what_has_no_vector_last(client: Any, root: str) -> None:
    client.store.put_item([root], "no text", {"other": "a"})
    client.store.put_item([root], "b", {"text": "bbb"})
    client.store.put_item([root], "kept out", {"text": "aaa"}, index=False)
    client.store.put_item([root], "ab", {"text": "ab"})
    client.store.put_item([root], "a", {"text": "a"})
    expected = [("a", 1.0), ("ab", 0.71), ("b", 0.0), ("no text", None), ("kept out", None)]
    assert scores(client.store.search_items([root], query="aaaa")) == expected
    page = client.store.search_items([root], query="aaaa", limit=2, offset=2)
    assert scores(page) == expected[2:4]
    assert {score for _, score in scores(client.store.search_items([root]))} == {None}


def test_paths_of_a_put_replace_those_configured(client: Any, root: str) -> None:
    value = {"text": "a", "title": "b", "parts": [{"x": "c"}, {"x": "aa"}]}
    client.store.put_item([root], "title", value, index=["title"])
    client.store.put_item([root], "parts", value, index=["parts[*].x"])
    client.store.put_item([root], "text", value)
    assert scores(client.store.search_items([root], query="b"))[0] == ("title", 1.0)
    assert scores(client.store.search_items([root], query="c"))[0] == ("parts", 1.0)
    assert dict(scores(client.store.search_items([root], query="a"))) == {
        "title": 0.0, "parts": 1.0, "text": 1.0,
    }  # fmt: skip


def test_a_put_replaces_the_vectors(client: Any, root: str) -> None:
    client.store.put_item([root], "k", {"text": "a"})
    client.store.put_item([root], "k", {"text": "b"})
    assert scores(client.store.search_items([root], query="b")) == [("k", 1.0)]
    assert scores(client.store.search_items([root], query="a")) == [("k", 0.0)]
    client.store.put_item([root], "k", {"text": "b"}, index=False)
    assert scores(client.store.search_items([root], query="b")) == [("k", None)]


def test_a_filter_and_a_prefix_hold_for_a_query_too(client: Any, root: str) -> None:
    client.store.put_item([root, "x"], "1", {"text": "a", "n": 1})
    client.store.put_item([root, "x"], "2", {"text": "ab", "n": 2})
    client.store.put_item([root, "y"], "3", {"text": "a", "n": 2})
    found = client.store.search_items([root, "x"], query="a", filter={"n": {"$gt": 1}})
    assert scores(found) == [("2", 0.71)]


@pytest.mark.parametrize("graph", ["in_async", "in_thread"])
def test_nodes_see_the_same_index(client: Any, root: str, graph: str) -> None:
    """The two graphs are on two loops, and the embeddings can be used on one only."""
    client.store.put_item([root], "client", {"text": "ab"})
    state = client.runs.wait(None, graph, input={"root": root, "text": "aa"})
    assert state["found"] == [[graph.removeprefix("in_"), 1.0], ["client", 0.71]]
    found = client.store.search_items([root], query="b")
    assert found["items"][0]["key"] == "client"


def test_a_blocking_call_on_the_loop_of_async_embeddings_says_so(client: Any, root: str) -> None:
    state = client.runs.wait(None, "blocking", input={"root": root, "text": "a"}, raise_error=False)
    assert state["__error__"]["error"] == "RuntimeError"
    assert "await store.aput" in state["__error__"]["message"]


@pytest.mark.parametrize("embed", ["embeddings.nested:model", "fake:letters-v1:0"])
def test_what_may_embed(own_process: Path, embed: str) -> None:
    config = project(own_process, embed)
    (own_process / "langchain").mkdir()
    (own_process / "langchain" / "__init__.py").touch()
    (own_process / "langchain" / "embeddings.py").write_text(_FAKE_LANGCHAIN)
    if embed.startswith("embeddings."):
        (own_process / "embeddings").mkdir()
        (own_process / "embeddings.py").rename(own_process / "embeddings" / "nested.py")
        (own_process / "embeddings" / "__init__.py").touch()
    with running(own_process / "test.db", config=config) as server, server.http() as http:
        for key in ("a", "b"):
            body = {"namespace": ["n"], "key": key, "value": {"any field": 3 * key}}
            assert http.put("/store/items", json=body).status_code == 204
        for key in ("a", "b"):
            found = http.post("/store/items/search", json={"query": 9 * key}).json()
            assert found["items"][0]["key"] == key
        waited = {"assistant_id": "blocking", "input": {"root": "n", "text": "c"}}
        assert http.post("/runs/wait", json=waited).status_code == 200, "sync embeddings may block"


def test_embeddings_that_fail(own_process: Path) -> None:
    config = project(own_process, "./embeddings.py:broken", fields=["text"])
    with running(own_process / "test.db", config=config) as server, server.http() as http:

        def put(text: str) -> Any:
            body = {"namespace": ["n"], "key": "k", "value": {"text": text}}
            return http.put("/store/items", json=body)

        away, short = put("broken"), put("short")
        assert (away.status_code, short.status_code) == (502, 502)
        assert "RuntimeError: the model is away" in away.json()["detail"]
        assert "2 numbers" in short.json()["detail"]
        assert "`store.index.dims` is 3" in short.json()["detail"]
        assert http.get("/store/items?namespace=n&key=k").json() is None, "nothing was stored"
        assert put("a").status_code == 204
        assert http.post("/store/items/search", json={"query": "broken"}).status_code == 502


def test_vectors_of_another_length_count_as_none(own_process: Path) -> None:
    database = own_process / "test.db"
    config = project(own_process, "./embeddings.py:sync_embed", fields=["text"])
    with running(database, config=config) as server, server.http() as http:
        body = {"namespace": ["n"], "key": "old", "value": {"text": "a"}}
        assert http.put("/store/items", json=body).status_code == 204
    (own_process / "embeddings.py").write_text("def two(texts): return [[1.0, 2.0]] * len(texts)")
    text = config.read_text().replace("sync_embed", "two").replace('"dims": 3', '"dims": 2')
    config.write_text(text)
    with running(database, config=config) as server, server.http() as http:
        body = {"namespace": ["n"], "key": "new", "value": {"text": "a"}}
        assert http.put("/store/items", json=body).status_code == 204
        found = http.post("/store/items/search", json={"query": "a"}).json()
    assert scores(found) == [("new", 1.0), ("old", None)]


@pytest.mark.parametrize(
    ("embed", "sentence"),
    [
        ("./embeddings.py:missing", "missing"),
        ("./nowhere.py:embed", "nowhere.py"),
        ("no.such.module:embed", "No module named"),
        ("./embeddings.py:BOUND", "neither a function nor LangChain Embeddings"),
        ("nobody:model", "nobody:model"),
    ],
)
def test_embeddings_that_cannot_be_loaded_are_a_problem_of_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embed: str, sentence: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = project(tmp_path, embed)
    found = check(config, {}, {}, folder=tmp_path)
    assert set(found.graphs) == {"in_async", "in_thread", "blocking"}
    [problem] = found.problems
    assert problem.message.startswith(f"`store.index.embed` {embed!r}: ")
    assert sentence in problem.message


def test_a_server_does_not_start_with_embeddings_that_cannot_be_loaded(own_process: Path) -> None:
    config = project(own_process, "./embeddings.py:missing")
    with pytest.raises(ServerFailed, match=r"`store\.index\.embed` './embeddings.py:missing'"):
        start(own_process / "test.db", config=config)
