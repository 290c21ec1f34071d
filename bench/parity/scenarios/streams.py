"""Streams of runs: every mode, subgraphs, interrupts, errors, joining and coming back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, order

streams = Family("streams")

_MODES = (
    "values",
    "updates",
    "custom",
    "tasks",
    "checkpoints",
    "debug",
    "messages-tuple",
    "events",
)
_ASKED = {"messages": [{"role": "user", "content": "1 and 3?", "id": "human-1"}]}


def _stream(play: Player, step: str, graph: str, given: Any = None, **body: Any) -> str:
    """Stream a run on a new thread, whose path is handed out."""
    thread = play.thread()
    play.post(step, f"{thread}/runs/stream", order(graph, given, **body))
    return thread


@streams.scenario("modes")
def modes(play: Player) -> None:
    for mode in _MODES:
        _stream(play, mode, "echo", {"foo": "x"}, stream_mode=mode)
    _stream(play, "the default", "echo", {"foo": "x"})
    _stream(play, "an empty list", "echo", {"foo": "x"}, stream_mode=[])
    _stream(play, "an empty input", "echo", {})
    all_of_them = [mode for mode in _MODES if mode != "events"]
    _stream(play, "all", "echo", {"foo": "x"}, stream_mode=all_of_them)


@streams.scenario("messages")
def messages(play: Player) -> None:
    for mode in ("messages", "messages-tuple", "values", "updates", "events"):
        _stream(play, mode, "chat", _ASKED, stream_mode=mode)
    both = ["messages", "messages-tuple"]
    _stream(play, "both kinds", "chat", _ASKED, stream_mode=both)


@streams.scenario("subgraphs")
def subgraphs(play: Player) -> None:
    for mode in ("values", "updates", "custom", "tasks", "checkpoints", "debug", "events"):
        for inside in (False, True):
            step = f"{mode}{' with subgraphs' if inside else ''}"
            _stream(play, step, "nested", {}, stream_mode=mode, stream_subgraphs=inside)


@streams.scenario("interrupts")
def interrupts(play: Player) -> None:
    for mode in ("values", "updates", "tasks", "debug", "checkpoints", "messages-tuple", "custom"):
        _stream(play, mode, "ask", {"foo": "x"}, stream_mode=mode)
    both = {"stream_mode": ["values", "updates"]}
    thread = _stream(play, "values and updates", "ask", {"foo": "x"}, **both)
    play.post("resumed", f"{thread}/runs/stream", order("ask", command={"resume": "a"}, **both))
    static = {"interrupt_before": ["e2"], **both}
    _stream(play, "before a node", "echo", {"foo": "x"}, **static)
    deep = {"stream_subgraphs": True, **both}
    _stream(play, "deep inside", "nested", {"foo": "ask"}, **deep)


@streams.scenario("errors")
def errors(play: Player) -> None:
    for mode in ("values", "updates", "tasks", "debug"):
        _stream(play, mode, "fails", {"kind": "value"}, stream_mode=mode)
    _stream(play, "masked", "fails", {"kind": "own"})
    _stream(play, "no input", "echo", None)
    play.post("stateless", "/runs/stream", order("fails", {"kind": "key"}))


@streams.scenario("durability exit")
def durability(play: Player) -> None:
    both = {"stream_mode": ["checkpoints", "values"], "durability": "exit"}
    _stream(play, "exit", "echo", {"foo": "x"}, **both)


@streams.scenario("joining")
def joining(play: Player) -> None:
    thread = play.thread()
    two = {"stream_mode": ["values", "updates", "custom"]}
    delayed = {**two, "after_seconds": 1}
    run = play.run(thread, "echo", {"foo": "x"}, **delayed)
    play.get("before its start", f"{run}/stream")
    play.get("when it has ended", f"{run}/stream")
    run = play.run(thread, "echo", {"foo": "x"}, **delayed)
    play.get("one mode", f"{run}/stream", query={"stream_mode": "updates"})
    run = play.run(thread, "echo", {"foo": "x"}, **delayed)
    modes = [("stream_mode", "values"), ("stream_mode", "custom")]
    play.get("two modes", f"{run}/stream", query=modes)
    run = play.run(thread, "fails", {"kind": "value"}, **delayed)
    play.get("one mode of a failing run", f"{run}/stream", query={"stream_mode": "updates"})
    play.get("unknown run", f"{thread}/runs/{uuid4()}/stream")
    play.get("unknown thread", f"/threads/{uuid4()}/runs/{uuid4()}/stream")
    play.get("bad id", f"{thread}/runs/nope/stream")


@streams.scenario("coming back")
def coming_back(play: Player) -> None:
    thread = play.thread()
    resumable = {"stream_mode": ["values", "updates"], "stream_resumable": True}
    body = order("echo", {"foo": "x"}, **resumable)
    with play.follow("resumable", "POST", f"{thread}/runs/stream", body=body) as stream:
        stream.rest()
    run = f"{thread}/runs/{stream.run_id}"
    from_start = {"Last-Event-ID": "-1"}
    play.get("from the start", f"{run}/stream", headers=from_start)
    third = {"Last-Event-ID": str(stream.seen[2].id)}
    play.get("after the third", f"{run}/stream", headers=third)
    last = {"Last-Event-ID": str(stream.seen[-1].id)}
    play.get("after the last", f"{run}/stream", headers=last)
    play.get("without a header", f"{run}/stream")
    one = {"stream_mode": "updates"}
    play.get("one mode from the start", f"{run}/stream", headers=from_start, query=one)
    failed = play.ran(thread, "fails", {"kind": "value"}, **resumable)
    play.get("a failed run", f"{failed}/stream", headers=from_start)
    plain = play.ran(thread, "echo", {"foo": "x"})
    play.get("not resumable", f"{plain}/stream", headers=from_start)


@streams.scenario("location of a stateless stream")
def stateless_location(play: Player) -> None:
    body = order("echo", {"foo": "x"}, stream_resumable=True)
    with play.follow("stream", "POST", "/runs/stream", body=body) as stream:
        stream.rest()
    from_start = {"Last-Event-ID": "-1"}
    play.get("its location", stream.headers["location"], headers=from_start)


@streams.scenario("of a stateless run that has ended")
def stateless(play: Player) -> None:
    body = order("echo", {"foo": "x"}, stream_resumable=True)
    row = play.http.post("/runs", json=body).json()
    thread = play.gone(f"/threads/{row['thread_id']}")
    path = f"{thread}/runs/{row['run_id']}/stream"
    play.get("from the start", path, headers={"Last-Event-ID": "-1"})
