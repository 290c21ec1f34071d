"""Assistants, whatever the database: versions, merging, searches."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import orjson
import pytest
from attrs import evolve

from lgtrio.errors import AlreadyExists
from lgtrio.storage.interface import (
    AssistantChange,
    AssistantFilter,
    AssistantOrder,
    AssistantRecord,
    Storage,
)
from lgtrio.wire.enums import AssistantSort

AT: Final = "2026-01-01T00:00:00.000000+00:00"
BY_NAME: Final = AssistantOrder(AssistantSort.NAME, descending=False)
UNKNOWN: Final = str(uuid4())


def _new(name: str = "x", *, graph_id: str = "g", at: str = AT, **metadata: Any) -> AssistantRecord:
    return AssistantRecord(
        assistant_id=str(uuid4()),
        graph_id=graph_id,
        version=1,
        name=name,
        description=None,
        config=b'{"tags":["t"]}',
        context=b"{}",
        metadata=orjson.dumps(metadata),
        created_at=at,
        updated_at=at,
    )


async def _names(
    storage: Storage, wanted: AssistantFilter, order: AssistantOrder = BY_NAME
) -> list[str]:
    found = await storage.search_assistants(wanted, order=order, limit=10, offset=0)
    assert found.total == len(found.assistants) == await storage.count_assistants(wanted)
    return [each.name for each in found.assistants]


async def test_create(storage: Storage) -> None:
    new = _new(a=1)
    assert await storage.create_assistant(new) == new
    assert await storage.get_assistant(new.assistant_id) == new
    other = evolve(new, name="other")
    with pytest.raises(AlreadyExists, match=f"Assistant {new.assistant_id} already exists"):
        await storage.create_assistant(other)
    assert await storage.create_assistant(other, exist_ok=True) == new
    await storage.ensure_assistant(other)
    assert await storage.get_assistant(new.assistant_id) == new
    assert await _versions(storage, new.assistant_id) == [1]


async def _versions(storage: Storage, assistant_id: str, **metadata: Any) -> list[int]:
    found = await storage.assistant_versions(assistant_id, metadata=metadata, limit=10, offset=0)
    return [each.version for each in found]


async def test_every_update_is_a_version(storage: Storage) -> None:
    new = await storage.create_assistant(_new(a={"x": 1}, b=1))
    key = new.assistant_id
    same = await storage.update_assistant(key, AssistantChange())
    assert same == evolve(new, version=2, updated_at=same.updated_at)
    assert same.updated_at > new.updated_at
    changed = await storage.update_assistant(
        key, AssistantChange(metadata=b'{"a":{"y":1},"c":null}', description="d", config=b"{}")
    )
    assert changed is not None
    assert orjson.loads(changed.metadata) == {"a": {"y": 1}, "b": 1, "c": None}
    assert (changed.version, changed.description, changed.config) == (3, "d", b"{}")
    assert await _versions(storage, key) == [3, 2, 1]
    assert await _versions(storage, key, a={"x": 1}) == [2, 1]
    page = await storage.assistant_versions(key, metadata={}, limit=1, offset=1)
    assert [(each.version, each.created_at) for each in page] == [(2, same.updated_at)]
    assert await storage.update_assistant(UNKNOWN, AssistantChange()) is None


async def test_a_version_comes_back_with_all_it_had(storage: Storage) -> None:
    new = await storage.create_assistant(_new("first", a=1))
    key = new.assistant_id
    await storage.update_assistant(
        key,
        AssistantChange(
            graph_id="h",
            name="n",
            description="d",
            config=b"[]",
            context=b"[]",
            metadata=b'{"a":2}',
        ),
    )
    back = await storage.set_assistant_version(key, 1)
    assert back is not None
    assert back == evolve(new, updated_at=back.updated_at)
    assert back.updated_at > new.updated_at
    assert await _names(storage, AssistantFilter(metadata={"a": 1})) == ["first"]
    assert await _names(storage, AssistantFilter(metadata={"a": 2})) == []
    # The next number is beyond all there are, not beyond the active one.
    third = await storage.update_assistant(key, AssistantChange())
    assert third is not None
    assert (third.version, third.graph_id) == (3, "g")
    assert await storage.set_assistant_version(key, 4) is None
    assert await storage.set_assistant_version(UNKNOWN, 1) is None
    assert await storage.get_assistant(key) == third


async def test_delete(storage: Storage) -> None:
    key = (await storage.create_assistant(_new(a=1))).assistant_id
    assert await storage.delete_assistant(key)
    assert not await storage.delete_assistant(key)
    assert await storage.get_assistant(key) is None
    assert await _versions(storage, key) == []
    assert await _names(storage, AssistantFilter(metadata={"a": 1})) == []


async def test_search(storage: Storage) -> None:
    for number, (name, graph_id) in enumerate([("Änne", "g"), ("bob", "h"), ("Bo%", "g")]):
        at = f"2026-01-0{number + 1}T00:00:00.000000+00:00"
        await storage.create_assistant(_new(name, graph_id=graph_id, at=at, n=number, odd=[1]))
    assert await _names(storage, AssistantFilter()) == ["Bo%", "bob", "Änne"]
    assert await _names(storage, AssistantFilter(), AssistantOrder()) == ["Bo%", "bob", "Änne"]
    by_graph = AssistantOrder(AssistantSort.GRAPH_ID, descending=False)
    assert await _names(storage, AssistantFilter(), by_graph) == ["Änne", "Bo%", "bob"]
    assert await _names(storage, AssistantFilter(name="BO")) == ["Bo%", "bob"]
    assert await _names(storage, AssistantFilter(name="äN")) == ["Änne"]
    assert await _names(storage, AssistantFilter(name="%")) == ["Bo%"]
    assert await _names(storage, AssistantFilter(graph_id="g")) == ["Bo%", "Änne"]
    assert await _names(storage, AssistantFilter(metadata={"odd": [1], "n": 1})) == ["bob"]
    assert await _names(storage, AssistantFilter({"odd": [1]}, "g", "b")) == ["Bo%"]
    page = await storage.search_assistants(AssistantFilter(), order=BY_NAME, limit=1, offset=1)
    assert ([each.name for each in page.assistants], page.more, page.total) == (["bob"], True, 3)
