"""Answers: stored JSON passes untouched; states are cut to what was selected."""

from __future__ import annotations

from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.errors import InvalidRequest
from lgtrio.storage.interface import AssistantRecord, ThreadRecord
from lgtrio.wire.assistants import default_assistant, render_assistant
from lgtrio.wire.enums import ThreadStatus
from lgtrio.wire.ids import default_assistant_id, new_id, parse_uuid
from lgtrio.wire.kwargs import RunKwargs
from lgtrio.wire.new_run import RunPlan
from lgtrio.wire.runs import RunCreate
from lgtrio.wire.states import EMPTY_STATE, select_from_state, with_checkpoint
from lgtrio.wire.threads import render_thread
from lgtrio.wire.times import in_seconds_iso, now_iso

ASSISTANT: AssistantRecord = default_assistant("echo", "two nodes", now_iso())


def test_the_default_assistant_has_the_id_that_clients_know() -> None:
    assert default_assistant_id("agent") == "fe096781-5601-53d2-b2f6-0d3403f7e9ca"
    shown = orjson.loads(render_assistant(ASSISTANT))
    assert shown["assistant_id"] == default_assistant_id("echo")
    assert shown["metadata"] == {"created_by": "system"}


def test_stored_json_is_not_parsed_on_its_way_out() -> None:
    thread = ThreadRecord(
        "t",
        "c",
        "u",
        "s",
        b"{}",
        b"{}",
        ThreadStatus.IDLE,
        ThreadStatus.IDLE,
        b"1.0e5",
        b"{}",
        None,
    )
    assert b'"values":1.0e5' in render_thread(thread)


def test_a_plan_becomes_a_run_that_can_be_executed() -> None:
    body = RunCreate(assistant_id="echo", input={"a": 1}, stream_subgraphs=True)
    plan = RunPlan(body, ASSISTANT, "t1", b'{"t":1}', "req", temporary=True)
    run = plan.new_run()
    assert (run.run_id, run.thread_id, run.graph_id) == (plan.run_id, "t1", "echo")
    assert (run.temporary, run.resumable, run.not_before) == (True, False, None)
    kwargs = RunKwargs.from_json(run.kwargs)
    assert (kwargs.input, kwargs.subgraphs, kwargs.context_given) == ({"a": 1}, True, False)
    configurable = kwargs.config["configurable"]
    assert configurable["run_id"] == run.run_id
    assert configurable["langgraph_auth_user_id"] == ""
    assert orjson.loads(run.metadata)["t"] == 1
    assert RunKwargs.from_json(kwargs.to_json()) == kwargs


@given(st.uuids())
def test_ids_are_taken_in_every_spelling_and_kept_in_one(uid: UUID) -> None:
    for text in (str(uid), str(uid).upper(), uid.hex, f"{{{uid}}}"):
        assert parse_uuid("thread", text) == str(uid)


@given(st.text())
def test_text_that_is_no_id(text: str) -> None:
    try:
        UUID(text)
    except ValueError:
        with pytest.raises(InvalidRequest, match="Invalid thread ID: must be a UUID"):
            parse_uuid("thread", text)


def test_new_ids_and_times_sort_by_when_they_were_made() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    times = [now_iso(), in_seconds_iso(1), in_seconds_iso(3600)]
    assert times == sorted(times)
    assert all(time.endswith("+00:00") and len(time) == 32 for time in times)


def test_select_keeps_what_was_asked_for() -> None:
    state = orjson.dumps({**orjson.loads(EMPTY_STATE), "values": {"a": 1, "b": 2}})
    assert select_from_state(state, []) is state
    assert orjson.loads(select_from_state(state, ["values.a", "values.c"])) == {"values": {"a": 1}}
    assert orjson.loads(select_from_state(state, ["values.a", "values"]))["values"] == {
        "a": 1,
        "b": 2,
    }
    for wrong in (["nothing"], ["next.a"]):
        with pytest.raises(InvalidRequest, match="select"):
            select_from_state(state, wrong)


def test_a_checkpoint_is_added_only_where_there_is_none() -> None:
    added = orjson.loads(with_checkpoint(EMPTY_STATE, "t1"))
    assert added["checkpoint"] == {"thread_id": "t1", "checkpoint_ns": "", "checkpoint_id": None}
    has_one = orjson.dumps({"checkpoint": {"checkpoint_id": "c"}})
    assert with_checkpoint(has_one, "t1") is has_one
