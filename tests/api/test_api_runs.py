"""Runs over HTTP: created, shown, cancelled, deleted; what refuses a create."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from live import Live, run_body

from lgtrio.wire.ids import default_assistant_id

SCRIPTED = default_assistant_id("scripted")


async def test_create_answers_the_run_as_it_was_accepted(api: Live) -> None:
    thread_id = await api.thread(metadata={"t": 1, "both": "thread"})
    answer = await api.http.post(
        f"/threads/{thread_id}/runs",
        json=run_body(
            [["emit", 1]],
            metadata={"both": "run"},
            config={"configurable": {"mine": 1, "thread_id": "forged"}, "tags": ["x"]},
            stream_mode=["updates", "updates", "values"],
            checkpoint_during=False,
            unheard_of=1,
        ),
        headers={"X-Request-ID": "req-1"},
    )
    run = answer.json()
    assert answer.headers["content-location"] == f"/threads/{thread_id}/runs/{run['run_id']}"
    assert UUID(run["run_id"]).version == 7
    assert (run["status"], run["assistant_id"]) == ("pending", SCRIPTED)
    assert run["metadata"] == {
        "created_by": "system",
        "t": 1,
        "both": "run",
        "graph_id": "scripted",
        "assistant_id": SCRIPTED,
    }
    kwargs = run["kwargs"]
    assert kwargs["stream_mode"] == ["updates", "values"]
    assert (kwargs["durability"], kwargs["checkpoint_during"]) == ("exit", False)
    assert kwargs["context"] == {"mine": 1, "thread_id": "forged"}
    configurable = kwargs["config"]["configurable"]
    assert configurable["mine"] == 1
    assert configurable["thread_id"] == thread_id
    assert configurable["run_id"] == run["run_id"]
    assert configurable["langgraph_request_id"] == "req-1"
    assert await api.ended(run["run_id"]) == "success"
    thread = (await api.http.get(f"/threads/{thread_id}")).json()
    assert thread["metadata"]["graph_id"] == "scripted"
    assert thread["config"]["tags"] == ["x"]
    (created, *_) = await api.storage.journal(run_id=run["run_id"])
    assert created.actor == "req-1"


async def test_get_and_list(api: Live) -> None:
    thread_id = await api.thread()
    ids = [(await api.background(thread_id, ["emit", n]))["run_id"] for n in range(3)]
    for run_id in ids:
        await api.ended(run_id)
    path = f"/threads/{thread_id}/runs"
    rows = (await api.http.get(path)).json()
    assert [row["run_id"] for row in rows] == ids[::-1]
    assert (await api.http.get(f"{path}/{ids[0]}")).json() == rows[-1]
    assert len((await api.http.get(f"{path}?limit=1&offset=1&status=success")).json()) == 1
    assert (await api.http.get(f"{path}?status=bogus")).json() == []
    assert (await api.http.get(f"{path}?limit=0")).json() == []
    some = (await api.http.get(f"{path}?select=status&select=run_id&limit=")).json()
    assert list(some[0]) == ["run_id", "status"]
    assert (await api.http.get(f"{path}?select=nothing")).status_code == 422
    for bad in ("limit=abc", "offset=-1", f"limit={1 << 64}"):
        assert (await api.http.get(f"{path}?{bad}")).status_code == 400


async def test_a_run_is_found_on_its_own_thread_only(api: Live) -> None:
    thread_id, other = await api.thread(), await api.thread()
    run_id = (await api.background(thread_id))["run_id"]
    await api.ended(run_id)
    for suffix in ("", "/join", "/stream"):
        for path in (f"/threads/{other}/runs/{run_id}", f"/threads/{thread_id}/runs/{uuid4()}"):
            answer = await api.http.get(f"{path}{suffix}")
            assert (answer.status_code, answer.json()) == (404, {"detail": "Run not found"})
    nowhere = uuid4()
    answer = await api.http.get(f"/threads/{nowhere}/runs/{run_id}")
    assert answer.json() == {"detail": f"Thread with ID {nowhere} not found"}
    bad = await api.http.get(f"/threads/{thread_id}/runs/nope")
    assert (bad.status_code, bad.json()) == (422, {"detail": "Invalid run ID: must be a UUID"})


async def test_delete(api: Live) -> None:
    thread_id = await api.thread()
    done = await api.background(thread_id, ["emit", 1])
    await api.ended(done["run_id"])
    running = await api.background(thread_id, ["gate", "g"])
    await api.executor.reached["g"].wait()
    for run in (done, running):
        path = f"/threads/{thread_id}/runs/{run['run_id']}"
        assert (await api.http.delete(path)).status_code == 204
        assert (await api.http.delete(path)).status_code == 404
    assert (await api.http.get(f"/threads/{thread_id}")).json()["status"] == "idle"


# -- what refuses a create -----------------------------------------------------------------


async def test_who_and_where(api: Live) -> None:
    thread_id, nowhere = await api.thread(), uuid4()
    for path, assistant in (
        (f"/threads/{thread_id}/runs", str(uuid4())),
        (f"/threads/{nowhere}/runs", "scripted"),
        ("/runs", str(uuid4())),
    ):
        answer = await api.http.post(path, json={"assistant_id": assistant})
        assert answer.status_code == 404
        assert answer.json() == {"detail": "Thread or assistant not found."}
    answer = await api.http.post("/runs", json={"assistant_id": "nope"})
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith("- One of the registered graphs: scripted, other")
    assert (await api.http.post("/threads/nope/runs", json=run_body())).status_code == 422


async def test_if_not_exists(api: Live) -> None:
    own = str(uuid4())
    given = {"config": {"metadata": {"a": 1, "b": 1}}, "metadata": {"b": 2, "graph_id": "x"}}
    body = run_body([["emit", 1]], if_not_exists="create", **given)
    answer = await api.http.post(f"/threads/{own}/runs", json=body)
    await api.ended(answer.json()["run_id"])
    thread = (await api.http.get(f"/threads/{own}")).json()
    identity = {"graph_id": "scripted", "assistant_id": SCRIPTED}
    assert thread["metadata"] == {"a": 1, "b": 2, **identity}, "what was said of the run"


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"stream_mode": "whatever"}, 422, "stream_mode"),
        ({"stream_mode": ["values", 1]}, 422, "stream_mode"),
        ({"interrupt_before": "node"}, 422, "interrupt_before"),
        ({"after_seconds": -1}, 422, "after_seconds"),
        ({"after_seconds": True}, 422, "after_seconds"),
        ({"command": {}}, 422, "command"),
        ({"command": {"goto": 1}}, 422, "goto"),
        ({"config": {"recursion_limit": "9"}}, 422, "recursion_limit"),
        ({"config": {"configurable": {"a": 1}}, "context": {"a": 1}}, 400, "configurable"),
        ({"webhook": "http://127.0.0.1/hook"}, 422, "Webhook host blocked"),
        ({"assistant_id": None}, 422, "assistant_id"),
        ({"metadata": "text"}, 422, "metadata"),
        ({"durability": "never"}, 422, "durability"),
    ],
)
async def test_fields_are_checked_before_anything_is_stored(
    api: Live, fields: dict[str, Any], status: int, said: str
) -> None:
    thread_id = await api.thread()
    for path in (f"/threads/{thread_id}/runs", "/runs", "/runs/wait", "/runs/stream"):
        answer = await api.http.post(path, json={**run_body(), **fields})
        assert answer.status_code == status, answer.text
        assert said in answer.json()["detail"]
    assert (await api.http.get(f"/threads/{thread_id}/runs")).json() == []
    assert api.executor.log == []


async def test_fields_without_effect_do_no_harm(api: Live) -> None:
    body = run_body([["emit", 1]], feedback_keys=["a"], raise_error=True)
    answer = await api.http.post("/runs/wait", json=body)
    assert answer.json() == {"seen": [1]}


async def test_a_stateless_run_has_no_checkpoint_to_start_from(api: Live) -> None:
    answer = await api.http.post("/runs/wait", json=run_body(checkpoint_id=str(uuid4())))
    assert answer.status_code == 422


async def test_an_input_too_deep_to_store(api: Live) -> None:
    deep = b"[" * 800 + b"]" * 800
    content = b'{"assistant_id": "scripted", "input": ' + deep + b"}"
    answer = await api.http.post("/runs", content=content)
    assert answer.status_code == 422


# -- strategies ----------------------------------------------------------------------------


async def test_strategies(api: Live) -> None:
    thread_id = await api.thread()
    first = await api.background(thread_id, ["emit", 1], ["gate", "g"])
    await api.executor.reached["g"].wait()
    rejected = await api.http.post(
        f"/threads/{thread_id}/runs", json=run_body(multitask_strategy="reject")
    )
    assert rejected.status_code == 409
    assert "already running" in rejected.json()["detail"]
    second = await api.background(thread_id, ["emit", 2], multitask_strategy="interrupt")
    assert await api.ended(second["run_id"]) == "success"
    assert await api.status(first["run_id"]) == "interrupted"


async def test_after_seconds_waits_as_pending(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], after_seconds=3600)
    shown = run["kwargs"]["config"]["configurable"]["__after_seconds__"]
    assert (shown, type(shown)) == (3600, int), "as it was sent"
    assert await api.status(run["run_id"]) == "pending"
    assert (await api.http.get(f"/threads/{thread_id}")).json()["status"] == "busy"
    stored = await api.storage.get_run(run["run_id"])
    assert stored is not None
    assert stored.not_before is not None
    assert stored.not_before > stored.created_at


# -- cancel --------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", ["0", "true"])
@pytest.mark.parametrize("action", ["interrupt", "rollback"])
async def test_cancel_a_running_run(api: Live, wait: str, action: str) -> None:
    thread_id = await api.thread()
    run_id = (await api.background(thread_id, ["gate", "g"]))["run_id"]
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run_id}"
    answer = await api.http.post(f"{path}/cancel?wait={wait}&action={action}")
    if wait == "0":
        assert (answer.status_code, answer.content) == (202, b"")
        await api.supervisor.following.wait_ended(run_id)
    else:
        assert (answer.status_code, answer.json()) == (200, {})
        assert answer.headers["location"] == f"{path}/join"
    assert await api.status(run_id) == ("interrupted" if action == "interrupt" else None)


async def test_why_a_run_was_cancelled(api: Live) -> None:
    thread_id = await api.thread()
    path = f"/threads/{thread_id}/runs"
    headers = {"X-Request-ID": "q1"}

    async def cancelled(query: str) -> str:
        run_id: str = (await api.background(thread_id, ["gate", "g"]))["run_id"]
        answer = await api.http.post(f"{path}/{run_id}/cancel?wait=1{query}", headers=headers)
        assert answer.status_code == 200
        return run_id

    by_client, taken = await cancelled(""), await cancelled("&reason=taken")
    displaced = (await api.background(thread_id, ["gate", "g"]))["run_id"]
    last = (await api.background(thread_id, multitask_strategy="interrupt"))["run_id"]
    assert await api.ended(last) == "success"
    found = {run["run_id"]: run["cancel_reason"] for run in (await api.http.get(path)).json()}
    assert found == {
        by_client: "client: q1",
        taken: "taken: q1",
        displaced: f"displaced: {last}",
        last: None,
    }
    selected = await api.http.get(f"{path}?select=cancel_reason&limit=1&offset=2")
    assert selected.json() == [{"cancel_reason": "taken: q1"}]
    for bad in ("reason=bored", "reason=taken&action=rollback"):
        answer = await api.http.post(f"{path}/{last}/cancel?{bad}")
        assert (answer.status_code, "`reason`" in answer.json()["detail"]) == (422, True)


async def test_cancel_what_is_not_there(api: Live) -> None:
    thread_id = await api.thread()
    run_id = (await api.background(thread_id))["run_id"]
    await api.ended(run_id)
    ended = await api.http.post(f"/threads/{thread_id}/runs/{run_id}/cancel")
    assert ended.status_code == 404
    assert ended.json()["detail"].startswith("No matching runs to cancel.")
    unknown = await api.http.post(f"/threads/{thread_id}/runs/{uuid4()}/cancel")
    assert unknown.json() == {"detail": "No runs found to cancel."}
    for bad in ("action=stop", "wait=perhaps"):
        answer = await api.http.post(f"/threads/{thread_id}/runs/{run_id}/cancel?{bad}")
        assert answer.status_code == 422


async def test_cancel_a_pending_run(api: Live) -> None:
    thread_id = await api.thread()
    first = await api.background(thread_id, ["gate", "g"])
    second = await api.background(thread_id, ["emit", 2])
    answer = await api.http.post(f"/threads/{thread_id}/runs/{second['run_id']}/cancel?wait=1")
    assert answer.status_code == 200
    assert await api.status(second["run_id"]) == "interrupted"
    api.executor.gates["g"].set()
    assert await api.ended(first["run_id"]) == "success"


async def test_the_kwargs_shown_are_those_that_are_executed(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1])
    stored = await api.storage.get_run(run["run_id"])
    assert stored is not None
    assert orjson.loads(stored.kwargs) == run["kwargs"]
