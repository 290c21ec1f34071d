"""Runs through the official clients: create, wait, join, get, list; every field has an effect."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.errors import (
    BadRequestError,
    NotFoundError,
    UnprocessableEntityError,
)

from support.waiting import eventually, lines_of

TERMINAL = {"success", "error", "timeout", "interrupted"}


@pytest.fixture
def thread_id(sdk: Any) -> str:
    return sdk.threads.create()["thread_id"]


def ended(sdk: Any, thread_id: str, run_id: str) -> dict[str, Any] | None:
    """The run, once it has a terminal status."""
    run = sdk.runs.get(thread_id, run_id)
    return run if run["status"] in TERMINAL else None


def test_wait_answers_the_final_values(sdk: Any, thread_id: str) -> None:
    assert sdk.runs.wait(thread_id, "echo", input={"foo": "hi"}) == {
        "foo": "hi!",
        "log": ["e1", "e2"],
    }


def test_runs_of_a_thread_share_its_state(sdk: Any, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    assert sdk.runs.wait(thread_id, "echo", input={"foo": "2"})["log"] == ["e1", "e2"] * 2


def test_assistant_by_uuid(sdk: Any, thread_id: str) -> None:
    run = sdk.runs.create(thread_id, "echo", input={"foo": "1"})
    sdk.runs.join(thread_id, run["run_id"])
    by_uuid = sdk.runs.wait(thread_id, run["assistant_id"], input={"foo": "2"})
    assert by_uuid["foo"] == "2!"
    assert sdk.assistants.get(run["assistant_id"])["graph_id"] == "echo"


def test_background_run_from_pending_to_success(sdk: Any, thread_id: str) -> None:
    seen = []
    run = sdk.runs.create(
        thread_id, "echo", input={"foo": "hi"}, metadata={"m": 1}, on_run_created=seen.append
    )
    run_id = run["run_id"]
    assert run["status"] == "pending"
    assert run["thread_id"] == thread_id
    assert run["multitask_strategy"] == "enqueue"
    assert run["metadata"]["m"] == 1
    assert run["metadata"]["graph_id"] == "echo"
    assert uuid.UUID(run_id).version == 7
    assert seen == [{"run_id": run_id, "thread_id": thread_id}]
    kwargs = run["kwargs"]
    assert kwargs["input"] == {"foo": "hi"}
    assert kwargs["command"] is None
    assert kwargs["stream_mode"] == ["values"]
    assert kwargs["durability"] == "async"
    assert kwargs["config"]["configurable"]["thread_id"] == thread_id
    assert kwargs["config"]["configurable"]["run_id"] == run_id
    assert sdk.runs.join(thread_id, run_id) == {"foo": "hi!", "log": ["e1", "e2"]}
    after = sdk.runs.get(thread_id, run_id)
    assert after["status"] == "success"
    assert after["updated_at"] > run["updated_at"]
    assert sdk.runs.join(thread_id, run_id)["foo"] == "hi!", "joining late works too"


def test_list(sdk: Any, thread_id: str) -> None:
    ids = [
        sdk.runs.create(thread_id, "echo", input={"foo": str(number)})["run_id"]
        for number in range(3)
    ]
    for run_id in ids:
        sdk.runs.join(thread_id, run_id)
    newest_first = ids[::-1]
    assert [run["run_id"] for run in sdk.runs.list(thread_id)] == newest_first
    assert [run["run_id"] for run in sdk.runs.list(thread_id, limit=1, offset=1)] == [ids[1]]
    assert len(sdk.runs.list(thread_id, status="success")) == 3
    assert sdk.runs.list(thread_id, status="error") == []
    selected = sdk.runs.list(thread_id, select=["run_id", "status"])
    assert all(set(run) == {"run_id", "status"} for run in selected)


def test_queued_runs_execute_in_order_of_creation(sdk: Any, thread_id: str, tmp_path: Path) -> None:
    file = tmp_path / "order"
    ids = [
        sdk.runs.create(thread_id, "steps", input={"seconds": 0.05, "file": str(file)})["run_id"]
        for _ in range(3)
    ]
    assert sdk.threads.get(thread_id)["status"] == "busy"
    sdk.runs.join(thread_id, ids[-1])
    seen = [line.split()[0] for line in lines_of(file)]
    assert seen == [run_id for run_id in ids for _ in range(6)], "in order, never overlapping"


def test_unknown_things(sdk: Any, thread_id: str) -> None:
    unknown = str(uuid.uuid4())
    with pytest.raises(NotFoundError):
        sdk.runs.get(thread_id, unknown)
    for thread, assistant in ((unknown, "echo"), (thread_id, unknown)):
        with pytest.raises(NotFoundError, match=r"Thread or assistant not found\."):
            sdk.runs.create(thread, assistant, input={})
    with pytest.raises(UnprocessableEntityError, match="Invalid assistant: 'nope'"):
        sdk.runs.create(thread_id, "nope", input={})
    with pytest.raises(NotFoundError, match=f"Thread with ID {unknown} not found"):
        sdk.runs.get(unknown, unknown)
    with pytest.raises(NotFoundError):
        sdk.runs.delete(thread_id, unknown)


def test_run_of_another_thread_is_unknown(sdk: Any, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    run_id = sdk.runs.list(thread_id)[0]["run_id"]
    other = sdk.threads.create()["thread_id"]
    with pytest.raises(NotFoundError):
        sdk.runs.get(other, run_id)


def test_delete_takes_the_runs_checkpoints(sdk: Any, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    sdk.runs.wait(thread_id, "echo", input={"foo": "2"})
    newest, oldest = sdk.runs.list(thread_id)
    sdk.runs.delete(thread_id, newest["run_id"])
    assert [run["run_id"] for run in sdk.runs.list(thread_id)] == [oldest["run_id"]]
    rows = sdk.threads.get_history(thread_id, limit=20)
    assert {row["metadata"]["run_id"] for row in rows} == {oldest["run_id"]}


# -- fields --------------------------------------------------------------------------------


def test_if_not_exists(sdk: Any) -> None:
    chosen = str(uuid.uuid4())
    with pytest.raises(NotFoundError):
        sdk.runs.create(chosen, "echo", input={"foo": "1"}, if_not_exists="reject")
    sdk.runs.create(chosen, "echo", input={"foo": "1"}, if_not_exists="create")
    thread = sdk.threads.get(chosen)
    assert thread["metadata"]["graph_id"] == "echo"


def seen(sdk: Any, thread_id: str | None, **fields: Any) -> dict[str, Any]:
    """What a node of a run with these fields sees."""
    return sdk.runs.wait(thread_id, "context", input={"ask": "all"}, **fields)["seen"]


def test_config_reaches_the_node(sdk: Any, thread_id: str) -> None:
    config = {"configurable": {"mine": "yes", "thread_id": "forged"}, "tags": ["b", "a"]}
    found = seen(sdk, thread_id, config={**config, "recursion_limit": 7})
    assert found["configurable"]["mine"] == "yes"
    assert found["configurable"]["thread_id"] == thread_id, "server keys win"
    assert found["configurable"]["graph_id"] == "context"
    assert set(found["tags"]) >= {"a", "b"}
    assert found["recursion_limit"] == 7
    assert "mine" not in seen(sdk, thread_id)["configurable"], "config is per run"


def test_configurable_is_context_too(sdk: Any, thread_id: str) -> None:
    found = seen(sdk, thread_id, config={"configurable": {"model": "m1", "other": 1}})
    assert found["model"] == "m1"
    assert found["temperature"] == 0.5
    assert found["configurable"]["other"] == 1


def test_context_reaches_the_node(sdk: Any, thread_id: str) -> None:
    found = seen(sdk, thread_id, context={"model": "m2", "temperature": 0.9, "unknown": 1})
    assert (found["model"], found["temperature"]) == ("m2", 0.9)
    assert found["configurable"]["model"] == "m2"
    assert "unknown" not in found["configurable"]


def test_config_and_context_exclude_each_other(sdk: Any, thread_id: str) -> None:
    with pytest.raises(BadRequestError, match="Cannot specify both configurable and context"):
        sdk.runs.create(
            thread_id, "context", config={"configurable": {"a": 1}}, context={"a": 1}, input={}
        )


def test_metadata_merges_thread_config_and_run(sdk: Any) -> None:
    thread_id = sdk.threads.create(metadata={"t": 1, "c": "thread", "r": "thread"})["thread_id"]
    found = seen(
        sdk, thread_id, config={"metadata": {"c": "config", "r": "config"}}, metadata={"r": "run"}
    )["metadata"]
    assert (found["t"], found["c"], found["r"]) == (1, "config", "run")
    assert found["run_attempt"] == 1
    assert found["langgraph_node"] == "look"
    run = sdk.runs.list(thread_id)[0]
    assert (run["metadata"]["t"], run["metadata"]["c"], run["metadata"]["r"]) == (
        1,
        "config",
        "run",
    )
    assert sdk.threads.get_state(thread_id)["metadata"]["r"] == "run"


def test_recursion_limit_ends_a_run(sdk: Any, thread_id: str) -> None:
    result = sdk.runs.wait(
        thread_id, "echo", input={"foo": "1"}, config={"recursion_limit": 1}, raise_error=False
    )
    assert result["__error__"]["error"] == "GraphRecursionError"


@pytest.mark.filterwarnings("ignore:`checkpoint_during` is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("fields", "rows", "durability"),
    [
        ({}, 4, "async"),
        ({"durability": "async"}, 4, "async"),
        ({"durability": "sync"}, 4, "sync"),
        ({"durability": "exit"}, 1, "exit"),
        ({"checkpoint_during": False}, 1, None),
        ({"checkpoint_during": True}, 4, None),
        ({"checkpoint_during": True, "durability": "exit"}, 1, "exit"),
    ],
)
def test_durability(
    sdk: Any, thread_id: str, fields: dict[str, Any], rows: int, durability: str | None
) -> None:
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"}, **fields)
    assert len(sdk.threads.get_history(thread_id, limit=20)) == rows
    assert sdk.threads.get_state(thread_id)["values"] == {"foo": "1!", "log": ["e1", "e2"]}
    if durability:
        assert sdk.runs.list(thread_id)[0]["kwargs"]["durability"] == durability


def test_after_seconds_delays_the_start(sdk: Any, thread_id: str) -> None:
    started = time.monotonic()
    run = sdk.runs.create(thread_id, "echo", input={"foo": "1"}, after_seconds=2)
    assert sdk.threads.get(thread_id)["status"] == "busy"
    assert sdk.runs.get(thread_id, run["run_id"])["status"] == "pending"
    sdk.runs.join(thread_id, run["run_id"])
    assert time.monotonic() - started >= 1.9


def test_input_none_on_an_empty_thread(sdk: Any, thread_id: str) -> None:
    result = sdk.runs.wait(thread_id, "echo", input=None, raise_error=False)
    assert result["__error__"]["error"] == "EmptyInputError"


@pytest.mark.deviates("the reference lets some of these through")
@pytest.mark.parametrize(
    "fields",
    [
        {"stream_mode": "whatever"},
        {"durability": "whatever"},
        {"multitask_strategy": "whatever"},
        {"if_not_exists": "whatever"},
        {"on_disconnect": "whatever"},
        {"on_completion": "whatever"},
        {"metadata": "text"},
        {"config": [1]},
        {"interrupt_before": {"a": 1}},
        {"stream_subgraphs": "maybe"},
        {"after_seconds": "soon"},
        {"command": "resume"},
    ],
)
def test_fields_are_checked(server: Any, fields: dict[str, Any]) -> None:
    with server.http() as http:
        thread_id = http.post("/threads", json={}).json()["thread_id"]
        for path in ("/runs/wait", f"/threads/{thread_id}/runs"):
            answer = http.post(path, json={"assistant_id": "echo", "input": {}, **fields})
            assert answer.status_code == 422, answer.text
            assert isinstance(answer.json()["detail"], str)
        assert http.get(f"/threads/{thread_id}/runs").json() == []


@pytest.mark.deviates("feedback keys are ignored instead of failing the run")
def test_fields_without_effect_do_no_harm(sdk: Any, thread_id: str) -> None:
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, feedback_keys=["thumbs"]))
    assert parts[-1].data["foo"] == "1!"


# -- stateless -----------------------------------------------------------------------------


def test_stateless_wait_leaves_nothing(sdk: Any) -> None:
    created: list[dict[str, Any]] = []
    result = sdk.runs.wait(None, "echo", input={"foo": "1"}, on_run_created=created.append)
    assert result == {"foo": "1!", "log": ["e1", "e2"]}
    thread_id = created[0]["thread_id"]
    assert thread_id is not None

    def gone() -> bool:
        try:
            sdk.threads.get(thread_id)
        except NotFoundError:
            return True
        return False

    eventually(gone)


def test_stateless_wait_can_keep_its_thread(sdk: Any) -> None:
    created: list[dict[str, Any]] = []
    sdk.runs.wait(
        None, "echo", input={"foo": "1"}, on_completion="keep", on_run_created=created.append
    )
    thread_id = created[0]["thread_id"]
    assert sdk.threads.get_state(thread_id)["values"]["foo"] == "1!"
    assert sdk.runs.get(thread_id, created[0]["run_id"])["status"] == "success"


def test_stateless_background_run(sdk: Any) -> None:
    given = {"input": {"seconds": 0.3}, "on_completion": "keep", "multitask_strategy": "reject"}
    run = sdk.runs.create(None, "steps", **given)
    thread_id = run["thread_id"]
    assert sdk.runs.get(thread_id, run["run_id"])["multitask_strategy"] == "reject"
    assert sdk.threads.get(thread_id)["status"] == "busy"
    eventually(lambda: ended(sdk, thread_id, run["run_id"]))
    assert sdk.threads.get(thread_id)["values"]["log"] == ["a", "b", "c"]


def test_stateless_interrupt_answers_what_it_asks(sdk: Any) -> None:
    result = sdk.runs.wait(None, "ask", input={"foo": "1"})
    assert result["__interrupt__"][0]["value"] == {"q": "name?"}


# -- graphs --------------------------------------------------------------------------------


def test_fan_out(sdk: Any) -> None:
    result = sdk.runs.wait(None, "fanout", input={"width": 20})
    assert sorted(result["results"]) == [number**2 for number in range(20)]


def test_big_values_pass_unharmed(sdk: Any, thread_id: str) -> None:
    result = sdk.runs.wait(thread_id, "big", input={"kilobytes": 3000})
    assert result["blob"] == "0123456789abcdef" * 64 * 3000
    assert result["unicode"] == "ünï → 🚀\u2028"
    assert sdk.threads.get_state(thread_id)["values"] == result


def test_big_input(sdk: Any) -> None:
    text = "x" * 6_000_000
    assert sdk.runs.wait(None, "echo", input={"foo": text})["foo"] == text + "!"


def test_store_is_shared_by_threads(sdk: Any) -> None:
    who = uuid.uuid4().hex
    first = sdk.runs.wait(None, "remembers", input={"who": who, "note": "keep this"})
    assert first["found"] is None
    assert sdk.runs.wait(None, "remembers", input={"who": who})["found"] == "keep this"


def test_graph_made_for_each_run(sdk: Any) -> None:
    assert sdk.runs.wait(None, "made_per_run", input={"size": ""})["size"] == "small"
    config = {"configurable": {"size": "large"}}
    assert sdk.runs.wait(None, "made_per_run", input={"size": ""}, config=config)["size"] == "large"


def test_graph_not_compiled_yet(sdk: Any) -> None:
    assert sdk.runs.wait(None, "uncompiled", input={"size": ""})["size"] == "small"
