"""The API through langgraph_sdk 0.2.4; run by the interpreter that has it, with the URL.

Prints one JSON object: name of each check to None, or to the traceback of its failure. It is
imported by the tests too, which have another SDK: only for the names of the checks.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

Check = Callable[[Any], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


async def parts_of(stream: Any) -> list[Any]:
    return [part async for part in stream]


async def error_of(awaitable: Awaitable[Any]) -> str:
    """The text of the exception that it raises; empty if it raises none."""
    try:
        await awaitable
    except Exception as error:
        return str(error)
    return ""


async def reaches(client: Any, run: Any, status: str) -> None:
    while True:
        latest = await client.runs.get(run["thread_id"], run["run_id"])
        if latest["status"] == status:
            return
        await asyncio.sleep(0.02)


@check
async def threads(client: Any) -> None:
    thread = await client.threads.create(metadata={"owner": "ann"})
    thread_id = thread["thread_id"]
    assert (await client.threads.get(thread_id))["metadata"] == {"owner": "ann"}
    await client.threads.update(thread_id, metadata={"more": 1})
    assert (await client.threads.get(thread_id))["metadata"] == {"owner": "ann", "more": 1}
    await client.threads.delete(thread_id)
    assert "404" in await error_of(client.threads.get(thread_id))


@check
async def background_run(client: Any) -> None:
    thread_id = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread_id, "echo", input={"foo": "1"})
    assert run["status"] == "pending"
    assert (await client.runs.join(thread_id, run["run_id"]))["foo"] == "1!"
    assert (await client.runs.get(thread_id, run["run_id"]))["status"] == "success"
    assert [each["run_id"] for each in await client.runs.list(thread_id)] == [run["run_id"]]


@check
async def wait_with_and_without_a_thread(client: Any) -> None:
    thread_id = str(uuid.uuid4())
    values = await client.runs.wait(thread_id, "echo", input={"foo": "1"}, if_not_exists="create")
    assert values == {"foo": "1!", "log": ["e1", "e2"]}
    assert (await client.runs.wait(None, "echo", input={"foo": "2"}))["foo"] == "2!"


@check
async def errors_are_raised(client: Any) -> None:
    failing = client.runs.wait(None, "fails", input={"kind": "value"})
    assert "boom happened" in await error_of(failing)


@check
async def stream_of_every_mode(client: Any) -> None:
    modes = ["values", "updates", "custom", "tasks", "checkpoints", "debug", "events"]
    created: list[Any] = []
    thread_id = (await client.threads.create())["thread_id"]
    parts = await parts_of(
        client.runs.stream(
            thread_id,
            "echo",
            input={"foo": "1"},
            stream_mode=modes,
            on_run_created=created.append,
        )
    )
    assert parts[0].event == "metadata"
    assert created[0]["run_id"] == parts[0].data["run_id"]
    assert {part.event for part in parts} == {"metadata", *modes} - {"custom"}
    assert [part.data for part in parts if part.event == "values"][-1]["foo"] == "1!"


@check
async def messages(client: Any) -> None:
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    tuples = await parts_of(
        client.runs.stream(None, "chat", input=question, stream_mode="messages-tuple")
    )
    chunks = [part.data[0] for part in tuples if part.event == "messages"]
    words = [each["content"] for each in chunks if each["type"] == "AIMessageChunk"]
    assert "".join(words) == "the answer is 4"
    partial = await parts_of(
        client.runs.stream(None, "chat", input=question, stream_mode="messages")
    )
    last = [part.data for part in partial if part.event == "messages/partial"][-1]
    assert last[0]["content"] == "the answer is 4"


@check
async def heartbeats_make_no_parts(client: Any) -> None:
    """This client makes a part of a comment that is followed by a blank line, once it has
    seen an id."""
    for resumable in (False, True):
        parts = await parts_of(
            client.runs.stream(
                None,
                "steps",
                input={"seconds": 0.5},
                stream_mode="updates",
                stream_resumable=resumable,
            )
        )
        assert [part.event for part in parts] == ["metadata", "updates", "updates", "updates"]
        assert all(part.data for part in parts)


@check
async def resuming_a_stream(client: Any) -> None:
    thread_id = (await client.threads.create())["thread_id"]
    run = await client.runs.create(
        thread_id,
        "emit",
        input={"count": 30, "every": 0.01},
        stream_mode="custom",
        stream_resumable=True,
    )
    parts = await parts_of(client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1"))
    numbers = [part.data["n"] for part in parts if part.event == "custom"]
    assert numbers == list(range(30))


@check
async def interrupt_and_resume(client: Any) -> None:
    thread_id = (await client.threads.create())["thread_id"]
    asked = await client.runs.wait(thread_id, "ask", input={"foo": "hi"})
    assert asked["__interrupt__"][0]["value"] == {"q": "name?"}
    assert (await client.threads.get(thread_id))["status"] == "interrupted"
    done = await client.runs.wait(thread_id, "ask", command={"resume": "ann"})
    assert done["answers"] == ["ann"]


@check
async def state_and_history(client: Any) -> None:
    thread_id = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread_id, "echo", input={"foo": "hi"}, checkpoint_during=True)
    state = await client.threads.get_state(thread_id)
    assert (state["values"]["foo"], state["next"]) == ("hi!", [])
    history = await client.threads.get_history(thread_id)
    assert [each["metadata"]["step"] for each in history] == [2, 1, 0, -1]
    await client.threads.update_state(thread_id, {"foo": "edited"}, as_node="e1")
    assert (await client.runs.wait(thread_id, "echo", input=None))["foo"] == "edited!"
    older = await client.threads.get_state(thread_id, checkpoint=history[1]["checkpoint"])
    assert older["next"] == ["e2"]


@check
async def cancel(client: Any) -> None:
    thread_id = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread_id, "steps", input={"seconds": 60})
    await reaches(client, run, "running")
    await client.runs.cancel(thread_id, run["run_id"], wait=True)
    assert (await client.runs.get(thread_id, run["run_id"]))["status"] == "interrupted"


@check
async def default_assistant(client: Any) -> None:
    run = await client.runs.create(None, "echo", input={"foo": "1"})
    assistant = await client.assistants.get(run["assistant_id"])
    assert assistant["graph_id"] == "echo"


@check
async def the_synchronous_client(client: Any) -> None:
    from langgraph_sdk import get_sync_client

    def use(url: str) -> None:
        sync = get_sync_client(url=url)
        thread_id = sync.threads.create()["thread_id"]
        parts = list(sync.runs.stream(thread_id, "echo", input={"foo": "1"}))
        assert parts[-1].data["foo"] == "1!"
        assert sync.runs.wait(thread_id, "echo", input={"foo": "2"})["foo"] == "2!"
        assert sync.threads.get_state(thread_id)["values"]["foo"] == "2!"

    await asyncio.to_thread(use, str(client.http.client.base_url))


async def main(url: str) -> dict[str, str | None]:
    from langgraph_sdk import get_client

    results: dict[str, str | None] = {}
    for name, function in CHECKS.items():
        try:
            await asyncio.wait_for(function(get_client(url=url)), 30)
        except Exception:
            results[name] = traceback.format_exc()
        else:
            results[name] = None
    return results


if __name__ == "__main__":
    json.dump(asyncio.run(main(sys.argv[1])), sys.stdout)
