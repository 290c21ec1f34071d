"""Request bodies: exactly the JSON types, sentences with paths, null as absent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph_sdk import schema

from lgtrio.errors import InvalidRequest
from lgtrio.wire import assistants, crons, runs, thread_search
from lgtrio.wire.converter import parse
from lgtrio.wire.enums import (
    AssistantSort,
    CancelAction,
    CancelStatus,
    CronSort,
    Durability,
    KeepStrategy,
    MultitaskStrategy,
    RunStatus,
    StreamMode,
    ThreadSort,
    ThreadStatus,
    ThreadStreamMode,
)
from lgtrio.wire.query import Query
from lgtrio.wire.runs import RunCreate
from lgtrio.wire.states import HistoryQuery, StateUpdate
from lgtrio.wire.threads import ThreadCreate

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KINDS = {bool: "boolean", int: "integer", str: "string", list: "list", dict: "object"}


def run(**fields: Any) -> RunCreate:
    return parse(RunCreate, orjson.dumps({"assistant_id": "a", **fields}))


def refusal(cls: type, body: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse(cls, orjson.dumps(body))
    return caught.value.detail


@given(st.binary())
def test_any_bytes_are_json_of_the_shape_or_refused(data: bytes) -> None:
    with suppress(InvalidRequest):
        parse(ThreadCreate, data)


@given(JSON)
def test_any_json_is_of_the_shape_or_refused(body: Any) -> None:
    for cls in (ThreadCreate, RunCreate, StateUpdate, HistoryQuery):
        with suppress(InvalidRequest):
            parse(cls, orjson.dumps(body))


@given(st.dictionaries(st.sampled_from(["input", "metadata", "x", "y"]), JSON))
def test_unknown_keys_are_ignored_and_input_is_kept_as_it_is(fields: dict[str, Any]) -> None:
    fields.pop("metadata", None)
    assert run(**fields).input == fields.get("input")


@given(st.dictionaries(st.text(), JSON))
def test_free_objects_are_kept_verbatim(metadata: dict[str, Any]) -> None:
    assert run(metadata=metadata).metadata == metadata


def test_null_is_absent_everywhere() -> None:
    names = [field.name for field in RunCreate.__attrs_attrs__ if field.name != "assistant_id"]  # type: ignore[attr-defined]
    assert run(**dict.fromkeys(names)) == run()


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("stream_subgraphs", True, [1, "true", {}]),
        ("metadata", {"a": 1}, [[], "x", 1]),
        ("after_seconds", 1.5, [True, "1", -0.1, 1e12]),
        ("interrupt_before", ["n"], ["n", [1], {}]),
        ("interrupt_after", "*", ["n", 1]),
        ("durability", "exit", ["Exit", 1, []]),
        ("checkpoint", {"checkpoint_id": "c"}, ["c", {"checkpoint_id": 1}]),
        ("feedback_keys", ["a"], ["a", [1]]),
        ("command", {"resume": 1}, [{}, {"other": 1}, [], "resume"]),
    ],
)
def test_types_are_exact_and_the_sentence_names_the_field(
    field: str, good: Any, bad: list[Any]
) -> None:
    run(**{field: good})
    for value in bad:
        sentence = refusal(RunCreate, {"assistant_id": "a", field: value})
        assert field in sentence or "checkpoint_id" in sentence, sentence
        assert " must be " in sentence, sentence


def test_every_problem_is_named_at_once() -> None:
    sentence = refusal(RunCreate, {"metadata": 1, "config": {"tags": [1]}})
    assert "`assistant_id` is required" in sentence
    assert "`metadata` must be an object, got 1" in sentence
    assert "tags" in sentence


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert len(refusal(RunCreate, {"assistant_id": "a", "metadata": "x" * 10_000})) < 300


@pytest.mark.parametrize(
    ("given_mode", "modes"),
    [
        ("updates", ["updates"]),
        ([], ["values"]),
        ("", ["values"]),
        (["values", "custom", "values"], ["values", "custom"]),
    ],
)
def test_stream_modes(given_mode: Any, modes: list[str]) -> None:
    assert list(run(stream_mode=given_mode).stream_mode) == [StreamMode(mode) for mode in modes]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (StreamMode, schema.StreamMode),
        (ThreadStreamMode, schema.ThreadStreamMode),
        (RunStatus, schema.RunStatus),
        (ThreadStatus, schema.ThreadStatus),
        (MultitaskStrategy, schema.MultitaskStrategy),
        (Durability, schema.Durability),
        (CancelAction, schema.CancelAction),
        (CancelStatus, schema.BulkCancelRunsStatus),
        (AssistantSort, schema.AssistantSortBy),
        (ThreadSort, schema.ThreadSortBy),
        (CronSort, schema.CronSortBy),
        (KeepStrategy, schema.PruneStrategy),
    ],
)
def test_words_are_those_of_the_clients_types(ours: type[StrEnum], theirs: Any) -> None:
    assert {str(word) for word in ours} == set(get_args(theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (assistants.FIELDS, schema.AssistantSelectField),
        (thread_search.SELECTABLE, schema.ThreadSelectField),
        (runs.RUN_COLUMNS, schema.RunSelectField),
        (crons.SELECTABLE, schema.CronSelectField),
    ],
)
def test_what_clients_may_select_is_there(ours: Sequence[str], theirs: Any) -> None:
    assert set(get_args(theirs)) <= set(ours)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Durability.ASYNC),
        ({"checkpoint_during": True}, Durability.ASYNC),
        ({"checkpoint_during": False}, Durability.EXIT),
        ({"checkpoint_during": False, "durability": "sync"}, Durability.SYNC),
    ],
)
def test_durability(fields: dict[str, Any], expected: Durability) -> None:
    assert run(**fields).effective_durability() is expected


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ({"resume": None}, {"resume": None}),
        ({"resume": 0, "update": None, "goto": None}, {"resume": 0}),
        ({"resume": 0, "update": {}, "goto": []}, {"resume": 0}),
        ({"update": [["k", 1]], "x": 1}, {"update": [["k", 1]]}),
        ({"goto": ["a", {"node": "b", "input": {}}]}, {"goto": ["a", {"node": "b", "input": {}}]}),
    ],
)
def test_commands(command: Any, kept: Any) -> None:
    assert run(command=command).command == kept


def test_the_checkpoint_object_wins_over_the_id_beside_it() -> None:
    both = run(checkpoint={"checkpoint_id": "one", "checkpoint_ns": ""}, checkpoint_id="two")
    assert both.fork_point() == {"checkpoint_id": "one", "checkpoint_ns": ""}
    assert run(checkpoint={"thread_id": "t"}, checkpoint_id="two").fork_point() == {
        "checkpoint_id": "two"
    }


# -- queries -------------------------------------------------------------------------------


def test_an_empty_value_is_an_absent_one() -> None:
    query = Query([("a", ""), ("b", "1"), ("b", "2"), ("b", "")])
    assert (query.last("a"), query.last("b"), query.all("b")) == (None, "2", ["1", "2"])
    assert query.boolean("a", default=True) is True
    assert query.count("a", default=7) == 7


@given(st.lists(st.text()))
def test_a_list_may_be_sent_as_json(texts: list[str]) -> None:
    """As the JavaScript client 2.0.0 does."""
    query = Query([("a", orjson.dumps(texts).decode()), ("a", "last"), ("b", "other")])
    assert query.given("a") == [*texts, "last"]
    assert query.all("a") == [*filter(None, texts), "last"]


@pytest.mark.parametrize("text", ["[", "[1, 2]", '["a"', "[]x", '[["a"]]', '{"a": 1}'])
def test_other_texts_are_taken_as_they_are(text: str) -> None:
    assert Query([("a", text)]).all("a") == [text]


@given(st.text())
def test_a_count_is_a_number_or_refused(text: str) -> None:
    with suppress(InvalidRequest):
        number = Query([("limit", text)]).count("limit", default=3, error=InvalidRequest)
        assert number == (int(text) if text else 3)
        assert number >= 0


@pytest.mark.parametrize("text", ["-1", "1.5", "ten", str(1 << 63)])
def test_a_count_that_is_refused_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Invalid limit {text}"):
        Query([("limit", text)]).count("limit", default=3, error=InvalidRequest)
