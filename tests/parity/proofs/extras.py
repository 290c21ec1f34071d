"""Headers and query parameters of one's own, which every method takes.

The header is `X-Request-ID`: the answer names it. A query parameter that a route knows has an
effect; the others have none by right, and what is shown is that they reach the wire and that the
request is served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parity.proving import proves, proves_each
from parity.world import YEARLY, World, refused

Fields = dict[str, Any]
"""Arguments of a call; those that must not be named are a list under `positional`."""


def _assistant(world: World) -> Fields:
    return {"assistant_id": world.assistant()}


def _thread(world: World) -> Fields:
    return {"thread_id": world.ran()}


def _followed(world: World) -> Fields:
    thread_id = world.thread()
    list(world.sdk.runs.stream(thread_id, "echo", input={}, stream_resumable=True))
    return {"thread_id": thread_id, "last_event_id": "-1"}


def _run(world: World) -> Fields:
    thread_id = world.ran()
    return {"thread_id": thread_id, "run_id": world.only_run(thread_id)["run_id"]}


def _running(world: World) -> Fields:
    run = world.busy()
    return {"thread_id": run["thread_id"], "run_id": run["run_id"]}


def _run_of_many(world: World) -> Fields:
    run = world.busy()
    return {"thread_id": run["thread_id"], "run_ids": [run["run_id"]]}


def _new_run(world: World) -> Fields:
    return {"thread_id": world.thread(), "assistant_id": "echo", "input": {}}


def _item(world: World) -> Fields:
    world.sdk.store.put_item([world.mark], "k", {})
    return {"positional": [[world.mark], "k"]}


def _new_item(world: World) -> Fields:
    return {"positional": [[world.mark], "k"], "value": {}}


def _new_cron(_: World) -> Fields:
    return {"assistant_id": "echo", "schedule": YEARLY}


def _new_cron_of_a_thread(world: World) -> Fields:
    return {"thread_id": world.thread(), **_new_cron(world)}


def _cron(world: World) -> Fields:
    return {"cron_id": world.sdk.crons.create(**_new_cron(world))["cron_id"]}


def _nothing(_: World) -> Fields:
    return {}


def _also(prepare: Callable[[World], Fields], **fields: Any) -> Callable[[World], Fields]:
    return lambda world: {**prepare(world), **fields}


CALLS: dict[str, Callable[[World], Fields]] = {
    "assistants.get": _assistant,
    "assistants.get_graph": _assistant,
    "assistants.get_schemas": _assistant,
    "assistants.get_subgraphs": _assistant,
    "assistants.create": _also(_nothing, graph_id="echo"),
    "assistants.update": _also(_assistant, name="n"),
    "assistants.delete": _assistant,
    "assistants.search": _nothing,
    "assistants.count": _nothing,
    "assistants.get_versions": _assistant,
    "assistants.set_latest": _also(_assistant, version=1),
    "threads.get": _thread,
    "threads.create": _nothing,
    "threads.update": _also(_thread, metadata={}),
    "threads.delete": _thread,
    "threads.search": _nothing,
    "threads.count": _nothing,
    "threads.copy": _thread,
    "threads.prune": _also(_nothing, thread_ids=[]),
    "threads.get_state": _thread,
    "threads.update_state": _also(_thread, values={"foo": "2"}),
    "threads.get_history": _thread,
    "threads.join_stream": _followed,
    "runs.stream": _new_run,
    "runs.create": _new_run,
    "runs.create_batch": _also(_nothing, payloads=[{"assistant_id": "echo"}]),
    "runs.wait": _new_run,
    "runs.list": _thread,
    "runs.get": _run,
    "runs.cancel": _running,
    "runs.cancel_many": _run_of_many,
    "runs.join": _run,
    "runs.join_stream": _run,
    "runs.delete": _run,
    "crons.create": _new_cron,
    "crons.create_for_thread": _new_cron_of_a_thread,
    "crons.update": _also(_cron, metadata={}),
    "crons.delete": _cron,
    "crons.search": _nothing,
    "crons.count": _nothing,
    "store.put_item": _new_item,
    "store.get_item": _item,
    "store.delete_item": _item,
    "store.search_items": _also(_nothing, positional=[[]]),
    "store.list_namespaces": _nothing,
}
"""A call of each method that needs nothing of others."""


@proves_each(CALLS, "headers", "params")
def extra(world: World, method: str) -> None:
    fields = CALLS[method](world)
    headers, params = {"X-Request-ID": world.mark}, {"own": world.mark}
    before = len(world.client.answers)
    positional = fields.pop("positional", ())
    result = world.method(method)(*positional, **fields, headers=headers, params=params)
    if hasattr(result, "__next__"):  # a stream: it is asked for when it is read
        next(result, None)
        result.close()
    answer = world.client.answers[before]
    assert answer.status_code < 300
    assert answer.headers["X-Request-ID"] == world.mark
    assert answer.request.url.params["own"] == world.mark


@proves("assistants.delete", "params")
def extra_that_deletes_threads(world: World) -> None:
    assistant_id = world.assistant()
    thread_id = world.thread(metadata={"assistant_id": assistant_id})
    world.sdk.assistants.delete(assistant_id, params={"delete_threads": "true"})
    with refused() as answer:
        world.sdk.threads.get(thread_id)
    assert answer.status == 404


@proves("assistants.get_graph", "params")
@proves("assistants.get_subgraphs", "params")
def extra_that_looks_deeper(world: World) -> None:
    nested = world.assistant("nested")
    assert "leaf" in str(world.sdk.assistants.get_graph(nested, params={"xray": "true"}))
    found = world.sdk.assistants.get_subgraphs(nested, params={"recurse": "true"})
    assert set(found) == {"child", "child|below"}
