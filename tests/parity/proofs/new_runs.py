"""What the parameters do of the methods that make runs: in the background, streamed, waited for."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from parity.proofs.runs import replayed
from parity.proofs.states import checkpoint_of
from parity.proving import proves, proves_each
from parity.world import FOR_EVER, World

MAKING = ("runs.create", "runs.stream", "runs.wait")
FOLLOWED = ("runs.stream", "runs.wait")


def outcome(world: World, method: str, thread_id: str | None, graph: str, **fields: Any) -> Any:
    """Make a run in one of the ways and wait for its end; what it leaves as values."""
    made = world.method(method)(thread_id, graph, **fields)
    if method == "runs.create":
        return world.sdk.runs.join(made["thread_id"], made["run_id"])
    if method == "runs.stream":
        return [part.data for part in made if part.event == "values"][-1]
    return made


@proves_each(MAKING, "thread_id", "assistant_id", "input")
def run(world: World, method: str) -> None:
    first, second = world.thread(), world.thread()
    assert outcome(world, method, first, "echo", input={"foo": "1"})["foo"] == "1!"
    assert "seen" in outcome(world, method, second, "context", input={"ask": "1"})
    assert world.sdk.threads.get_state(first)["values"]["foo"] == "1!"
    assert world.sdk.threads.get_state(second)["values"]["ask"] == "1"


@proves_each(MAKING, "metadata", "config")
def run_with_a_config(world: World, method: str) -> None:
    thread_id = world.thread()
    given = {"metadata": {"m": 1}, "config": {"tags": ["t"], "configurable": {"own": "c"}}}
    seen = outcome(world, method, thread_id, "context", input={}, **given)["seen"]
    assert (seen["metadata"]["m"], seen["tags"], seen["configurable"]["own"]) == (1, ["t"], "c")
    assert world.only_run(thread_id)["metadata"]["m"] == 1


@proves_each(MAKING, "context")
def run_with_a_context(world: World, method: str) -> None:
    answer = outcome(world, method, world.thread(), "context", input={}, context={"model": "m1"})
    assert answer["seen"]["model"] == "m1"


@proves_each(MAKING, "command")
def resume(world: World, method: str) -> None:
    answer = outcome(world, method, world.ran("ask"), "ask", command={"resume": "ann"})
    assert answer["answers"] == ["ann"]


@proves_each(MAKING, "strict_resume")
def resume_what_nobody_asked(world: World, method: str) -> None:
    thread_id = world.ran("ask")
    given = {"command": {"resume": {"0" * 32: "ann"}}, "strict_resume": True}
    with suppress(Exception):  # whether it is raised is not the same for all of them
        outcome(world, method, thread_id, "ask", **given)
    assert world.sdk.runs.list(thread_id)[0]["status"] == "error"
    assert world.sdk.threads.get(thread_id)["status"] == "interrupted"


@proves_each(MAKING, "checkpoint", "checkpoint_id")
def run_from_an_older_state(world: World, method: str) -> None:
    thread_id = world.ran()
    checkpoint = checkpoint_of(world, thread_id, 0)
    for place in ({"checkpoint": checkpoint}, {"checkpoint_id": checkpoint["checkpoint_id"]}):
        answer = outcome(world, method, thread_id, "echo", input={"foo": "2"}, **place)
        assert answer["log"] == ["e1", "e2"]


@proves_each(MAKING, "checkpoint_during", "durability")
def run_with_its_last_state_only(world: World, method: str) -> None:
    for choice in ({"checkpoint_during": False}, {"durability": "exit"}):
        thread_id = world.thread()
        outcome(world, method, thread_id, "echo", input={"foo": "1"}, **choice)
        assert world.steps(thread_id) == [2]


@proves_each(MAKING, "interrupt_before", "interrupt_after")
def run_up_to_a_node(world: World, method: str) -> None:
    for choice in ({"interrupt_before": ["e2"]}, {"interrupt_after": ["e1"]}):
        answer = outcome(world, method, world.thread(), "echo", input={"foo": "1"}, **choice)
        assert answer["log"] == ["e1"]


@proves_each(MAKING, "webhook")
def run_and_be_told(world: World, method: str) -> None:
    url = world.hooks.url(f"/{world.mark}")
    outcome(world, method, world.thread(), "echo", input={"foo": "1"}, webhook=url)
    assert world.told(f"/{world.mark}").body["values"]["foo"] == "1!"


@proves_each(MAKING, "multitask_strategy")
def run_instead_of_another(world: World, method: str) -> None:
    busy = world.busy()
    given = {"input": {}, "multitask_strategy": "interrupt"}
    world.meanwhile(lambda: outcome(world, method, busy["thread_id"], "echo", **given))
    world.reaches(busy, "interrupted")


@proves_each(MAKING, "if_not_exists")
def run_on_a_thread_that_is_not_there(world: World, method: str) -> None:
    thread_id = str(uuid4())
    outcome(world, method, thread_id, "echo", input={"foo": "1"}, if_not_exists="create")
    assert world.sdk.threads.get(thread_id)["values"]["foo"] == "1!"


@proves_each(MAKING, "on_completion")
def run_and_keep_the_thread(world: World, method: str) -> None:
    made = world.method(method)(None, "whoami", input={}, on_completion="keep")
    if method == "runs.stream":
        made = [part.data for part in made if part.event == "values"][-1]
    thread_id = made["thread_id"]
    # While it runs there is a thread in any case; there are no values before its end.
    assert world.eventually(lambda: world.sdk.threads.get(thread_id)["values"])


@proves_each(MAKING, "after_seconds")
def run_later(world: World, method: str) -> None:
    thread_id = world.thread()
    executed_at = outcome(world, method, thread_id, "whoami", input={}, after_seconds=3)["at"]
    created_at = datetime.fromisoformat(world.only_run(thread_id)["created_at"]).timestamp()
    assert executed_at - created_at > 2.9, "it was created a moment after it was asked for"


@proves_each(MAKING, "on_run_created")
def be_called_with_the_run(world: World, method: str) -> None:
    thread_id = world.thread()
    called: list[Any] = []
    outcome(world, method, thread_id, "echo", input={}, on_run_created=called.append)
    run_id = world.only_run(thread_id)["run_id"]
    assert called == [{"run_id": run_id, "thread_id": thread_id}]


@proves("runs.wait", "raise_error")
def wait_for_a_failure(world: World) -> None:
    answer = world.sdk.runs.wait(None, "fails", input={"kind": "value"}, raise_error=False)
    assert answer["__error__"] == {"error": "ValueError", "message": "boom happened"}


@proves("runs.stream", "feedback_keys")
def stream_with_feedback_keys(world: World) -> None:
    """There is nothing to make links from: the log says so, and the run is no worse for it."""
    given = {"input": {"foo": "1"}, "feedback_keys": [world.mark]}
    assert outcome(world, "runs.stream", world.thread(), "echo", **given)["foo"] == "1!"
    warning = world.heard("log", keys=[world.mark])
    assert warning["level"] == "warning"
    assert warning["event"].startswith("feedback_keys have no effect")


@proves_each(MAKING, "langsmith_tracing", traced=True)
def run_with_a_trace_of_its_own(world: World, method: str) -> None:
    """A run that says nothing is traced as well, but to the server's own project."""
    thread_id = world.thread()
    tracing = {"project_name": world.mark, "example_id": str(uuid4())}
    outcome(world, method, thread_id, "echo", input={}, langsmith_tracing=tracing)
    trace = world.heard("traces", id=world.only_run(thread_id)["run_id"])
    assert trace["session_name"] == world.mark
    assert trace["reference_example_id"] == tracing["example_id"]


