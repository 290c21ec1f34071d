"""What the parameters do of the methods that look at runs and end them."""

from __future__ import annotations

from typing import Any

from parity.proving import proves
from parity.world import FOR_EVER, World, refused

HOUR = 3600


def two(world: World) -> list[tuple[str, str]]:
    """A thread and its run, twice."""
    threads = [world.ran(input={"foo": text}) for text in ("1", "2")]
    return [(each, world.only_run(each)["run_id"]) for each in threads]


def waiting(world: World, thread_id: str | None = None) -> Any:
    """A run that does not begin while a proof lasts."""
    thread_id = thread_id or world.thread()
    run = world.sdk.runs.create(thread_id, "echo", input={}, after_seconds=HOUR)
    world.cancelled_at_the_end(run)
    return run


def gone(world: World, run: Any) -> bool:
    rows = world.sdk.runs.list(run["thread_id"])
    return run["run_id"] not in [each["run_id"] for each in rows]


# -- looking -------------------------------------------------------------------------------


@proves("runs.get", "thread_id", "run_id")
def get(world: World) -> None:
    for thread_id, run_id in two(world):
        assert world.sdk.runs.get(thread_id, run_id)["run_id"] == run_id


@proves("runs.join", "thread_id", "run_id")
def join(world: World) -> None:
    for number, (thread_id, run_id) in enumerate(two(world), 1):
        assert world.sdk.runs.join(thread_id, run_id)["foo"] == f"{number}!"


@proves("runs.join", "params")
def join_and_hang_up(world: World) -> None:
    run = world.busy()
    where = run["thread_id"], run["run_id"]
    asked = {"cancel_on_disconnect": "true"}
    world.meanwhile(lambda: world.sdk.runs.join(*where, params=asked))
    path = f"/threads/{where[0]}/runs/{where[1]}/join"
    world.eventually(lambda: world.answered(path))
    world.hang_up(path)
    world.reaches(run, "interrupted")


@proves("runs.list", "thread_id", "limit", "offset", "status", "select")
def rows(world: World) -> None:
    thread_id, other = world.thread(), world.thread()
    for each in (thread_id, other, thread_id):
        world.sdk.runs.wait(each, "echo", input={})
    made = [each["run_id"] for each in world.sdk.runs.list(thread_id)]
    last = waiting(world, thread_id)["run_id"]

    def found(thread_id: str, **asked: Any) -> list[str]:
        return [each["run_id"] for each in world.sdk.runs.list(thread_id, **asked)]

    assert len(found(other)) == 1
    assert found(thread_id) == [last, *made]
    assert found(thread_id, limit=1) == [last]
    assert found(thread_id, offset=1) == made
    assert found(thread_id, status="success") == made
    [row] = world.sdk.runs.list(thread_id, limit=1, select=["run_id", "status"])
    assert row == {"run_id": last, "status": "pending"}


@proves("runs.list", "params")
def rows_with_a_query(world: World) -> None:
    thread_id = world.ran()
    waiting(world, thread_id)
    [run] = world.sdk.runs.list(thread_id, params={"status": "success"})
    assert run["status"] == "success"


# -- following -----------------------------------------------------------------------------


def resumable(world: World, text: str = "1") -> tuple[str, str]:
    """A run that has ended and whose stream is kept; its thread, and its id."""
    thread_id = world.thread()
    options = {"stream_mode": ["values", "updates"], "stream_resumable": True}
    list(world.sdk.runs.stream(thread_id, "echo", input={"foo": text}, **options))
    return thread_id, world.only_run(thread_id)["run_id"]


def replayed(world: World, thread_id: str, run_id: str) -> list[Any]:
    """Everything that is kept of what a run has told."""
    return list(world.sdk.runs.join_stream(thread_id, run_id, last_event_id="-1"))


@proves("runs.join_stream", "thread_id", "run_id", "last_event_id")
def follow(world: World) -> None:
    for text in ("1", "2"):
        thread_id, run_id = resumable(world, text)
        parts = replayed(world, thread_id, run_id)
        assert parts[0].data["run_id"] == run_id
        assert parts[1].data["foo"] == text


@proves("runs.join_stream", "stream_mode")
def follow_some(world: World) -> None:
    asked = {"last_event_id": "-1", "stream_mode": "updates"}
    parts = list(world.sdk.runs.join_stream(*resumable(world), **asked))
    assert [part.event for part in parts] == ["metadata", "updates", "updates"]


