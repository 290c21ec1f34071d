"""Cancelling, disconnecting, deleting: the run ends, and what is stored is exact."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.errors import NotFoundError

from support.database import read_only
from support.server import Server
from support.waiting import eventually, lines_of

CANCELLED = {
    "error": "UserInterrupt",
    "message": "interrupt requested via POST /threads/{thread_id}/runs/{run_id}/cancel",
}
SLOW_B = {"seconds": 60, "slow": "b"}
DISCONNECTED = {
    "error": "UserInterrupt",
    "message": "client disconnected from the run stream (on_disconnect=cancel)",
}


@pytest.fixture
def thread_id(sdk: Any) -> str:
    return sdk.threads.create()["thread_id"]


def reached(file: Path, text: str) -> None:
    """Wait until a graph has written a line that ends with `text`."""
    eventually(lambda: any(line.endswith(text) for line in lines_of(file)))


def run_in_its_second_step(sdk: Any, thread_id: str, file: Path) -> str:
    """A run of `steps` whose node `a` has finished and whose node `b` takes a minute."""
    run = sdk.runs.create(thread_id, "steps", input=SLOW_B | {"file": str(file)})
    reached(file, "b start")
    return run["run_id"]


# -- cancel --------------------------------------------------------------------------------


def test_cancel_keeps_finished_steps_and_the_thread_goes_on(
    sdk: Any, thread_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "steps"
    run_id = run_in_its_second_step(sdk, thread_id, file)
    sdk.runs.cancel(thread_id, run_id, wait=True)
    assert sdk.runs.get(thread_id, run_id)["status"] == "interrupted"
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("interrupted", CANCELLED)
    assert thread["values"]["log"] == ["a"]
    state = sdk.threads.get_state(thread_id)
    assert (state["next"], state["values"]["log"]) == (["b"], ["a"])
    sdk.threads.update_state(thread_id, {"seconds": 0}, as_node="a")
    assert sdk.runs.wait(thread_id, "steps", input=None)["log"] == ["a", "b", "c"]
    assert sdk.threads.get(thread_id)["error"] is None


@pytest.mark.parametrize("how", ["cancelled", "displaced"])
def test_what_a_step_has_done_is_not_done_again(
    sdk: Any, thread_id: str, tmp_path: Path, how: str
) -> None:
    """Of two nodes of one step one has ended and one is cancelled: `input: null` executes that."""
    file = tmp_path / "both"
    run = sdk.runs.create(thread_id, "two_at_once", input={"file": str(file)})

    def stored() -> bool:
        tasks = sdk.threads.get_state(thread_id)["tasks"]
        return [task["name"] for task in tasks if task["result"]] == ["quick"]

    eventually(lambda: "slow_once" in lines_of(file))
    eventually(stored)
    if how == "cancelled":
        sdk.runs.cancel(thread_id, run["run_id"], wait=True)
    done = sdk.runs.wait(thread_id, "two_at_once", input=None, multitask_strategy="interrupt")
    assert sdk.runs.get(thread_id, run["run_id"])["status"] == "interrupted"
    assert done["log"] == ["quick", "slow_once"]
    assert sorted(lines_of(file)) == ["quick", "slow_once", "slow_once"]


def test_cancel_without_waiting(server: Server, sdk: Any, thread_id: str, tmp_path: Path) -> None:
    run_id = run_in_its_second_step(sdk, thread_id, tmp_path / "steps")
    with server.http() as http:
        answer = http.post(f"/threads/{thread_id}/runs/{run_id}/cancel")
        assert (answer.status_code, answer.content) == (202, b"")
    eventually(lambda: sdk.runs.get(thread_id, run_id)["status"] == "interrupted")


def test_cancel_and_wait_answers_an_empty_object(
    server: Server, sdk: Any, thread_id: str, tmp_path: Path
) -> None:
    run_id = run_in_its_second_step(sdk, thread_id, tmp_path / "steps")
    with server.http() as http:
        answer = http.post(f"/threads/{thread_id}/runs/{run_id}/cancel?wait=true")
        assert (answer.status_code, answer.json()) == (200, {})


def test_cancel_a_pending_run(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    first = sdk.runs.create(thread_id, "steps", input={"seconds": 0.4, "file": str(file)})
    second = sdk.runs.create(thread_id, "steps", input={"seconds": 0.4, "file": str(file)})
    sdk.runs.cancel(thread_id, second["run_id"], wait=True)
    assert sdk.runs.get(thread_id, second["run_id"])["status"] == "interrupted"
    assert sdk.runs.join(thread_id, first["run_id"])["log"] == ["a", "b", "c"]
    assert {line.split()[0] for line in lines_of(file)} == {first["run_id"]}
    assert sdk.threads.get(thread_id)["status"] == "idle"


@pytest.mark.deviates("busy while another run of the thread still runs")
def test_quirk_24_a_thread_stays_busy_when_a_pending_run_is_cancelled(
    sdk: Any, thread_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "steps"
    sdk.runs.create(thread_id, "steps", input={"seconds": 1, "file": str(file)})
    second = sdk.runs.create(thread_id, "echo", input={"foo": "1"})
    reached(file, "a start")
    sdk.runs.cancel(thread_id, second["run_id"], wait=True)
    assert sdk.threads.get(thread_id)["status"] == "busy"


def test_cancel_what_has_ended_or_is_not_there(sdk: Any, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    run_id = sdk.runs.list(thread_id)[0]["run_id"]
    with pytest.raises(NotFoundError, match="No matching runs to cancel"):
        sdk.runs.cancel(thread_id, run_id)
    assert sdk.runs.get(thread_id, run_id)["status"] == "success"
    other = sdk.threads.create()["thread_id"]
    for thread, run in ((thread_id, str(uuid.uuid4())), (other, run_id)):
        with pytest.raises(NotFoundError, match=r"No runs found to cancel\."):
            sdk.runs.cancel(thread, run)


def test_consumers_of_a_cancelled_run(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    stream = sdk.runs.stream(
        thread_id, "steps", input=SLOW_B | {"file": str(file)}, stream_mode="updates"
    )
    run_id = next(iter(stream)).data["run_id"]
    reached(file, "b start")
    sdk.runs.cancel(thread_id, run_id)
    assert {part.event for part in stream} <= {"updates"}, "no error, no end: EOF"
    assert sdk.runs.join(thread_id, run_id)["log"] == ["a"]


@pytest.mark.deviates("the thread is as before the run, its error included")
def test_rollback_leaves_the_thread_as_it_was(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    sdk.runs.wait(thread_id, "steps", input={"seconds": 0})
    before = sdk.threads.get(thread_id)
    history = sdk.threads.get_history(thread_id, limit=20)
    file = tmp_path / "steps"
    run = sdk.runs.create(thread_id, "steps", input={"seconds": 0.2, "file": str(file)})
    reached(file, "b start")
    sdk.runs.cancel(thread_id, run["run_id"], action="rollback", wait=True)
    with pytest.raises(NotFoundError):
        sdk.runs.get(thread_id, run["run_id"])
    after = sdk.threads.get(thread_id)
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert sdk.threads.get_history(thread_id, limit=20) == history


TABLES = (
    *("threads", "thread_values", "thread_ttl", "runs"),
    *("checkpoints", "checkpoint_blobs", "checkpoint_writes"),
)


def stored(server: Server, thread_id: str) -> dict[str, list[Any]]:
    """All rows of the thread, byte for byte, but for the time of its last change."""
    assert server.database is not None
    rows: dict[str, list[Any]] = {}
    with read_only(server.database) as connection:
        for table in TABLES:
            columns = [
                column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
            ]
            kept = [each for each in columns if (table, each) != ("threads", "updated_at")]
            rows[table] = sorted(
                connection.execute(
                    f"SELECT {', '.join(kept)} FROM {table} WHERE thread_id = ?", (thread_id,)
                ).fetchall(),
                key=repr,
            )
    return rows


@pytest.mark.parametrize("how", ["cancelled", "displaced", "deleted"])
@pytest.mark.parametrize(
    ("graph", "given"), [("steps", {"slow": "b"}), ("delta", {"items": ["in"], "seconds": 0})]
)
def test_rollback_leaves_every_stored_row_as_it_was(
    server: Server, sdk: Any, thread_id: str, graph: str, given: dict[str, Any], how: str
) -> None:
    if server.database is None:
        pytest.skip("looks into the server's database")
    sdk.runs.wait(thread_id, graph, input=given | {"seconds": 0})
    before = stored(server, thread_id)
    assert before["checkpoints"]
    run_id = sdk.runs.create(thread_id, graph, input=given | {"seconds": 60})["run_id"]
    eventually(lambda: sdk.threads.get_state(thread_id)["next"] in (["b"], ["two"]))
    assert stored(server, thread_id) != before
    if how == "cancelled":
        sdk.runs.cancel(thread_id, run_id, action="rollback", wait=True)
    elif how == "deleted":
        sdk.runs.delete(thread_id, run_id)
    else:  # the one that displaces it waits for its time, and is deleted in its turn
        other = sdk.runs.create(
            thread_id, graph, input={}, multitask_strategy="rollback", after_seconds=600
        )
        eventually(lambda: run_id not in {each["run_id"] for each in sdk.runs.list(thread_id)})
        sdk.runs.delete(thread_id, other["run_id"])
    assert stored(server, thread_id) == before


# -- disconnect ----------------------------------------------------------------------------


def test_disconnect_cancels_when_asked_to(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    stream = sdk.runs.stream(
        thread_id, "steps", input={"seconds": 60, "file": str(file)}, on_disconnect="cancel"
    )
    run_id = next(iter(stream)).data["run_id"]
    reached(file, "a start")
    stream.close()
    eventually(lambda: sdk.runs.get(thread_id, run_id)["status"] == "interrupted")
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("interrupted", DISCONNECTED)


@pytest.mark.parametrize(
    ("on_disconnect", "status"), [("cancel", "interrupted"), ("continue", "success")]
)
def test_disconnect_of_wait(
    server: Server, sdk: Any, thread_id: str, tmp_path: Path, on_disconnect: str, status: str
) -> None:
    file = tmp_path / "steps"
    seconds = 60 if on_disconnect == "cancel" else 0.3
    body = {
        "assistant_id": "steps",
        "input": {"seconds": seconds, "file": str(file)},
        "on_disconnect": on_disconnect,
    }
    with (
        server.http() as http,
        http.stream("POST", f"/threads/{thread_id}/runs/wait", json=body) as response,
    ):
        run_id = response.headers["content-location"].rsplit("/", 1)[1]
        reached(file, "a start")
    eventually(lambda: sdk.runs.get(thread_id, run_id)["status"] == status)


def test_a_pending_run_whose_client_leaves_never_runs(
    sdk: Any, thread_id: str, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "steps"
    first = sdk.runs.create(thread_id, "steps", input={"seconds": 0.5})
    body = {
        "assistant_id": "steps",
        "input": {"seconds": 0, "file": str(file)},
        "on_disconnect": "cancel",
    }
    with (
        server.http() as http,
        http.stream("POST", f"/threads/{thread_id}/runs/stream", json=body) as response,
    ):
        run_id = response.headers["content-location"].rsplit("/", 1)[1]
    eventually(lambda: sdk.runs.get(thread_id, run_id)["status"] == "interrupted")
    assert sdk.runs.join(thread_id, first["run_id"])["log"] == ["a", "b", "c"]
    assert lines_of(file) == []


@pytest.mark.parametrize("what", ["stream", "join"])
def test_a_joiner_that_leaves_can_cancel_too(
    server: Server, sdk: Any, thread_id: str, tmp_path: Path, what: str
) -> None:
    run_id = run_in_its_second_step(sdk, thread_id, tmp_path / "steps")
    path = f"/threads/{thread_id}/runs/{run_id}/{what}"
    with server.http() as http:
        with http.stream("GET", path) as response:
            assert response.status_code == 200
        assert http.get(f"/threads/{thread_id}/runs/{run_id}").json()["status"] == "running"
        with http.stream("GET", path, params={"cancel_on_disconnect": "true"}) as response:
            assert response.status_code == 200
    eventually(lambda: sdk.runs.get(thread_id, run_id)["status"] == "interrupted")


def test_a_stateless_run_whose_client_leaves(sdk: Any, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    seen: list[dict[str, Any]] = []
    stream = sdk.runs.stream(
        None,
        "steps",
        input=SLOW_B | {"file": str(file)},
        on_disconnect="cancel",
        on_run_created=seen.append,
    )
    next(iter(stream))
    reached(file, "b start")
    (line, *_) = lines_of(file)
    stream.close()
    assert line.split()[0] == seen[0]["run_id"]
    assert "b end" not in "".join(lines_of(file))


# -- delete --------------------------------------------------------------------------------


@pytest.mark.deviates("a deleted run is stopped, and nothing of it is left")
def test_quirk_22_delete_a_running_run(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    run_id = run_in_its_second_step(sdk, thread_id, file)
    sdk.runs.delete(thread_id, run_id)
    assert not any(line.endswith("b end") for line in lines_of(file)), "it was stopped"
    with pytest.raises(NotFoundError):
        sdk.runs.get(thread_id, run_id)
    assert sdk.threads.get(thread_id)["status"] == "idle"
    assert sdk.threads.get_history(thread_id) == []


def test_delete_a_thread_with_a_running_run(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    run_in_its_second_step(sdk, thread_id, file)
    sdk.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        sdk.threads.get(thread_id)
    assert not any(line.endswith("b end") for line in lines_of(file))


# -- many at once --------------------------------------------------------------------------


def test_cancel_many_by_id(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    first = run_in_its_second_step(sdk, thread_id, tmp_path / "steps")
    second = sdk.runs.create(thread_id, "echo", input={"foo": "1"})["run_id"]
    sdk.runs.cancel_many(thread_id=thread_id, run_ids=[first, second])
    eventually(lambda: sdk.threads.get(thread_id)["status"] != "busy")
    assert [run["status"] for run in sdk.runs.list(thread_id)] == ["interrupted"] * 2
    assert sdk.threads.get(thread_id)["values"]["log"] == ["a"]
    with pytest.raises(NotFoundError, match="No matching runs to cancel"):
        sdk.runs.cancel_many(thread_id=thread_id, run_ids=[first, second])


@pytest.mark.parametrize("status", ["running", "all"])
def test_cancel_many_by_status(sdk: Any, tmp_path: Path, status: str) -> None:
    threads = [sdk.threads.create()["thread_id"] for _ in range(3)]
    runs = [
        run_in_its_second_step(sdk, thread, tmp_path / f"steps-{number}")
        for number, thread in enumerate(threads)
    ]
    sdk.runs.cancel_many(status=status)
    for thread, run_id in zip(threads, runs, strict=True):
        eventually(lambda t=thread, r=run_id: sdk.runs.get(t, r)["status"] == "interrupted")


@pytest.mark.deviates("a run that is rolled back is gone at once, and its thread idle")
def test_quirk_25_cancel_many_with_rollback(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    before = sdk.threads.get(thread_id)
    first = run_in_its_second_step(sdk, thread_id, tmp_path / "steps")
    second = sdk.runs.create(thread_id, "echo", input={"foo": "1"})["run_id"]
    sdk.runs.cancel_many(thread_id=thread_id, run_ids=[first, second], action="rollback")
    eventually(lambda: not sdk.runs.list(thread_id))
    assert {**sdk.threads.get(thread_id), "updated_at": None} == {**before, "updated_at": None}
    assert sdk.threads.get_history(thread_id) == []
