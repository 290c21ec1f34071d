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

Call = Callable[..., Any]


def _assistant(world: World) -> tuple[Any, ...]:
    return (world.assistant(),)


def _thread(world: World) -> tuple[Any, ...]:
    return (world.thread(),)


def _run(world: World) -> tuple[Any, ...]:
    thread_id = world.ran()
    return thread_id, world.only_run(thread_id)["run_id"]


def _busy(world: World) -> tuple[Any, ...]:
    run = world.busy()
    return run["thread_id"], run["run_id"]


def _item(world: World) -> tuple[Any, ...]:
    world.sdk.store.put_item([world.mark], "k", {})
    return [world.mark], "k"


def _cron(world: World) -> tuple[Any, ...]:
    cron = world.sdk.crons.create("echo", schedule=YEARLY, enabled=False)
    world.cleanup.callback(world.quietly, world.sdk.crons.delete, cron["cron_id"])
    return (cron["cron_id"],)


def _nothing(_: World) -> tuple[Any, ...]:
    return ()


CALLS: dict[str, tuple[Callable[[World], tuple[Any, ...]], dict[str, Any]]] = {
    "assistants.get": (_assistant, {}),
    "assistants.get_graph": (_assistant, {}),
    "assistants.get_schemas": (_assistant, {}),
    "assistants.get_subgraphs": (_assistant, {}),
    "assistants.create": (_nothing, {"graph_id": "echo"}),
    "assistants.update": (_assistant, {"name": "n"}),
    "assistants.delete": (_assistant, {}),
    "assistants.search": (_nothing, {}),
    "assistants.count": (_nothing, {}),
    "assistants.get_versions": (_assistant, {}),
    "assistants.set_latest": (_assistant, {"version": 1}),
}
"""By method, what makes its positional arguments, and the others."""


@proves_each(CALLS, "headers", "params")
def extra(world: World, method: str) -> None:
    prepare, fields = CALLS[method]
    arguments = prepare(world)
    result = world.method(method)(
        *arguments, **fields, headers={"X-Request-ID": world.mark}, params={"own": world.mark}
    )
    if hasattr(result, "__next__"):  # a stream: it is asked for when it is read
        next(result, None)
        result.close()
    answer = world.client.answers[-1]
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
