"""What the tap hears is what iterating over `astream` gives: same frames, same order.

The tap listens by way of private parts of LangGraph; these tests notice when those change.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson
import pytest
import trio
import trio.testing
from graph_client import Client, Open, Recorder, no_other_task, record
from langgraph.checkpoint.memory import InMemorySaver

from lgtrio.graphs.encode import to_json

DIRECT = ["values", "updates", "custom", "tasks", "checkpoints"]
INPUTS = {
    "echo": {"foo": "hi"},
    "nested": {},
    "emit": {"count": 5},
    "ask": {"foo": "x"},
    "ask_nested": {},
    "context": {},
}
_UNSTABLE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")


def _stable(frames: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Without ids, and without the keys of `configurable` that a server adds."""
    return [
        (_UNSTABLE.sub("*", event), _UNSTABLE.sub("*", orjson.dumps(_bare(data)).decode()))
        for event, data in frames
    ]


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if not isinstance(value, dict):
        return value
    dropped = {"configurable", "metadata", "timestamp", "checkpoint", "parent_checkpoint", "seen"}
    return {key: _bare(each) for key, each in value.items() if key not in dropped}


async def _by_iteration(
    client: Client, graph: str, modes: list[str], subgraphs: bool
) -> list[tuple[str, Any]]:
    sample = client.side.graphs[graph].sample.copy(update={"checkpointer": InMemorySaver()})
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 25}

    async def iterate() -> list[tuple[str, Any]]:
        frames = []
        async for part in sample.astream(
            INPUTS[graph], config, stream_mode=modes, subgraphs=subgraphs
        ):
            namespace, mode, data = part if subgraphs else ((), *part)
            frames.append(("|".join((mode, *namespace)), orjson.loads(to_json(data))))
        return frames

    return await client.side.executor.slots[graph].call(iterate)


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("graph", INPUTS)
async def test_the_tap_hears_what_iteration_gives(open_graphs: Open, graph: str, subgraphs: bool):
    async with open_graphs() as client:
        for modes in (["values"], ["updates"], ["custom"], DIRECT):
            sink = Recorder()
            await client.run(graph, INPUTS[graph], modes=modes, subgraphs=subgraphs, sink=sink)
            expected = await _by_iteration(client, graph, modes, subgraphs)
            assert _stable(sink.frames) == _stable(expected)
            assert {part.mode for part in sink.seen} <= set(modes)


async def test_messages_of_a_streaming_model(open_graphs: Open):
    given = {"messages": [{"role": "user", "content": "1+3?"}]}
    async with open_graphs() as client:
        partial_sink, tuple_sink = Recorder(), Recorder()
        await client.run("chat", given, modes=["messages"], sink=partial_sink)
        await client.run("chat", given, modes=["messages-tuple", "messages"], sink=tuple_sink)
    frames = partial_sink.frames
    announced = [next(iter(data)) for event, data in frames if event == "messages/metadata"]
    assert len(announced) == len(set(announced)) == 3, "two answers and a tool result"
    answers = [data[0] for event, data in frames if event == "messages/partial"]
    last = announced[-1]
    assert [each["content"] for each in answers if each["id"] == last] == [
        "the ",
        "the answer ",
        "the answer is ",
        "the answer is 4",
        "the answer is 4",
    ]
    assert {each["type"] for each in answers} == {"ai"}
    assert answers[0]["tool_calls"][0]["args"] == {"a": 1, "b": 3}
    ((tool,),) = [data for event, data in frames if event == "messages/complete"]
    assert (tool["type"], tool["content"]) == ("tool", "4")

    assert {event for event, _ in tuple_sink.frames} == {"messages"}, "the tuple wins"
    chunks = [data for _, data in tuple_sink.frames]
    assert "".join(each["content"] for each, meta in chunks if meta["langgraph_step"] == 3) == (
        "the answer is 4"
    )
    assert {each["type"] for each, _ in chunks} == {"AIMessageChunk", "tool"}
    assert {meta["langgraph_node"] for _, meta in chunks} == {"model", "tools"}