# -- what streams tell ---------------------------------------------------------------------


@proves_each(["runs.create", "runs.stream"], "stream_resumable", "stream_mode", "stream_subgraphs")
def tell_more(world: World, method: str) -> None:
    thread_id = world.thread()
    options = {"stream_resumable": True, "stream_mode": "updates", "stream_subgraphs": True}
    made = world.method(method)(thread_id, "nested", input={"log": []}, **options)
    if method == "runs.create":
        world.sdk.runs.join(thread_id, made["run_id"])
    else:
        list(made)
    parts = replayed(world, thread_id, world.only_run(thread_id)["run_id"])
    names = [part.event.split(":")[0] for part in parts]
    assert names == ["metadata", "updates", *["updates|child"] * 3, "updates"]


@proves("runs.stream", "params")
def tell_of_a_subgraph_only(world: World) -> None:
    given = {"input": {"log": []}, "stream_mode": "updates", "stream_subgraphs": True}
    namespace = {"namespace": "child"}
    parts = world.sdk.runs.stream(None, "nested", **given, params=namespace)
    names = [part.event.split(":")[0] for part in parts]
    assert names == ["metadata", *["updates|child"] * 3]


@proves("runs.stream", "version")
def stream_in_the_second_shape(world: World) -> None:
    parts = list(world.sdk.runs.stream(None, "echo", input={"foo": "1"}, version="v2"))
    assert (parts[-1]["type"], parts[-1]["data"]["foo"]) == ("values", "1!")


# -- clients that go away ------------------------------------------------------------------


@proves("runs.stream", "on_disconnect")
def stop_reading(world: World) -> None:
    thread_id = world.thread()
    given = {"input": FOR_EVER, "on_disconnect": "cancel"}
    stream = world.sdk.runs.stream(thread_id, "ticker", **given)
    next(stream)
    stream.close()
    run = world.only_run(thread_id)
    world.cancelled_at_the_end(run)
    world.reaches(run, "interrupted")


@proves("runs.wait", "on_disconnect")
def stop_waiting(world: World) -> None:
    thread_id = world.thread()
    given = {"input": FOR_EVER, "on_disconnect": "cancel"}
    world.meanwhile(lambda: world.sdk.runs.wait(thread_id, "ticker", **given))
    path = f"/threads/{thread_id}/runs/wait"
    world.eventually(lambda: world.answered(path))
    run = world.only_run(thread_id)
    world.cancelled_at_the_end(run)
    world.hang_up(path)
    world.reaches(run, "interrupted")