@proves("runs.join_stream", "headers", "params")
def follow_with_extras(world: World) -> None:
    headers, params = {"Last-Event-ID": "-1"}, {"stream_mode": "updates"}
    stream = world.sdk.runs.join_stream(*resumable(world), headers=headers, params=params)
    assert [part.event for part in stream] == ["metadata", "updates", "updates"]


@proves("runs.join_stream", "cancel_on_disconnect")
def stop_following(world: World) -> None:
    thread_id = world.thread()
    given = {"input": FOR_EVER, "stream_mode": "custom"}
    run = world.sdk.runs.create(thread_id, "emit", **given)
    world.cancelled_at_the_end(run)
    stream = world.sdk.runs.join_stream(thread_id, run["run_id"], cancel_on_disconnect=True)
    next(stream)
    stream.close()
    world.reaches(run, "interrupted")


# -- ending --------------------------------------------------------------------------------


@proves("runs.cancel", "thread_id", "run_id")
def cancel(world: World) -> None:
    for run in (waiting(world), waiting(world)):
        world.sdk.runs.cancel(run["thread_id"], run["run_id"])
        world.reaches(run, "interrupted")


@proves("runs.cancel", "wait")
def cancel_and_wait(world: World) -> None:
    thread_id = world.thread()
    run = world.sdk.runs.create(thread_id, "slow_to_stop", input={"at": 0})
    world.reaches(run, "running")
    world.sdk.runs.cancel(thread_id, run["run_id"], wait=True)
    assert world.status(run) == "interrupted"


@proves("runs.cancel", "action")
def cancel_without_a_trace(world: World) -> None:
    run = world.busy()
    world.sdk.runs.cancel(run["thread_id"], run["run_id"], action="rollback")
    world.eventually(lambda: gone(world, run))


@proves("runs.cancel", "params")
def cancel_with_a_query(world: World) -> None:
    run = world.busy()
    params = {"action": "rollback", "wait": "1"}
    world.sdk.runs.cancel(run["thread_id"], run["run_id"], params=params)
    assert gone(world, run)


@proves("runs.cancel_many", "thread_id", "run_ids")
def cancel_some(world: World) -> None:
    thread_id = world.thread()
    first, second, third = (waiting(world, thread_id) for _ in range(3))
    run_ids = [first["run_id"], third["run_id"]]
    world.sdk.runs.cancel_many(thread_id=thread_id, run_ids=run_ids)
    world.reaches(first, "interrupted")
    world.reaches(third, "interrupted")
    assert world.status(second) == "pending"


@proves("runs.cancel_many", "status", alone=True)
def cancel_all_that_wait(world: World) -> None:
    busy, pending = world.busy(), waiting(world)
    world.sdk.runs.cancel_many(status="pending")
    world.reaches(pending, "interrupted")
    assert world.status(busy) == "running"


@proves("runs.cancel_many", "action")
@proves("runs.cancel_many", "params")
def cancel_some_without_a_trace(world: World) -> None:
    for choice in ({"action": "rollback"}, {"params": {"action": "rollback"}}):
        run = waiting(world)
        named = {"thread_id": run["thread_id"], "run_ids": [run["run_id"]]}
        world.sdk.runs.cancel_many(**named, **choice)
        world.eventually(lambda run=run: gone(world, run))


@proves("runs.delete", "thread_id", "run_id")
def delete(world: World) -> None:
    for thread_id, run_id in two(world):
        world.sdk.runs.delete(thread_id, run_id)
        with refused() as answer:
            world.sdk.runs.get(thread_id, run_id)
        assert answer.status == 404


@proves("runs.create_batch", "payloads")
def batch(world: World) -> None:
    for count in (1, 2):
        threads = [world.thread() for _ in range(count)]
        payloads = [
            {"thread_id": each, "assistant_id": "echo", "input": {"foo": each}} for each in threads
        ]
        runs = world.sdk.runs.create_batch(payloads)
        assert [each["thread_id"] for each in runs] == threads
        for run in runs:
            answer = world.sdk.runs.join(run["thread_id"], run["run_id"])
            assert answer["foo"] == f"{run['thread_id']}!"
