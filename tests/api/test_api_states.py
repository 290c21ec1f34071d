"""State, history and updates over HTTP: what is asked of the graph side, what is answered."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import trio
from live import Live

from lgtrio.errors import BadRequest
from lgtrio.runs.executor import StateUpdated
from lgtrio.storage.interface import CheckpointRow
from lgtrio.storage.sqlite import SqliteStorage
from lgtrio.storage.sqlite.checkpoint_rows import put_checkpoints


async def graph_thread(api: Live) -> str:
    return await api.thread(metadata={"graph_id": "scripted"})


async def test_a_thread_without_a_graph_has_an_empty_state(api: Live) -> None:
    thread_id = await api.thread()
    state = (await api.http.get(f"/threads/{thread_id}/state")).json()
    assert (state["values"], state["next"], state["checkpoint"]) == ({}, [], None)
    assert (await api.http.get(f"/threads/{thread_id}/history")).json() == []
    assert (await api.http.get(f"/threads/{thread_id}/state/some-id")).status_code == 404
    updated = await api.http.post(f"/threads/{thread_id}/state", json={"values": {}})
    assert updated.status_code == 400
    assert "has no assigned graph ID" in updated.json()["detail"]
    assert api.states.calls == []


@pytest.mark.parametrize("path", ["state", "state/c1", "history"])
async def test_an_unknown_thread(api: Live, path: str) -> None:
    answer = await api.http.get(f"/threads/{uuid4()}/{path}")
    assert answer.status_code == 404


async def test_latest_and_at_a_checkpoint(api: Live) -> None:
    thread_id = await graph_thread(api)
    path = f"/threads/{thread_id}/state"
    assert (await api.http.get(f"{path}?subgraphs=true")).json() == api.states.state
    await api.http.get(f"{path}/c7?subgraphs=0")
    body = {"checkpoint": {"checkpoint_ns": "kid:1", "thread_id": "other"}, "subgraphs": True}
    await api.http.post(f"{path}/checkpoint", json=body)
    asked = [(call["checkpoint"], call["subgraphs"]) for _, call in api.states.calls]
    assert asked == [
        (None, True),
        ({"checkpoint_id": "c7"}, False),
        ({"checkpoint_ns": "kid:1"}, True),
    ]
    assert (await api.http.get(f"{path}/unknown")).status_code == 404
    assert (await api.http.get(f"{path}?subgraphs=maybe")).status_code == 422
    assert (await api.http.post(f"{path}/checkpoint", json={})).status_code == 422


async def test_a_state_without_checkpoint_gets_one_where_remote_graphs_read_it(api: Live) -> None:
    thread_id = await graph_thread(api)
    path = f"/threads/{thread_id}/state/checkpoint"
    state = (await api.http.post(path, json={"checkpoint": {}})).json()
    assert state["checkpoint"]["thread_id"] == thread_id


async def test_select(api: Live) -> None:
    thread_id = await graph_thread(api)
    path = f"/threads/{thread_id}/state"
    only = (await api.http.get(f"{path}?select=values.b&select=next")).json()
    assert only == {"values": {"b": 2}, "next": ["n"]}
    posted = await api.http.post(
        f"{path}/checkpoint", json={"checkpoint": {}, "select": ["values"]}
    )
    assert posted.json() == {"values": {"a": 1, "b": 2}}
    assert (await api.http.get(f"{path}?select=nonsense")).status_code == 422
    rows = await api.http.post(f"/threads/{thread_id}/history", json={"select": ["next"]})
    assert rows.json() == [{"next": ["n"]}]


@pytest.mark.parametrize(
    "before",
    ["c3", {"checkpoint_id": "c3"}, {"configurable": {"checkpoint_id": "c3", "thread_id": "t"}}],
)
async def test_history_before_in_every_spelling(api: Live, before: Any) -> None:
    thread_id = await graph_thread(api)
    body = {"limit": 5, "before": before, "metadata": {"step": 1}, "checkpoint": {}}
    assert (await api.http.post(f"/threads/{thread_id}/history", json=body)).status_code == 200
    ((_, asked),) = api.states.calls
    assert (asked["limit"], asked["before"], asked["checkpoint"]) == (5, "c3", None)
    assert asked["metadata"] == {"step": 1}


async def test_history_limits(api: Live) -> None:
    path = f"/threads/{await graph_thread(api)}/history"
    await api.http.get(path)
    await api.http.get(f"{path}?limit=7&before=c2")
    assert [(call["limit"], call["before"]) for _, call in api.states.calls] == [
        (1, None),
        (7, "c2"),
    ]
    assert (await api.http.get(f"{path}?limit=0")).json() == []
    for text in ("abc", "-1", "9" * 30):
        assert (await api.http.get(f"{path}?limit={text}")).status_code == 422
    for limit in (0, 1001, "5"):
        assert (await api.http.post(path, json={"limit": limit})).status_code == 422


async def test_update_moves_the_thread(api: Live) -> None:
    thread_id = await graph_thread(api)
    body = {"values": {"a": 2}, "as_node": "n", "checkpoint_id": "c0"}
    answer = await api.http.post(f"/threads/{thread_id}/state", json=body)
    place = {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "c1"}
    assert answer.json() == {"checkpoint": place, "configurable": place, "checkpoint_id": "c1"}
    ((_, asked),) = api.states.calls
    assert (asked["values"], asked["as_node"]) == ({"a": 2}, "n")
    assert asked["checkpoint"] == {"checkpoint_id": "c0"}
    thread = (await api.http.get(f"/threads/{thread_id}")).json()
    assert (thread["status"], thread["values"]) == ("interrupted", {"a": 2})
    api.states.updated = StateUpdated(b"{}", b'{"a":3}', (), b"{}")
    await api.http.post(f"/threads/{thread_id}/state", json={"values": None})
    assert (await api.http.get(f"/threads/{thread_id}")).json()["status"] == "idle"


async def test_update_refuses(api: Live) -> None:
    path = f"/threads/{await graph_thread(api)}/state"
    assert (await api.http.post(path, json={"values": "text"})).status_code == 422
    assert (await api.http.post(path, json={"as_node": 1})).status_code == 422
    assert api.states.calls == []
    api.states.failure = BadRequest("Node nonode does not exist")
    answer = await api.http.post(path, json={"values": {}, "as_node": "nonode"})
    assert (answer.status_code, answer.json()) == (400, {"detail": "Node nonode does not exist"})


async def test_update_waits_for_nobody(api: Live) -> None:
    thread_id = await graph_thread(api)
    run = await api.background(thread_id, ["gate", "g"])
    await api.executor.reached["g"].wait()
    busy = await api.http.post(f"/threads/{thread_id}/state", json={"values": {}})
    assert busy.status_code == 409
    assert api.states.calls == []
    api.executor.gates["g"].set()
    await api.ended(run["run_id"])
    rested = await api.http.post(f"/threads/{thread_id}/state", json={"values": {}})
    assert rested.status_code == 200


async def test_a_run_that_comes_during_an_update_starts_after_it(api: Live) -> None:
    thread_id = await graph_thread(api)
    path = f"/threads/{thread_id}/state"
    created: list[str] = []

    async def create() -> None:
        run = await api.background(thread_id)
        created.append(run["run_id"])
        assert (await api.http.post(path, json={"values": {}})).status_code == 409
        assert await api.status(run["run_id"]) == "pending"

    api.states.meanwhile = create
    answer = await api.http.post(path, json={"values": {"a": 2}})
    assert (answer.status_code, answer.json()["checkpoint_id"]) == (200, "c1")
    assert [name for name, _ in api.states.calls] == ["update_state"]
    assert await api.ended(created[0]) == "success"


async def test_updates_of_one_thread_take_turns(api: Live) -> None:
    thread_id = await graph_thread(api)
    path = f"/threads/{thread_id}/state"

    async def second() -> None:
        nursery.start_soon(partial(api.http.post, path, json={"values": {"a": 2}}))
        other = f"/threads/{await graph_thread(api)}/state"
        # Answered, so the one that was sent before it has arrived as well.
        assert (await api.http.post(other, json={"values": {}})).status_code == 200
        asked = [call["thread_id"] for _, call in api.states.calls]
        assert asked.count(thread_id) == 1

    async with trio.open_nursery() as nursery:
        api.states.meanwhile = second
        await api.http.post(path, json={"values": {"a": 1}})
    assert [call["values"] for _, call in api.states.calls] == [{"a": 1}, {}, {"a": 2}]


async def test_nothing_is_left_of_an_update_whose_thread_is_deleted(api: Live) -> None:
    thread_id = await graph_thread(api)

    storage = api.storage
    assert isinstance(storage, SqliteStorage)

    async def delete() -> None:
        await api.http.delete(f"/threads/{thread_id}")
        row = CheckpointRow(thread_id, "", "c1", None, None, "msgpack", b"", b"{}")
        await storage.engine.write(partial(put_checkpoints, rows=[row]))

    api.states.meanwhile = delete
    answer = await api.http.post(f"/threads/{thread_id}/state", json={"values": {}})
    assert answer.status_code == 404
    assert (await storage.thread_usage(thread_id)).checkpoints == 0
