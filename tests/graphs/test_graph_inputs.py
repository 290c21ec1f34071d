"""What nodes see of a run's kwargs, and commands as LangGraph takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from graph_client import Open, record
from langgraph.types import Command, Send
from pydantic import BaseModel, ValidationError

from lgtrio.graphs.inputs import run_context, to_command, unknown_context
from lgtrio.runs.executor import GraphEnd
from lgtrio.wire.enums import StreamMode
from lgtrio.wire.kwargs import RunKwargs


@dataclass
class Needs:
    key: str
    more: int = 1


class Model(BaseModel):
    key: str


def _kwargs(context: dict[str, Any] | None, *, given: bool = True) -> RunKwargs:
    return RunKwargs(
        None, None, {"configurable": {}}, context, (StreamMode.VALUES,), context_given=given
    )


def test_context_takes_the_form_that_the_graph_declares():
    assert run_context(None, _kwargs({"a": 1})) == {"a": 1}
    assert run_context(Needs, _kwargs({"key": "k", "other": 2})) == Needs("k")
    assert run_context(Model, _kwargs({"key": "k"})) == Model(key="k")
    assert run_context(dict, _kwargs({"key": "k"})) == {"key": "k"}


def test_context_that_does_not_fit_is_the_runs_error():
    with pytest.raises(TypeError, match="key"):
        run_context(Needs, _kwargs({"more": 2}))
    with pytest.raises(ValidationError):
        run_context(Model, _kwargs({"key": []}))


def test_no_context_at_all_is_none_where_something_is_needed():
    assert run_context(Needs, _kwargs(None)) is None
    assert run_context(Model, _kwargs({})) is None


def test_unknown_context_is_kept_from_configurable():
    context = {"key": "k", "other": 1}
    assert unknown_context(Needs, _kwargs(context)) == {"other"}
    assert unknown_context(Needs, _kwargs(context, given=False)) == frozenset()
    assert unknown_context(None, _kwargs(context)) == frozenset()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"goto": "n"}, Command(goto=["n"])),
        ({"goto": ["a", "b"]}, Command(goto=["a", "b"])),
        ({"goto": {"node": "n", "input": {"x": 1}}}, Command(goto=[Send("n", {"x": 1})])),
        ({"update": {"a": 1}}, Command(update={"a": 1}, goto=[])),
        ({"update": [["a", 1]]}, Command(update=[("a", 1)], goto=[])),
        ({"resume": "yes"}, Command(resume="yes", goto=[])),
    ],
)
def test_commands(sent: dict[str, Any], expected: Command[Any]):
    assert to_command(sent) == expected


async def test_what_a_node_sees(open_graphs: Open):
    config = {
        "configurable": {"mine": 1, "__pregel_checkpointer": "evil", "thread_id": "other"},
        "metadata": {"team": "blue"},
        "tags": ["t"],
        "recursion_limit": 7,
    }
    async with open_graphs() as client:
        run = record(
            "context", {}, config=config, context={"model": "m1", "new": 2}, context_given=True
        )
        outcome = await client.run("context", run=run)
    seen = orjson.loads(outcome.values)["seen"]
    assert seen["model"] == "m1"
    assert seen["recursion_limit"] == 7
    assert seen["tags"] == ["t"]
    assert seen["configurable"]["mine"] == 1
    assert "new" not in seen["configurable"]
    server_keys = ("run_id", "thread_id", "assistant_id", "graph_id")
    for key in server_keys:
        assert seen["configurable"][key] == getattr(run, key)
    metadata = seen["metadata"]
    assert (metadata["team"], metadata["run_attempt"]) == ("blue", 1)
    assert metadata["langgraph_node"] == "look"


async def test_static_interrupts(open_graphs: Open):
    async with open_graphs() as client:
        run = record("echo", {"foo": "x"}, interrupt_before=["e2"])
        stopped = await client.run("echo", run=run)
        assert (stopped.end, stopped.next) == (GraphEnd.FINISHED, ("e2",))
        assert stopped.interrupts == b"{}"
        assert stopped.result == stopped.values
        done = await client.run("echo", thread_id=run.thread_id)
    assert orjson.loads(done.values) == {"foo": "x!", "log": ["e1", "e2"]}


async def test_an_interrupt_is_part_of_the_result(open_graphs: Open):
    async with open_graphs() as client:
        outcome = await client.run("ask_parallel", {})
    asked = orjson.loads(outcome.result)["__interrupt__"]
    assert sorted(each["value"]["q"] for each in asked) == ["left?", "right?"]
    assert all(set(each) == {"value", "id", "response_schema"} for each in asked)
    stored = [each for task in orjson.loads(outcome.interrupts).values() for each in task]
    assert {each["id"] for each in stored} == {each["id"] for each in asked}
    assert set(stored[0]) == {"id", "value"}
    assert sorted(outcome.next) == ["left", "right"]


async def test_a_graph_without_a_checkpointer_runs_and_keeps_nothing(open_odd: Open):
    async with open_odd() as client:
        outcome = await client.run("forgetful", {})
        assert orjson.loads(outcome.values) == {"log": ["quick"]}
        assert client.rows() == (0, 0, 0)


async def test_the_store_is_shared_by_runs(open_graphs: Open):
    async with open_graphs() as client:
        await client.run("remembers", {"who": "ann", "note": "blue"})
        outcome = await client.run("remembers", {"who": "ann"})
    assert orjson.loads(outcome.values)["found"] == "blue"


async def test_a_factory_sees_the_runs_config(open_graphs: Open):
    async with open_graphs() as client:
        large = await client.run("made_per_run", {}, config={"configurable": {"size": "large"}})
        small = await client.run("made_per_run", {})
    assert orjson.loads(large.values) == {"size": "large"}
    assert orjson.loads(small.values) == {"size": "small"}
