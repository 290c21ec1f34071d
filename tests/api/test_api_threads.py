"""Threads over HTTP."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from live import Live


async def test_create_and_get(api: Live) -> None:
    created = (await api.http.post("/threads", json={"metadata": {"a": None}})).json()
    assert UUID(created["thread_id"]).version == 7
    assert (created["status"], created["values"], created["interrupts"]) == ("idle", None, {})
    assert created["metadata"] == {"a": None}
    assert (await api.http.get(f"/threads/{created['thread_id']}")).json() == created
    upper = created["thread_id"].upper()
    assert (await api.http.get(f"/threads/{upper}")).json() == created


async def test_an_id_of_the_clients_own(api: Live) -> None:
    own = str(uuid4())
    assert await api.thread(thread_id=own, metadata={"first": 1}) == own
    again = await api.http.post("/threads", json={"thread_id": own})
    assert again.status_code == 409
    assert own in again.json()["detail"]
    kept = await api.http.post("/threads", json={"thread_id": own, "if_exists": "do_nothing"})
    assert kept.json()["metadata"] == {"first": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"thread_id": "nope"},
        {"if_exists": "maybe"},
        {"metadata": []},
        {"ttl": {"ttl": 1, "strategy": "forget"}},
        {"supersteps": [{"updates": [{"values": {}}]}]},
    ],
)
async def test_create_refuses_with_a_sentence(api: Live, body: dict[str, object]) -> None:
    answer = await api.http.post("/threads", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) > 10


async def test_null_is_absent(api: Live) -> None:
    assert await api.thread(metadata=None, ttl=None, if_exists=None)


async def test_patch_merges(api: Live) -> None:
    thread_id = await api.thread(metadata={"a": {"x": 1}, "b": 1})
    patch = {"metadata": {"a": {"y": 1}, "c": None}}
    answer = await api.http.patch(f"/threads/{thread_id}", json=patch)
    assert answer.json()["metadata"] == {"a": {"y": 1}, "b": 1, "c": None}
    minimal = await api.http.patch(
        f"/threads/{thread_id}", json={}, headers={"Prefer": "return=minimal"}
    )
    assert (minimal.status_code, minimal.content) == (204, b"")
    assert "content-type" not in minimal.headers


async def test_delete(api: Live) -> None:
    thread_id = await api.thread()
    assert (await api.http.delete(f"/threads/{thread_id}")).status_code == 204
    for method in ("GET", "DELETE", "PATCH"):
        answer = await api.http.request(method, f"/threads/{thread_id}", json={})
        assert answer.status_code == 404
        assert answer.json() == {"detail": f"Thread with ID {thread_id} not found"}


async def test_delete_stops_what_runs_there(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["gate", "g"])
    await api.executor.reached["g"].wait()
    assert (await api.http.delete(f"/threads/{thread_id}")).status_code == 204
    assert await api.status(run["run_id"]) is None
    assert thread_id not in api.executor.active


@pytest.mark.parametrize("path", ["", "/state", "/history", "/runs"])
async def test_ids_must_be_uuids(api: Live, path: str) -> None:
    answer = await api.http.get(f"/threads/nope{path}")
    assert answer.status_code == 422
    assert answer.json() == {"detail": "Invalid thread ID: must be a UUID"}
