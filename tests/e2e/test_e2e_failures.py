"""A node that ends badly ends its run, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

KINDS = {
    "value": ("ValueError", "boom happened"),
    "key": ("KeyError", "'missing'"),
    "type": ("TypeError", "not that"),
    "runtime": ("RuntimeError", "went wrong"),
    "zero": ("ZeroDivisionError", "An internal error occurred"),
    "os": ("OSError", "An internal error occurred"),
    "own": ("OwnError", "An internal error occurred"),
    "group": ("ValueError", "first"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("graph", ["fails", "fails_sync"])
def test_quirk_19_the_error_everybody_sees(sdk: Any, graph: str, kind: str) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    result = sdk.runs.wait(thread_id, graph, input={"kind": kind}, raise_error=False)
    name, message = KINDS[kind]
    error = {"error": name, "message": message}
    assert result == {"__error__": error}
    run = sdk.runs.list(thread_id)[0]
    assert run["status"] == "error"
    assert sdk.runs.join(thread_id, run["run_id"]) == {"__error__": error}
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("error", error)


@pytest.mark.deviates("such exceptions end one run, and not the worker")
@pytest.mark.parametrize("kind", ["exit", "keyboard", "stop_iteration", "cancelled", "base"])
@pytest.mark.parametrize("graph", ["fails", "fails_sync"])
def test_exceptions_that_are_none_end_their_run_only(sdk: Any, graph: str, kind: str) -> None:
    other = sdk.runs.create(None, "steps", input={"seconds": 0.2}, on_completion="keep")
    thread_id = sdk.threads.create()["thread_id"]
    result = sdk.runs.wait(thread_id, graph, input={"kind": kind}, raise_error=False)
    assert set(result["__error__"]) == {"error", "message"}
    assert "secret" not in result["__error__"]["message"]
    assert sdk.runs.list(thread_id)[0]["status"] == "error"
    assert sdk.threads.get(thread_id)["status"] == "error"
    assert sdk.runs.join(other["thread_id"], other["run_id"])["log"] == ["a", "b", "c"]


def test_wait_raises_in_the_client(sdk: Any) -> None:
    with pytest.raises(Exception, match="boom happened"):
        sdk.runs.wait(None, "fails", input={"kind": "value"})


def test_stream_ends_with_the_error(sdk: Any) -> None:
    parts = list(
        sdk.runs.stream(None, "fails_late", input={"kind": "value"}, stream_mode="updates")
    )
    assert [part.event for part in parts] == ["metadata", "updates", "error"]
    assert parts[1].data == {"works": {"reached": "works"}}
    assert parts[2].data == {"error": "ValueError", "message": "boom happened"}


def test_task_error_in_streams_and_state(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    parts = list(sdk.runs.stream(thread_id, "fails", input={"kind": "own"}, stream_mode="tasks"))
    (result,) = [part.data for part in parts if part.event == "tasks" and "result" in part.data]
    assert result["error"] == {"error": "OwnError", "message": "An internal error occurred"}
    state = sdk.threads.get_state(thread_id)
    assert state["next"] == ["breaks"]
    assert state["tasks"][0]["error"] == "OwnError('secret text')"


def test_finished_steps_stay_and_a_retry_goes_on_from_them(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "fails_late", input={"kind": "value"}, raise_error=False)
    assert sdk.threads.get(thread_id)["values"] == {"kind": "value", "reached": "works"}
    again = sdk.runs.wait(thread_id, "fails_late", input=None, raise_error=False)
    assert again["__error__"]["error"] == "ValueError"


@pytest.mark.parametrize("given", [{"input": {"log": {}}}, {"command": {"update": {"log": {}}}}])
def test_what_no_channel_takes_is_no_mistake_of_the_server(sdk: Any, given: Any) -> None:
    """Its own log tells of it as of any run that fails: the fixture looks for more."""
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    result = sdk.runs.wait(thread_id, "echo", **given, raise_error=False)
    assert result["__error__"]["error"] == "TypeError"
    assert sdk.threads.get(thread_id)["status"] == "error"


def test_a_run_that_fails_otherwise_where_no_state_can_be_read_keeps_its_own_error(
    sdk: Any,
) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    sdk.runs.wait(thread_id, "echo", command={"update": {"log": {}}}, raise_error=False)
    config = {"recursion_limit": -1}
    result = sdk.runs.wait(thread_id, "echo", input={}, config=config, raise_error=False)
    assert result["__error__"]["error"] == "ValueError"


def test_success_clears_the_threads_error(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.wait(thread_id, "fails", input={"kind": "value"}, raise_error=False)
    sdk.runs.wait(thread_id, "echo", input={"foo": "1"})
    thread = sdk.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("idle", None)


def test_an_error_does_not_stop_the_queue(sdk: Any) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    sdk.runs.create(thread_id, "fails", input={"kind": "value"})
    second = sdk.runs.create(thread_id, "echo", input={"foo": "1"})
    assert sdk.runs.join(thread_id, second["run_id"])["foo"] == "1!"
    assert [run["status"] for run in sdk.runs.list(thread_id)] == ["success", "error"]
