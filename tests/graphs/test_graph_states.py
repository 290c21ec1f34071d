"""State operations below HTTP: what the end-to-end tests do not reach."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graph_client import Client, Open, record

from lgtrio.errors import BadRequest, NotFound
from lgtrio.wire.states import EMPTY_STATE

THREAD = "0190f5a0-0000-7000-8000-000000000001"


async def _update(client: Client, graph: str, thread_id: str, values: Any, **options: Any) -> Any:
    return await client.side.states.update_state(thread_id, graph, values=values, **options)


async def test_a_thread_without_a_checkpoint(open_graphs: Open):
    async with open_graphs() as client:
        assert await client.side.states.get_state(THREAD, "echo") == EMPTY_STATE
        assert await client.side.states.get_history(THREAD, "echo", limit=10) == b"[]"


async def test_what_is_not_there_is_not_found(open_graphs: Open):
    async with open_graphs() as client:
        with pytest.raises(NotFound, match="bogus"):
            await client.state("echo", THREAD, checkpoint={"checkpoint_id": "bogus"})
        with pytest.raises(NotFound, match="Graph 'nope' not found"):
            await client.state("nope", THREAD)


async def test_a_subgraph_that_waits_is_a_state_within_its_task(open_graphs: Open):
    async with open_graphs() as client:
        run = record("ask_nested", {})
        await client.run("ask_nested", run=run)
        (task,) = (await client.state("ask_nested", run.thread_id))["tasks"]
        place = {"thread_id": run.thread_id, "checkpoint_ns": f"inner:{task['id']}"}
        assert (task["checkpoint"], task["state"]) == (place, None)
        assert [each["value"] for each in task["interrupts"]] == [{"q": "name?"}]

        (task,) = (await client.state("ask_nested", run.thread_id, subgraphs=True))["tasks"]
        assert task["checkpoint"] is None
        inner = task["state"]
        assert inner["next"] == ["asker"]
        assert inner["checkpoint"]["checkpoint_ns"] == place["checkpoint_ns"]
        assert "" in inner["checkpoint"]["checkpoint_map"]

        at = {"checkpoint_ns": place["checkpoint_ns"]}
        assert (await client.state("ask_nested", run.thread_id, checkpoint=at))["next"] == ["asker"]


async def test_an_error_is_shown_unmasked_on_its_task(open_graphs: Open):
    async with open_graphs() as client:
        run = record("fails", {"kind": "own"})
        await client.run("fails", run=run)
        state = await client.state("fails", run.thread_id)
    assert state["next"] == ["breaks"]
    assert state["tasks"][0]["error"] == "OwnError('secret text')"


async def test_an_update_says_what_the_thread_is_now(open_graphs: Open):
    async with open_graphs() as client:
        updated = await _update(client, "echo", THREAD, {"foo": "x"}, as_node="e1")
        assert orjson.loads(updated.values) == {"foo": "x", "log": []}
        assert (updated.next, updated.interrupts) == (("e2",), b"{}")
        state = await client.state("echo", THREAD)
        assert state["checkpoint"]["checkpoint_id"] == orjson.loads(updated.config)["checkpoint_id"]
        metadata = {key: state["metadata"][key] for key in ("source", "graph_id", "thread_id")}
        assert metadata == {"source": "update", "graph_id": "echo", "thread_id": THREAD}


@pytest.mark.parametrize(
    ("values", "as_node", "sentence"),
    [
        ({}, "nonode", "Node nonode does not exist"),
        ([{"foo": 1}], "e1", "Expected dict"),
        ({"log": 5}, "e1", "TypeError"),
    ],
)
async def test_an_update_that_does_not_fit_is_the_callers_mistake(
    open_graphs: Open, values: Any, as_node: str, sentence: str
):
    async with open_graphs() as client:
        with pytest.raises(BadRequest, match=sentence):
            await _update(client, "echo", THREAD, values, as_node=as_node)


async def test_a_graph_that_keeps_nothing_has_no_state(open_odd: Open):
    async with open_odd() as client:
        with pytest.raises(BadRequest, match="checkpointer=False"):
            await client.state("forgetful", THREAD)


async def test_history_filters(open_graphs: Open):
    async with open_graphs() as client:
        run = record("echo", {"foo": "x"})
        await client.run("echo", run=run)

        async def steps(**options: Any) -> list[int]:
            states = await client.side.states.get_history(
                run.thread_id, "echo", **{"limit": 10, **options}
            )
            return [each["metadata"]["step"] for each in orjson.loads(states)]

        assert await steps() == [2, 1, 0, -1]
        assert await steps(limit=2) == [2, 1]
        assert await steps(metadata={"source": "input"}) == [-1]
        latest = await client.state("echo", run.thread_id)
        assert await steps(before=latest["checkpoint_id"]) == [1, 0, -1]
        at = {"checkpoint_id": latest["parent_checkpoint_id"]}
        assert await steps(checkpoint=at) == [1]
