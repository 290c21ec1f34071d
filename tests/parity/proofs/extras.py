"""Headers and query parameters of one's own, which every method takes.

The header is `X-Request-ID`: the answer names it.

`params` only adds to the query. Where a route reads any, one that it knows is shown to have its
effect: here, or beside the other proofs of the method; the server's own document says which routes
these are. Most read none (their SDK methods send a body), so for their methods `params` cannot have
an effect on any server. All there is to show is that it is sent, and that the server does with it
what it does with each unknown key: it answers the same as without.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import uuid4

import httpx

from parity.proving import PROOFS, proves, proves_each
from parity.world import YEARLY, World, refused

Fields = dict[str, Any]
"""Arguments of a call; those that must not be named are a list under `positional`."""


def _assistant(world: World) -> Fields:
    return {"assistant_id": world.assistant()}


def _thread(world: World) -> Fields:
    return {"thread_id": world.ran()}


def _some_threads(world: World) -> Fields:
    return {"thread_ids": [world.thread()]}


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


def _label() -> Fields:
    return {"metadata": {"label": uuid4().hex}}


def _labelled_assistant(world: World) -> Fields:
    label = _label()
    world.assistant(**label)
    return label


def _labelled_thread(world: World) -> Fields:
    label = _label()
    world.thread(**label)
    return label


def _cron_of_an_assistant(world: World) -> Fields:
    mine = _assistant(world)
    world.sdk.crons.create(**mine, schedule=YEARLY)
    return mine


def _namespace(world: World) -> Fields:
    return {"prefix": _item(world)["positional"][0]}


def _items(world: World) -> Fields:
    return {"positional": [_item(world)["positional"][0]]}


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
    "assistants.search": _labelled_assistant,
    "assistants.count": _labelled_assistant,
    "assistants.get_versions": _assistant,
    "assistants.set_latest": _also(_assistant, version=1),
    "threads.get": _thread,
    "threads.create": _nothing,
    "threads.update": _also(_thread, metadata={}),
    "threads.delete": _thread,
    "threads.search": _labelled_thread,
    "threads.count": _labelled_thread,
    "threads.copy": _thread,
    "threads.prune": _some_threads,
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
    "crons.search": _cron_of_an_assistant,
    "crons.count": _cron_of_an_assistant,
    "store.put_item": _new_item,
    "store.get_item": _item,
    "store.delete_item": _item,
    "store.search_items": _items,
    "store.list_namespaces": _namespace,
}
"""A call of each method that needs nothing of others."""


def _called(world: World, method: str, **extras: Any) -> tuple[Any, str]:
    """The answer to such a call, and what the SDK makes of it, less ids and times; of a stream,
    its first event."""
    fields = CALLS[method](world)
    before = len(world.client.answers)
    positional = fields.pop("positional", ())
    result = world.method(method)(*positional, **fields, **extras)
    if hasattr(result, "__next__"):  # a stream: it is asked for when it is read
        stream, result = result, next(result, None)
        stream.close()
    return world.client.answers[before], _ID_OR_TIME.sub("…", repr(result))


_ID_OR_TIME = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)"
    r"|\b\d{13}\b"
)


@cache
def _documented(url: str) -> Any:
    document = httpx.get(f"{url}/openapi.json", trust_env=False).json()
    return document["paths"]


def _reads_queries(world: World, request: httpx.Request) -> bool:
    """Whether the request's route does, by the server's own account."""
    method, path = request.method.lower(), request.url.path
    routes = {
        pattern: methods[method]
        for pattern, methods in _documented(world.url).items()
        if method in methods and re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), path)
    }
    literal = min(routes, key=lambda pattern: pattern.count("{"))
    return any(each["in"] == "query" for each in routes[literal].get("parameters", ()))


@proves_each(CALLS, "headers", "params")
def extra(world: World, method: str) -> None:
    headers, params = {"X-Request-ID": world.mark}, {"own": world.mark}
    plain, expected = _called(world, method)
    answer, found = _called(world, method, headers=headers, params=params)
    assert answer.headers["X-Request-ID"] == world.mark
    assert answer.request.url.params["own"] == world.mark
    assert answer.status_code == plain.status_code < 300
    assert found == expected
    claiming = [each.name for each in PROOFS.values() if (method, "params") in each.claims]
    assert len(claiming) > 1 or not _reads_queries(world, answer.request), (
        "prove that a parameter of the query that this route knows has an effect"
    )


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
