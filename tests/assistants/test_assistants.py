"""Assistants through the official clients: all that is about the assistants themselves."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError

from support.server import Server

SYSTEM = uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""Namespace of the ids of the assistants that graphs come with."""


def _mark() -> dict[str, str]:
    """Metadata that no other test's assistants have."""
    return {"test": str(uuid.uuid4())}


def _names(found: list[Any]) -> list[str]:
    return [each["name"] for each in found]


def test_create_with_everything(sdk: Any) -> None:
    chosen = str(uuid.uuid4())
    created = sdk.assistants.create(
        "context",
        {"tags": ["t"], "recursion_limit": 7, "own": None},
        context={"model": "m1"},
        metadata={"a": None, "b": [1]},
        assistant_id=chosen,
        if_exists="raise",
        name="Ann",
        description="Somebody",
    )
    assert created == {
        "assistant_id": chosen,
        "graph_id": "context",
        "config": {
            "tags": ["t"],
            "recursion_limit": 7,
            "own": None,
            "configurable": {"model": "m1"},
        },
        "context": {"model": "m1"},
        "metadata": {"a": None, "b": [1]},
        "name": "Ann",
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
        "version": 1,
        "description": "Somebody",
    }
    assert sdk.assistants.get(chosen) == created


def test_create_what_exists(sdk: Any) -> None:
    created = sdk.assistants.create("echo", name="first")
    key = created["assistant_id"]
    with pytest.raises(ConflictError, match=f"Assistant {key} already exists"):
        sdk.assistants.create("echo", assistant_id=key)
    again = sdk.assistants.create("fails", assistant_id=key, if_exists="do_nothing", name="x")
    assert again == created


def test_config_or_context(sdk: Any) -> None:
    both = {"config": {"configurable": {"model": "a"}}, "context": {"model": "a"}}
    with pytest.raises(BadRequestError, match="Cannot specify both configurable and context"):
        sdk.assistants.create("context", **both)
    made = sdk.assistants.create("context", {"configurable": {"model": "a"}})
    assert made["context"] == {"model": "a"}
    with pytest.raises(BadRequestError, match="Cannot specify both configurable and context"):
        sdk.assistants.update(made["assistant_id"], **both)


def test_update(sdk: Any) -> None:
    created = sdk.assistants.create(
        "echo", context={"a": 1}, metadata={"x": {"y": 1}, "z": 1}, name="n", description="d"
    )
    key = created["assistant_id"]
    merged = sdk.assistants.update(key, metadata={"x": {"w": None}, "v": None})
    assert merged["metadata"] == {"x": {"w": None}, "z": 1, "v": None}
    assert {**merged, "metadata": created["metadata"]} == {
        **created,
        "version": 2,
        "updated_at": merged["updated_at"],
    }
    assert merged["updated_at"] > created["updated_at"]
    changed = sdk.assistants.update(
        key, graph_id="context", config={"tags": ["t"]}, name="N", description="D"
    )
    assert (changed["graph_id"], changed["config"]) == ("context", {"tags": ["t"]})
    assert (changed["name"], changed["description"], changed["version"]) == ("N", "D", 3)
    by_context = sdk.assistants.update(key, context={"model": "b"})
    assert by_context["config"] == {"configurable": {"model": "b"}}
    assert sdk.assistants.get(key) == by_context
    with pytest.raises(NotFoundError, match="Graph 'nope' not found"):
        sdk.assistants.update(key, graph_id="nope")


def test_an_empty_config_clears(sdk: Any) -> None:
    key = sdk.assistants.create("echo", context={"a": 1})["assistant_id"]
    cleared = sdk.assistants.update(key, config={})
    assert (cleared["config"], cleared["context"]) == ({}, {})


def test_versions(sdk: Any) -> None:
    key = sdk.assistants.create("echo", metadata={"n": 1})["assistant_id"]
    for number in (2, 3, 4):
        sdk.assistants.update(key, metadata={"n": number, "even": number % 2 == 0})
    versions = sdk.assistants.get_versions(key)
    assert [each["version"] for each in versions] == [4, 3, 2, 1]
    assert [each["metadata"]["n"] for each in versions] == [4, 3, 2, 1]
    page = sdk.assistants.get_versions(key, limit=2, offset=1)
    assert [each["version"] for each in page] == [3, 2]
    even = sdk.assistants.get_versions(key, metadata={"even": True})
    assert [each["version"] for each in even] == [4, 2]
    with pytest.raises(NotFoundError, match="not found"):
        sdk.assistants.get_versions(str(uuid.uuid4()))


def test_quirk_03_the_latest_version_has_all_it_had(sdk: Any) -> None:
    first = sdk.assistants.create(
        "echo", context={"a": 1}, metadata={"n": 1}, name="first", description="one"
    )
    key = first["assistant_id"]
    sdk.assistants.update(
        key,
        graph_id="context",
        config={"configurable": {"b": 2}},
        metadata={"n": 2},
        name="second",
        description="two",
    )
    back = sdk.assistants.set_latest(key, 1)
    assert back == {**first, "updated_at": back["updated_at"]}
    assert sdk.assistants.get(key) == back
    answer = sdk.runs.wait(None, key, input={"value": "x"})
    assert "seen" not in answer, "it runs the graph of the first version"
    assert sdk.assistants.update(key)["version"] == 3
    with pytest.raises(NotFoundError, match=f"Version 9 not found for assistant {key}"):
        sdk.assistants.set_latest(key, 9)


