"""Many runs cancelled by one request: named, or all of a status."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from live import Live

NO_RUNS = "No runs found to cancel."


async def lane(api: Live) -> tuple[str, str, str]:
    """A thread with a running run and one behind it."""
    thread_id = await api.thread()
    gate = str(uuid4())
    running = await api.background(thread_id, ["emit", 1], ["gate", gate])
    await api.executor.reached[gate].wait()
    pending = await api.background(thread_id, ["emit", 2])
    return thread_id, running["run_id"], pending["run_id"]


async def cancel(api: Live, body: dict[str, Any], **params: Any) -> tuple[int, str]:
    answer = await api.http.post("/runs/cancel", json=body, params=params)
    if answer.status_code == 204:
        assert answer.content == b""
        return 204, ""
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize(
    ("status", "left"),
    [
        ("pending", ["running", "interrupted"]),
        ("running", ["interrupted", "success"]),
        ("all", ["interrupted", "interrupted"]),
    ],
)
async def test_all_of_a_status_on_every_thread(api: Live, status: str, left: list[str]) -> None:
    lanes = [await lane(api) for _ in range(3)]
    assert await cancel(api, {"status": status}, wait=True) == (204, "")
    for _, *run_ids in lanes:
        for run_id, wanted in zip(run_ids, left, strict=True):
            if wanted == "success":
                await api.supervisor.following.wait_ended(run_id)
            assert await api.status(run_id) == wanted
    if status == "all":
        assert api.executor.order() == [running for _, running, _ in lanes], "none was started"


async def test_rollback_of_all_leaves_nothing(api: Live) -> None:
    lanes = [await lane(api) for _ in range(2)]
    assert await cancel(api, {"status": "all"}, action="rollback", wait=True) == (204, "")
    for thread_id, *run_ids in lanes:
        assert [await api.status(run_id) for run_id in run_ids] == [None, None]
        thread = await api.storage.get_thread(thread_id)
        assert thread is not None
        assert (thread.status, thread.values) == ("idle", None)


async def test_named_runs_and_no_others(api: Live) -> None:
    thread_id, running, pending = await lane(api)
    other, other_running, _ = await lane(api)
    named = {"thread_id": thread_id, "run_ids": [running, pending]}
    assert await cancel(api, named, wait=True) == (204, "")
    assert [await api.status(run) for run in (running, pending)] == ["interrupted"] * 2
    thread = (await api.http.get(f"/threads/{thread_id}")).json()
    assert thread["error"]["message"] == "interrupt requested via POST /runs/cancel"
    assert await api.status(other_running) == "running"
    assert api.executor.order().count(pending) == 0, "it did not start when the first had ended"
    foreign = {"thread_id": other, "run_ids": [running]}
    assert await cancel(api, foreign) == (404, NO_RUNS)


async def test_without_waiting(api: Live) -> None:
    thread_id, running, pending = await lane(api)
    named = {"thread_id": thread_id, "run_ids": [pending, running, pending]}
    assert await cancel(api, named) == (204, "")
    assert [await api.ended(run) for run in (running, pending)] == ["interrupted"] * 2


async def test_those_that_have_ended(api: Live) -> None:
    thread_id, running, pending = await lane(api)
    both = {"thread_id": thread_id, "run_ids": [running, pending]}
    assert await cancel(api, both | {"run_ids": [running]}, wait=True) == (204, "")
    await api.supervisor.following.wait_ended(pending)
    status, detail = await cancel(api, both)
    assert (status, detail[:27]) == (404, "No matching runs to cancel.")
    new = await api.background(thread_id, ["gate", "never"])
    assert await cancel(api, both | {"run_ids": [running, new["run_id"]]}, wait=True) == (204, "")
    assert await api.status(new["run_id"]) == "interrupted"
    assert await api.status(pending) == "success"


@pytest.mark.parametrize("status", ["pending", "running", "all"])
async def test_nothing_to_cancel(api: Live, status: str) -> None:
    assert await cancel(api, {"status": status}) == (404, NO_RUNS)
    unknown = {"thread_id": str(uuid4()), "run_ids": [str(uuid4())]}
    assert await cancel(api, unknown) == (404, NO_RUNS)


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({}, {}),
        ({"status": "success"}, {}),
        ({"thread_id": str(uuid4())}, {}),
        ({"run_ids": [str(uuid4())]}, {}),
        ({"thread_id": str(uuid4()), "run_ids": []}, {}),
        ({"status": "all", "thread_id": str(uuid4()), "run_ids": [str(uuid4())]}, {}),
        ({"thread_id": "nonsense", "run_ids": [str(uuid4())]}, {}),
        ({"thread_id": str(uuid4()), "run_ids": ["nonsense"]}, {}),
        ({"status": "all"}, {"action": "stop"}),
        ({"status": "all"}, {"wait": "maybe"}),
    ],
)
async def test_refused(api: Live, body: dict[str, Any], params: dict[str, str]) -> None:
    _, running, _ = await lane(api)
    assert (await cancel(api, body, **params))[0] == 422
    assert await api.status(running) == "running"
