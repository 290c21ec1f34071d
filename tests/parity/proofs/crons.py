"""What the parameters of the crons' client do: what their runs do, as far as that is possible."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from parity.proofs.runs import replayed
from parity.proving import proves, proves_each
from parity.world import EVERY_SECOND, YEARLY, World

MAKING = ("crons.create", "crons.create_for_thread")
ALL = (*MAKING, "crons.update")
STATELESS = ("crons.create", "crons.update")


def make(world: World, method: str, graph: str = "echo", **fields: Any) -> Any:
    """A cron that has these fields by one of the methods; it is deleted with the proof."""
    fields = {"schedule": EVERY_SECOND, "input": {}, **fields}
    if method == "crons.update":
        cron = world.sdk.crons.create(graph, schedule=YEARLY)
        cron = world.sdk.crons.update(cron["cron_id"], **fields)
    elif method == "crons.create_for_thread":
        thread_id = fields.pop("thread_id", None) or world.thread()
        cron = world.sdk.crons.create_for_thread(thread_id, graph, **fields)
    else:
        cron = world.sdk.crons.create(graph, **fields)
    world.cleanup.callback(world.quietly, world.sdk.crons.delete, cron["cron_id"])
    return cron


def fired(world: World, method: str, graph: str = "echo", **fields: Any) -> Any:
    """The first run of such a cron, as its webhook tells it: a run with its `values`."""
    path = f"/{world.mark}/{method}/{len(world.hooks.received)}"
    cron = make(world, method, graph, webhook=world.hooks.url(path), **fields)
    body = world.told(path).body
    world.sdk.crons.delete(cron["cron_id"])
    return body


def does_not_fire(world: World, method: str, **fields: Any) -> bool:
    """Whether such a cron has not fired while another one has done it twice."""
    quiet, other = f"/{world.mark}/quiet", f"/{world.mark}/other"
    make(world, method, webhook=world.hooks.url(quiet), **fields)
    make(world, "crons.create", webhook=world.hooks.url(other))
    world.eventually(lambda: len(world.hooks.at(other)) > 1)
    return not world.hooks.at(quiet)


# -- their runs ----------------------------------------------------------------------------


@proves_each(ALL, "schedule")
def schedules(world: World, method: str) -> None:
    assert make(world, method, schedule=YEARLY)["next_run_date"][4:16] == "-01-01T00:00"
    assert fired(world, method)["values"]["foo"] == "!"


@proves_each(MAKING, "assistant_id")
def runs_of_an_assistant(world: World, method: str) -> None:
    assert "seen" not in fired(world, method, "echo")["values"]
    assert "seen" in fired(world, method, "context")["values"]


@proves("crons.create_for_thread", "thread_id")
def runs_on_a_thread(world: World) -> None:
    for thread_id in (world.thread(), world.thread()):
        assert (
            fired(world, "crons.create_for_thread", thread_id=thread_id)["thread_id"] == thread_id
        )


@proves_each(ALL, "input", "interrupt_before", "webhook")
def runs_with_an_input(world: World, method: str) -> None:
    body = fired(world, method, input={"foo": "1"}, interrupt_before=["e2"])
    assert body["values"] == {"foo": "1", "log": ["e1"]}


@proves_each(ALL, "interrupt_after")
def runs_up_to_a_node(world: World, method: str) -> None:
    body = fired(world, method, input={"foo": "1"}, interrupt_after=["e1"])
    assert body["values"] == {"foo": "1", "log": ["e1"]}


@proves_each(ALL, "metadata", "config")
def runs_with_a_config(world: World, method: str) -> None:
    given = {"metadata": {"m": 1}, "config": {"tags": ["t"], "configurable": {"own": "c"}}}
    body = fired(world, method, "context", input={}, **given)
    seen = body["values"]["seen"]
    assert (seen["metadata"]["m"], seen["tags"], seen["configurable"]["own"]) == (1, ["t"], "c")
    assert body["metadata"]["m"] == 1


@proves_each(ALL, "context")
def runs_with_a_context(world: World, method: str) -> None:
    body = fired(world, method, "context", input={}, context={"model": "m1"})
    assert body["values"]["seen"]["model"] == "m1"


@proves_each(MAKING, "checkpoint_during")
def runs_with_their_last_state_only(world: World, method: str) -> None:
    body = fired(world, method, "stored", input={"url": world.url}, checkpoint_during=False)
    assert body["values"]["stored"] == 0


@proves_each(ALL, "durability")
def runs_that_store_at_their_end(world: World, method: str) -> None:
    body = fired(world, method, "stored", input={"url": world.url}, durability="exit")
    assert body["values"]["stored"] == 0


@proves_each(ALL, "stream_mode", "stream_subgraphs", "stream_resumable")
def runs_that_tell_more(world: World, method: str) -> None:
    options = {"stream_resumable": True, "stream_mode": "updates", "stream_subgraphs": True}
    kept = {} if method == "crons.create_for_thread" else {"on_run_completed": "keep"}
    run = fired(world, method, "nested", input={"log": []}, **options, **kept)
    parts = replayed(world, run["thread_id"], run["run_id"])
    names = [part.event.split(":")[0] for part in parts]
    assert names == ["metadata", "updates", *["updates|child"] * 3, "updates"]


@proves_each(STATELESS, "on_run_completed")
def runs_that_keep_their_threads(world: World, method: str) -> None:
    body = fired(world, method, input={"foo": "1"}, on_run_completed="keep")
    assert world.sdk.threads.get(body["thread_id"])["values"]["foo"] == "1!"


@proves("crons.create_for_thread", "multitask_strategy")
def runs_instead_of_another(world: World) -> None:
    busy = world.busy()
    given = {"thread_id": busy["thread_id"], "multitask_strategy": "interrupt"}
    make(world, "crons.create_for_thread", **given)
    world.reaches(busy, "interrupted")


@proves_each(MAKING, "multitask_strategy")
def runs_with_a_strategy(world: World, method: str) -> None:
    """Of `crons.create` there is no more to see: a strategy says what a new run does to those
    before it, and each of these runs is the first on a thread that is made with it."""
    for strategy in ("reject", "interrupt"):
        run = fired(world, method, multitask_strategy=strategy)
        assert run["multitask_strategy"] == strategy
        if strategy == "interrupt" and run["status"] == "interrupted":
            # On a busy machine the next firing comes before it has ended, and is as it was asked.
            assert run["cancel_reason"].startswith("displaced: ")
        else:
            assert run["values"]["foo"] == "!"


# -- their times ---------------------------------------------------------------------------


@proves_each(ALL, "end_time")
def an_end(world: World, method: str) -> None:
    assert does_not_fire(world, method, end_time=datetime(2020, 1, 1, tzinfo=UTC))


@proves_each(ALL, "enabled")
def a_pause(world: World, method: str) -> None:
    assert does_not_fire(world, method, enabled=False)


@proves_each(ALL, "timezone")
def a_time_zone(world: World, method: str) -> None:
    cron = make(world, method, schedule="0 12 1 7 *", timezone="Asia/Tokyo")
    assert cron["next_run_date"][4:16] == "-07-01T03:00"


# -- finding and ending --------------------------------------------------------------------


@proves("crons.update", "cron_id")
def one_is_not_the_other(world: World) -> None:
    assistant_id = world.assistant()
    crons = [make(world, "crons.create", assistant_id, schedule=YEARLY) for _ in range(2)]
    for number, cron in enumerate(crons):
        changed = world.sdk.crons.update(cron["cron_id"], metadata={"n": number})
        assert (changed["cron_id"], changed["metadata"]) == (cron["cron_id"], {"n": number})


@proves("crons.delete", "cron_id")
def delete(world: World) -> None:
    assistant_id = world.assistant()
    for _ in range(2):
        cron = make(world, "crons.create", assistant_id, schedule=YEARLY)
        world.sdk.crons.delete(cron["cron_id"])
        assert world.sdk.crons.search(assistant_id=assistant_id) == []


def several(world: World) -> tuple[str, str, list[str]]:
    """An assistant, a thread, and the ids of three crons of the assistant: the second is on the
    thread."""
    assistant_id, thread_id = world.assistant(), world.thread()
    given: dict[str, Any] = {"schedule": YEARLY, "metadata": {"mark": world.mark}}
    crons = [
        make(world, "crons.create", assistant_id, **given),
        make(world, "crons.create_for_thread", assistant_id, thread_id=thread_id, **given),
        make(world, "crons.create", assistant_id, **{**given, "schedule": "0 0 1 7 *"}),
    ]
    make(world, "crons.create", schedule=YEARLY)
    return assistant_id, thread_id, [each["cron_id"] for each in crons]


def found(world: World, **asked: Any) -> list[str]:
    return [each["cron_id"] for each in world.sdk.crons.search(**asked)]


@proves("crons.search", "assistant_id", "thread_id", "limit", "offset", "sort_by", "sort_order")
@proves("crons.search", "select")
@proves("crons.count", "assistant_id", "thread_id")
def search(world: World) -> None:
    assistant_id, thread_id, [first, second, third] = several(world)
    mine = {"assistant_id": assistant_id}
    assert found(world, **mine) == [third, second, first]
    assert found(world, thread_id=thread_id) == [second]
    assert found(world, **mine, limit=2) == [third, second]
    assert found(world, **mine, offset=2) == [first]
    assert found(world, **mine, sort_order="asc") == [first, second, third]
    by_next_run = world.sdk.crons.search(**mine, sort_by="next_run_date")
    dates = [each["next_run_date"] for each in by_next_run]
    assert dates == sorted(dates, reverse=True)
    assert found(world, **mine, sort_by="thread_id") != [third, second, first]
    [row] = world.sdk.crons.search(thread_id=thread_id, select=["cron_id", "schedule"])
    assert row == {"cron_id": second, "schedule": YEARLY}
    assert world.sdk.crons.count(**mine) == 3
    assert world.sdk.crons.count(thread_id=thread_id) == 1


@proves("crons.search", "metadata", "enabled")
@proves("crons.count", "metadata")
def search_by_metadata(world: World) -> None:
    _, _, [first, second, third] = several(world)
    mine = {"metadata": {"mark": world.mark}}
    assert found(world, **mine) == [third, second, first]
    world.sdk.crons.update(second, enabled=False)
    assert found(world, **mine, enabled=False) == [second]
    assert world.sdk.crons.count(**mine) == 3