def test_search(sdk: Any) -> None:
    mark = _mark()
    made = [
        sdk.assistants.create(
            graph_id, name=name, metadata={**mark, "deep": {"n": n, "odd": n % 2}}
        )
        for n, (name, graph_id) in enumerate(
            [("beta", "echo"), ("Alpha", "context"), ("gamma bet", "echo")]
        )
    ]
    sdk.assistants.update(made[0]["assistant_id"], metadata={"list": [1, 2]})

    def found(**asked: Any) -> list[str]:
        rows = sdk.assistants.search(**{"metadata": mark, **asked})
        if not asked.keys() & {"limit", "offset"}:
            counted = {k: v for k, v in asked.items() if k in ("metadata", "graph_id", "name")}
            assert sdk.assistants.count(**{"metadata": mark, **counted}) == len(rows)
        return _names(rows)

    assert found() == ["gamma bet", "Alpha", "beta"]
    assert found(sort_order="asc") == ["beta", "Alpha", "gamma bet"]
    assert found(sort_by="updated_at") == ["beta", "gamma bet", "Alpha"]
    assert found(sort_by="name", sort_order="asc") == ["Alpha", "beta", "gamma bet"]
    assert found(sort_by="graph_id", sort_order="asc") == ["Alpha", "beta", "gamma bet"]
    by_id = sorted(made, key=lambda each: each["assistant_id"])
    assert found(sort_by="assistant_id", sort_order="asc") == _names(by_id)
    assert found(graph_id="echo") == ["gamma bet", "beta"]
    assert found(name="BET") == ["gamma bet", "beta"]
    assert found(name="BET", graph_id="context") == []
    assert found(metadata={**mark, "deep": {"odd": 0}}) == ["gamma bet", "beta"]
    assert found(metadata={**mark, "list": [1]}) == []
    assert found(metadata={**mark, "list": [1, 2]}) == ["beta"]
    assert found(limit=1, offset=1) == ["Alpha"]
    rows = sdk.assistants.search(metadata=mark, select=["name", "metadata"], name="alpha")
    assert rows == [{"name": "Alpha", "metadata": {**mark, "deep": {"n": 1, "odd": 1}}}]
    with pytest.raises(NotFoundError, match="Graph 'nope' not found"):
        sdk.assistants.search(graph_id="nope")


def test_search_with_the_place_of_the_next_page(sdk: Any) -> None:
    mark = _mark()
    for name in "abc":
        sdk.assistants.create("echo", name=name, metadata=mark)
    first = sdk.assistants.search(metadata=mark, limit=2, response_format="object")
    assert (_names(first["assistants"]), first["next"]) == (["c", "b"], "2")
    last = sdk.assistants.search(
        metadata=mark, limit=2, offset=int(first["next"]), response_format="object"
    )
    assert (_names(last["assistants"]), last["next"]) == (["a"], None)


def test_delete(sdk: Any) -> None:
    key = sdk.assistants.create("echo")["assistant_id"]
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, key, input={"value": "x"})
    assert sdk.assistants.delete(key) is None
    with pytest.raises(NotFoundError):
        sdk.assistants.get(key)
    with pytest.raises(NotFoundError, match=f"Assistant with ID {key} not found"):
        sdk.assistants.delete(key)
    assert sdk.threads.get_state(thread_id)["values"]
    with pytest.raises(NotFoundError, match="Thread or assistant not found"):
        sdk.runs.create(thread_id, key, input={})


def test_delete_with_its_threads(sdk: Any) -> None:
    key = sdk.assistants.create("echo")["assistant_id"]
    own, other = (sdk.threads.create()["thread_id"] for _ in range(2))
    sdk.runs.wait(own, key, input={"value": "x"})
    sdk.runs.wait(other, "echo", input={"value": "x"})
    sdk.assistants.delete(key, delete_threads=True)
    with pytest.raises(NotFoundError):
        sdk.threads.get(own)
    assert sdk.threads.get(other)["status"] == "idle"


def test_every_graph_has_an_assistant(sdk: Any, server: Server) -> None:
    key = str(uuid.uuid5(SYSTEM, "echo"))
    assistant = sdk.assistants.get(key)
    assert (assistant["graph_id"], assistant["name"]) == ("echo", "echo")
    assert assistant["metadata"] == {"created_by": "system"}
    assert assistant["description"] == "Two nodes, one reducer"
    by_name = httpx.get(f"{server.url}/assistants/echo", timeout=10)
    assert by_name.status_code == 422


def test_a_run_takes_what_its_assistant_says(sdk: Any) -> None:
    """And the run's own word counts more."""
    key = sdk.assistants.create(
        "context",
        {"tags": ["a"], "recursion_limit": 7},
        context={"model": "m1", "temperature": 0.1},
        metadata={"who": "assistant", "only": 1},
    )["assistant_id"]
    seen = sdk.runs.wait(None, key, input={"ask": "x"})["seen"]
    assert (seen["model"], seen["temperature"], seen["recursion_limit"]) == ("m1", 0.1, 7)
    assert seen["tags"] == ["a"]
    assert (seen["metadata"]["who"], seen["metadata"]["only"]) == ("assistant", 1)
    own = sdk.runs.wait(
        None, key, input={"ask": "x"}, context={"model": "m2"}, metadata={"who": "run"}
    )["seen"]
    assert (own["model"], own["temperature"]) == ("m2", 0.1)
    assert (own["metadata"]["who"], own["metadata"]["only"]) == ("run", 1)
    sdk.assistants.update(key, context={"model": "m3"})
    new = sdk.runs.wait(None, key, input={"ask": "x"})["seen"]
    assert (new["model"], new["temperature"]) == ("m3", 0.5)