async def test_parts_of_several_modes_keep_the_order_in_which_they_came_about(open_graphs: Open):
    given = {"messages": [{"role": "user", "content": "1+3?"}]}
    async with open_graphs() as client:
        sink = Recorder()
        modes = ["messages-tuple", "updates", "values"]
        await client.run("chat", given, modes=modes, sink=sink)
    order = [event for event, _ in sink.frames]
    assert order == [
        "values",
        *["messages"] * 2,
        "updates",
        "values",
        "messages",
        "updates",
        "values",
        *["messages"] * 5,
        "updates",
        "values",
    ]


async def test_events(open_graphs: Open):
    async with open_graphs() as client:
        sink = Recorder()
        run = record("chat", {"messages": [{"role": "user", "content": "?"}]}, modes=["events"])
        await client.run("chat", run=run, sink=sink)
    records = [data for event, data in sink.frames if event == "events"]
    assert len(records) == len(sink.frames)
    assert records[0]["event"] == "on_chain_start"
    assert records[0]["run_id"] == run.run_id
    assert records[-1]["event"] == "on_chain_end"
    assert records[-1]["run_id"] == run.run_id
    kinds = {each["event"] for each in records}
    assert {"on_chat_model_stream", "on_tool_end"} <= kinds
    streamed_by = {each["run_id"] for each in records if each["event"] == "on_chain_stream"}
    assert run.run_id not in streamed_by


async def test_debug_names_checkpoints_as_states_do(open_graphs: Open):
    async with open_graphs() as client:
        sink = Recorder()
        run = record("nested", {}, modes=["debug"])
        await client.run("nested", run=run, sink=sink)
        state = await client.state("nested", run.thread_id)
    checkpoints = [data["payload"] for _, data in sink.frames if data["type"] == "checkpoint"]
    assert checkpoints[0]["parent_checkpoint"] is None
    assert checkpoints[-1]["checkpoint"] == state["checkpoint"]
    assert checkpoints[-1]["parent_checkpoint"] == state["parent_checkpoint"]
    tasks = [task for each in checkpoints for task in each["tasks"] if task["name"] == "child"]
    assert tasks[0]["checkpoint"]["checkpoint_ns"] == f"child:{tasks[0]['id']}"
    assert "state" not in tasks[0]


async def test_one_wake_up_brings_everything_that_is_waiting(open_graphs: Open):
    """Parts cross in batches: a burst while Trio is busy is one delivery."""
    batches: list[int] = []

    class Counting(Recorder):
        def parts(self, parts: Any) -> None:
            batches.append(len(parts))
            super().parts(parts)

    async with open_graphs() as client:
        slot = client.side.executor.slots["emit"]
        async with trio.open_nursery() as nursery:
            sink = Counting()
            run = record("emit", {"count": 500}, modes=["custom"])
            nursery.start_soon(client.side.executor.execute, run, sink)
            await trio.testing.wait_all_tasks_blocked()
            # Hold the Trio loop until the graph has done all its work.
            finished = asyncio.run_coroutine_threadsafe(no_other_task(), slot.loop.asyncio_loop)
            finished.result(20)
    assert sum(batches) == 500
    assert len(batches) <= 3


# -- nobody listens ------------------------------------------------------------------------


@pytest.mark.parametrize("deaf", [3, 10_000])
async def test_what_nobody_wants_is_not_sent_and_changes_nothing(
    open_graphs: Open, deaf: int
) -> None:
    modes = ["values", "updates", "custom", "messages", "tasks"]
    async with open_graphs() as client:
        everything, late = Recorder(), Recorder(deaf=deaf)
        heard = await client.run("nested", {}, sink=everything, modes=modes)
        missed = await client.run("nested", {}, sink=late, modes=modes)
    assert missed.result == heard.result
    assert _stable(late.frames) == _stable(everything.frames)[deaf:]
