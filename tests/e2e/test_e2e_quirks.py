"""Where the reference server surprises, each by its number in the list of quirks.

Most of them stand with the other tests of their subject; here are those without such a place.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from langgraph_sdk.errors import NotFoundError


@pytest.fixture
def thread_id(sdk: Any) -> str:
    return sdk.threads.create()["thread_id"]


def test_quirk_14_a_run_that_stops_to_ask_has_succeeded(sdk: Any, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "ask", input={"foo": "hi"})
    (run,) = sdk.runs.list(thread_id)
    assert run["status"] == "success"
    assert sdk.runs.list(thread_id, status="interrupted") == []
    assert sdk.threads.get(thread_id)["status"] == "interrupted"


@pytest.mark.deviates("a join answers as a wait")
def test_quirk_15_a_join_of_a_run_that_asks_has_the_values(sdk: Any, thread_id: str) -> None:
    waited = sdk.runs.wait(thread_id, "ask", input={"foo": "hi"})
    (run,) = sdk.runs.list(thread_id)
    joined = sdk.runs.join(thread_id, run["run_id"])
    assert joined == waited
    assert joined["foo"] == "hi"
    assert [each["value"] for each in joined["__interrupt__"]] == [{"q": "name?"}]


@pytest.mark.deviates("a pending run is deleted, and nothing of it stays")
def test_quirk_23_a_pending_run_that_is_rolled_back_is_deleted(sdk: Any, thread_id: str) -> None:
    before = sdk.threads.get(thread_id)
    run = sdk.runs.create(thread_id, "echo", input={"foo": "1"}, after_seconds=60)
    sdk.runs.cancel(thread_id, run["run_id"], action="rollback", wait=True)
    with pytest.raises(NotFoundError):
        sdk.runs.get(thread_id, run["run_id"])
    assert {**sdk.threads.get(thread_id), "updated_at": None} == {**before, "updated_at": None}


@pytest.mark.deviates("busy as long as a run waits or works")
@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
def test_quirk_24_a_thread_is_busy_while_its_last_run_waits(
    sdk: Any, thread_id: str, strategy: Any
) -> None:
    waiting = {"input": {"foo": "1"}, "after_seconds": 60}
    for _ in range(3):
        sdk.runs.create(thread_id, "echo", multitask_strategy=strategy, **waiting)
        assert sdk.threads.get(thread_id)["status"] == "busy"
    assert [run["status"] for run in sdk.runs.list(thread_id, status="pending")] == ["pending"]
    sdk.runs.cancel_many(thread_id=thread_id, run_ids=[sdk.runs.list(thread_id)[0]["run_id"]])
    assert sdk.threads.get(thread_id)["status"] == "idle"


@pytest.mark.deviates("a thread that is not there has no stream")
def test_quirk_29_the_stream_of_an_unknown_thread(sdk: Any) -> None:
    with pytest.raises(NotFoundError):
        next(iter(sdk.threads.join_stream(str(uuid.uuid4()))))
