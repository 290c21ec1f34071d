"""Streams through the official clients: every mode, subgraphs, joining and resuming."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from itertools import pairwise
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

from support.server import Server
from support.waiting import eventually

SUBGRAPH = re.compile(r"^(?P<mode>[a-z-]+)\|(?P<path>[^|]+:[0-9a-f-]+(\|[^|]+:[0-9a-f-]+)*)$")


@pytest.fixture
def thread_id(sdk: Any) -> str:
    return sdk.threads.create()["thread_id"]


def events(parts: list[Any]) -> list[str]:
    return [part.event for part in parts]


def data_of(parts: list[Any], event: str) -> list[Any]:
    return [part.data for part in parts if part.event == event]


# -- modes ---------------------------------------------------------------------------------


def test_values_is_the_default(sdk: Any, thread_id: str) -> None:
    for fields in ({}, {"stream_mode": []}, {"stream_mode": "values"}):
        thread_id = sdk.threads.create()["thread_id"]
        parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, **fields))
        assert events(parts) == ["metadata", "values", "values", "values"]
        assert [part.data for part in parts[1:]] == [
            {"foo": "1", "log": []},
            {"foo": "1", "log": ["e1"]},
            {"foo": "1!", "log": ["e1", "e2"]},
        ]


def test_metadata_comes_first(sdk: Any, thread_id: str) -> None:
    seen: list[dict[str, Any]] = []
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, on_run_created=seen.append))
    run_id = sdk.runs.list(thread_id)[0]["run_id"]
    assert parts[0].data == {"run_id": run_id, "attempt": 1}
    assert seen == [{"run_id": run_id, "thread_id": thread_id}]


def test_updates(sdk: Any, thread_id: str) -> None:
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, stream_mode="updates"))
    assert data_of(parts, "updates") == [
        {"e1": {"log": ["e1"]}},
        {"e2": {"foo": "1!", "log": ["e2"]}},
    ]


def test_custom(sdk: Any) -> None:
    parts = list(sdk.runs.stream(None, "emit", input={"count": 50}, stream_mode="custom"))
    assert data_of(parts, "custom") == [{"n": number} for number in range(50)]


def test_messages(sdk: Any, thread_id: str) -> None:
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    parts = list(sdk.runs.stream(thread_id, "chat", input=question, stream_mode="messages"))
    assert set(events(parts)) == {
        "metadata",
        "messages/metadata",
        "messages/partial",
        "messages/complete",
    }
    partial = [message for (message,) in data_of(parts, "messages/partial")]
    assert partial[-1]["content"] == "the answer is 4"
    assert partial[-1]["type"] == "ai"
    contents = [each["content"] for each in partial if each["id"] == partial[-1]["id"]]
    assert all(after.startswith(before) for before, after in pairwise(contents))
    assert partial[0]["tool_calls"][0]["name"] == "add"
    ((answer,),) = data_of(parts, "messages/complete")
    assert (answer["type"], answer["content"], answer["name"]) == ("tool", "4", "add")
    described = Counter(key for data in data_of(parts, "messages/metadata") for key in data)
    assert set(described.values()) == {1}, "metadata once per message"
    assert set(described) == {each["id"] for each in [*partial, answer]}


def test_messages_tuple(sdk: Any, thread_id: str) -> None:
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    parts = list(sdk.runs.stream(thread_id, "chat", input=question, stream_mode="messages-tuple"))
    assert set(events(parts)) == {"metadata", "messages"}
    chunks = [chunk for chunk, metadata in data_of(parts, "messages")]
    text = "".join(each["content"] for each in chunks if each["type"] == "AIMessageChunk")
    assert text == "the answer is 4"
    assert [each["content"] for each in chunks if each["type"] == "tool"] == ["4"]
    assert {metadata["langgraph_node"] for _, metadata in data_of(parts, "messages")} == {
        "model",
        "tools",
    }


def test_tuples_win_over_messages(sdk: Any, thread_id: str) -> None:
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    modes = ["messages", "messages-tuple"]
    parts = list(sdk.runs.stream(thread_id, "chat", input=question, stream_mode=modes))
    assert set(events(parts)) == {"metadata", "messages"}


def test_tasks(sdk: Any, thread_id: str) -> None:
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, stream_mode="tasks"))
    starts = [data for data in data_of(parts, "tasks") if "input" in data]
    results = [data for data in data_of(parts, "tasks") if "result" in data]
    assert [task["name"] for task in starts] == [task["name"] for task in results] == ["e1", "e2"]
    assert [task["id"] for task in starts] == [task["id"] for task in results]
    assert results[1]["result"] == {"foo": "1!", "log": ["e2"]}
    assert results[1]["error"] is None
    assert results[1]["interrupts"] == []


@pytest.mark.parametrize("durability", ["async", "exit"])
def test_checkpoints(sdk: Any, thread_id: str, durability: str) -> None:
    parts = list(
        sdk.runs.stream(
            thread_id,
            "echo",
            input={"foo": "1"},
            stream_mode="checkpoints",
            durability=durability,
        )
    )
    found = data_of(parts, "checkpoints")
    assert [each["metadata"]["step"] for each in found] == [-1, 0, 1, 2]
    assert [each["next"] for each in found] == [["__start__"], ["e1"], ["e2"], []]
    assert found[-1]["values"] == {"foo": "1!", "log": ["e1", "e2"]}
    newest = found[-1]["config"]["configurable"]["checkpoint_id"]
    assert sdk.threads.get_state(thread_id)["checkpoint_id"] == newest


def test_debug(sdk: Any, thread_id: str) -> None:
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, stream_mode="debug"))
    kinds = [each["type"] for each in data_of(parts, "debug")]
    assert Counter(kinds) == {"checkpoint": 4, "task": 2, "task_result": 2}
    last = [each for each in data_of(parts, "debug") if each["type"] == "checkpoint"][-1]
    assert last["payload"]["values"]["foo"] == "1!"
    assert last["payload"]["checkpoint"]["thread_id"] == thread_id
    assert last["payload"]["parent_checkpoint"]["checkpoint_id"]


def test_events(sdk: Any, thread_id: str) -> None:
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    parts = list(sdk.runs.stream(thread_id, "chat", input=question, stream_mode="events"))
    found = data_of(parts, "events")
    assert {"on_chain_start", "on_chain_end", "on_chat_model_stream"} <= {
        each["event"] for each in found
    }
    run_id = parts[0].data["run_id"]
    roots = [each for each in found if each["run_id"] == run_id]
    assert (roots[0]["event"], roots[0]["name"]) == ("on_chain_start", "chat")
    assert roots[-1]["event"] == "on_chain_end"
    tokens = [each for each in found if each["event"] == "on_chat_model_stream"]
    text = "".join(each["data"]["chunk"]["content"] for each in tokens)
    assert text == "the answer is 4"


def test_events_beside_another_mode(sdk: Any, thread_id: str) -> None:
    modes = ["events", "updates"]
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, stream_mode=modes))
    assert {"events", "updates"} <= set(events(parts))
    assert data_of(parts, "updates") == [
        {"e1": {"log": ["e1"]}},
        {"e2": {"foo": "1!", "log": ["e2"]}},
    ]


@pytest.mark.parametrize("subgraphs", [False, True])
def test_tools_tell_what_they_do(sdk: Any, thread_id: str, subgraphs: bool) -> None:
    parts = list(
        sdk.runs.stream(
            thread_id,
            "tools",
            input={"messages": []},
            stream_mode="tools",
            stream_subgraphs=subgraphs,
        )
    )
    assert [part.event for part in parts] == ["metadata", *["tools"] * 8]
    told: dict[str, list[Any]] = {}
    for part in parts[1:]:
        assert part.data["toolCallId"] == f"call-{part.data['name']}"
        told.setdefault(part.data["name"], []).append(part.data)
    counted = told["count"]
    assert [each["event"] for each in counted] == [
        "on_tool_start",
        "on_tool_event",
        "on_tool_event",
        "on_tool_end",
    ]
    assert counted[0]["input"] == {"up_to": 2}
    assert [each["data"] for each in counted[1:3]] == [0, 1]
    assert counted[3]["output"]["content"] == "2"
    assert [each["event"] for each in told["expert"]] == ["on_tool_start", "on_tool_end"]
    assert [each["event"] for each in told["broken"]] == ["on_tool_start", "on_tool_error"]
    assert told["broken"][1]["error"] == "cannot count to 2"


@pytest.mark.parametrize("subgraphs", [False, True])
def test_subgraphs_tell_when_they_start_and_end(sdk: Any, thread_id: str, subgraphs: bool) -> None:
    modes = ["lifecycle", "tasks"]
    parts = list(
        sdk.runs.stream(
            thread_id, "nested", input={"log": []}, stream_mode=modes, stream_subgraphs=subgraphs
        )
    )
    told = [part for part in parts if part.event.startswith("lifecycle")]
    assert all(part.event == "|".join(["lifecycle", *part.data["namespace"]]) for part in told)
    path = [[name.partition(":")[0] for name in part.data["namespace"]] for part in told]
    assert path == [["child"], ["child", "below"], ["child", "below"], ["child"]]
    assert [part.data["event"] for part in told] == ["started"] * 2 + ["completed"] * 2
    tasks = [part.event for part in parts if part.event.startswith("tasks")]
    assert len(tasks) == (10 if subgraphs else 4), "as without `lifecycle`"


def test_a_subgraph_tells_which_tool_call_started_it(sdk: Any, thread_id: str) -> None:
    given = {"messages": []}
    parts = sdk.runs.stream(thread_id, "tools", input=given, stream_mode="lifecycle")
    told = [part.data for part in parts if part.event != "metadata"]
    assert [each["event"] for each in told] == ["started", "completed"]
    assert {each["tool_call_id"] for each in told} == {"call-expert"}


def test_a_subgraph_that_asks_is_interrupted(sdk: Any, thread_id: str) -> None:
    def events(**given: Any) -> list[str]:
        parts = sdk.runs.stream(thread_id, "ask_nested", stream_mode="lifecycle", **given)
        return [part.data["event"] for part in parts if part.event != "metadata"]

    assert events(input={"foo": "x"}) == ["started", "interrupted"]
    assert events(command={"resume": "Ada"}) == ["started", "completed"]


def test_several_modes_in_order_of_execution(sdk: Any, thread_id: str) -> None:
    modes = ["values", "updates", "custom", "tasks", "values"]
    parts = list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, stream_mode=modes))
    assert events(parts) == ["metadata", "values", *["tasks", "updates", "tasks", "values"] * 2]


def test_unknown_mode(sdk: Any, thread_id: str) -> None:
    with pytest.raises(UnprocessableEntityError):
        list(sdk.runs.stream(thread_id, "echo", input={"foo": "1"}, stream_mode="nope"))


# -- subgraphs -----------------------------------------------------------------------------


def test_subgraphs_are_silent_unless_asked_for(sdk: Any, thread_id: str) -> None:
    modes = ["updates", "custom"]
    parts = list(sdk.runs.stream(thread_id, "nested", input={"log": []}, stream_mode=modes))
    assert data_of(parts, "custom") == [{"from": "root"}]
    assert [list(each) for each in data_of(parts, "updates")] == [["root"], ["child"]]
    assert not [event for event in events(parts) if "|" in event]


def test_subgraph_frames_name_their_place(sdk: Any, thread_id: str) -> None:
    parts = list(
        sdk.runs.stream(
            thread_id,
            "nested",
            input={"log": []},
            stream_mode=["updates", "custom"],
            stream_subgraphs=True,
        )
    )
    places: dict[str, list[str]] = {}
    for part in parts:
        if part.event.startswith("custom"):
            path = [each.split(":")[0] for each in part.event.split("|")[1:]]
            places[part.data["from"]] = path
    assert places == {"root": [], "branch": ["child"], "leaf": ["child", "below"]}
    assert all(SUBGRAPH.match(event) for event in events(parts) if "|" in event)


# -- interrupts ----------------------------------------------------------------------------


def test_interrupt_in_updates_and_values(sdk: Any, thread_id: str) -> None:
    modes = ["updates", "values"]
    parts = list(sdk.runs.stream(thread_id, "ask", input={"foo": "hi"}, stream_mode=modes))
    ((update,),) = [each.values() for each in data_of(parts, "updates")[-1:]]
    assert update[0]["value"] == {"q": "name?"}
    assert update[0]["response_schema"] is None
    last = data_of(parts, "values")[-1]
    assert last["__interrupt__"] == update
    assert last["foo"] == "hi"


def test_static_interrupt_in_updates(sdk: Any, thread_id: str) -> None:
    parts = list(
        sdk.runs.stream(
            thread_id, "echo", input={"foo": "hi"}, stream_mode="updates", interrupt_before=["e2"]
        )
    )
    assert data_of(parts, "updates")[-1] == {"__interrupt__": []}


# -- frames, byte by byte ------------------------------------------------------------------


def raw_stream(server: Server, path: str, body: dict[str, Any]) -> tuple[httpx.Response, bytes]:
    with server.http() as http, http.stream("POST", path, json=body) as response:
        return response, b"".join(response.iter_raw())


def test_quirk_26_frames_of_a_plain_run_and_no_end_event(server: Server) -> None:
    body = {"assistant_id": "echo", "input": {"foo": "1"}, "if_not_exists": "create"}
    thread_id = uuid.uuid4()
    response, raw = raw_stream(server, f"/threads/{thread_id}/runs/stream", body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    where = response.headers["content-location"]
    assert re.fullmatch(rf"/threads/{thread_id}/runs/[0-9a-f-]{{36}}", where)
    assert response.headers["location"] == f"{where}/stream"
    frames = raw.decode().split("\r\n\r\n")
    assert frames[-1] == "", "every frame is ended by a blank line"
    run_id = where.rsplit("/", 1)[1]
    assert frames[0] == f'event: metadata\r\ndata: {{"run_id":"{run_id}","attempt":1}}'
    assert frames[-2] == 'event: values\r\ndata: {"foo":"1!","log":["e1","e2"]}'
    assert b"id:" not in raw
    assert b"event: end" not in raw


def test_frames_of_a_resumable_run_have_ids(server: Server) -> None:
    body = {
        "assistant_id": "echo",
        "input": {"foo": "1"},
        "if_not_exists": "create",
        "stream_resumable": True,
    }
    _, raw = raw_stream(server, f"/threads/{uuid.uuid4()}/runs/stream", body)
    frames = [frame.split("\r\n") for frame in raw.decode().split("\r\n\r\n")[:-1]]
    assert [line.partition(":")[0] for line in frames[0]] == ["event", "data", "id"]
    ids = [tuple(map(int, frame[2].removeprefix("id: ").split("-"))) for frame in frames]
    assert ids == sorted(set(ids)), "ids grow and are unique"


@pytest.mark.deviates("the Location of a stateless stream is a reachable path")
def test_quirk_18_location_of_a_stateless_stream(server: Server) -> None:
    body = {"assistant_id": "echo", "input": {"foo": "1"}, "on_completion": "keep"}
    response, _ = raw_stream(server, "/runs/stream", body)
    with server.http() as http:
        assert http.get(response.headers["location"]).status_code == 200


# -- joining -------------------------------------------------------------------------------


def test_join_stream_of_a_running_run(sdk: Any, thread_id: str) -> None:
    run = sdk.runs.create(thread_id, "steps", input={"seconds": 0.4}, stream_mode="updates")
    parts = list(sdk.runs.join_stream(thread_id, run["run_id"], stream_mode="updates"))
    seen = [next(iter(each)) for each in data_of(parts, "updates")]
    assert seen == ["a", "b", "c"][-len(seen) :]
    assert seen, "the run had not ended when it was joined"


def test_join_stream_of_an_ended_run_is_empty(sdk: Any, thread_id: str) -> None:
    run = sdk.runs.create(thread_id, "echo", input={"foo": "1"})
    sdk.runs.join(thread_id, run["run_id"])
    assert list(sdk.runs.join_stream(thread_id, run["run_id"])) == []


def resumable(sdk: Any, thread_id: str, count: int, **fields: Any) -> list[Any]:
    """The parts of a finished resumable run of `count` custom events."""
    return list(
        sdk.runs.stream(
            thread_id,
            "emit",
            input={"count": count, **fields},
            stream_mode=["custom", "values"],
            stream_resumable=True,
        )
    )


@pytest.mark.deviates("the reference loses frames of the same millisecond")
def test_replay_of_an_ended_run(sdk: Any, thread_id: str) -> None:
    parts = resumable(sdk, thread_id, 20)
    run_id = parts[0].data["run_id"]
    everything = list(sdk.runs.join_stream(thread_id, run_id, last_event_id="-1"))
    assert everything == parts
    for index in (0, 7, len(parts) - 1):
        rest = list(sdk.runs.join_stream(thread_id, run_id, last_event_id=parts[index].id))
        assert rest == parts[index + 1 :]


def test_resuming_in_the_middle_leaves_no_gap_and_no_double(sdk: Any, thread_id: str) -> None:
    run = sdk.runs.create(
        thread_id,
        "emit",
        input={"count": 100, "every": 0.01},
        stream_mode=["custom"],
        stream_resumable=True,
    )
    numbers: list[int] = []
    last_id: str | None = "-1"
    for take in (10, 25, 1000):
        stream = sdk.runs.join_stream(thread_id, run["run_id"], last_event_id=last_id)
        taken = 0
        for part in stream:
            last_id = part.id
            if part.event == "custom":
                numbers.append(part.data["n"])
                taken += 1
            if taken == take:
                break
        stream.close()
    assert numbers == list(range(100))


@pytest.mark.deviates("every mode of the list counts, metadata is kept")
def test_quirk_27_a_filter_keeps_all_its_modes_and_metadata(sdk: Any, thread_id: str) -> None:
    run_id = resumable(sdk, thread_id, 3)[0].data["run_id"]

    def joined(modes: str | list[str]) -> set[str]:
        stream = sdk.runs.join_stream(thread_id, run_id, stream_mode=modes, last_event_id="-1")
        return {part.event for part in stream}

    assert joined("custom") == {"metadata", "custom"}
    assert joined(["values", "custom"]) == {"metadata", "custom", "values"}


def test_all_joiners_see_the_same(sdk: Any, thread_id: str) -> None:
    run = sdk.runs.create(
        thread_id,
        "emit",
        input={"count": 60, "every": 0.01},
        stream_mode="custom",
        stream_resumable=True,
    )
    streams = [sdk.runs.join_stream(thread_id, run["run_id"], last_event_id="-1") for _ in range(4)]
    seen = [list(stream) for stream in streams]
    assert data_of(seen[0], "custom") == [{"n": number} for number in range(60)]
    assert all(each == seen[0] for each in seen)


@pytest.mark.deviates("a run that is not there is 404")
def test_quirk_16_joining_what_is_not_there(sdk: Any, thread_id: str) -> None:
    unknown = str(uuid.uuid4())
    with pytest.raises(httpx.HTTPStatusError, match="404"):  # what the SDK makes of it here
        sdk.runs.join(thread_id, unknown)
    with pytest.raises(NotFoundError):
        list(sdk.runs.join_stream(thread_id, unknown))


def test_a_stream_outlives_its_reader(sdk: Any, thread_id: str) -> None:
    stream = sdk.runs.stream(
        thread_id, "steps", input={"seconds": 0.3}, on_disconnect="continue", stream_mode="updates"
    )
    run_id = next(iter(stream)).data["run_id"]
    stream.close()
    eventually(lambda: sdk.runs.get(thread_id, run_id)["status"] == "success")
    assert sdk.threads.get(thread_id)["values"]["log"] == ["a", "b", "c"]
