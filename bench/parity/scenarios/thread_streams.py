"""Streams of threads, which go on for ever: they are read as far as something is expected."""

from __future__ import annotations

import time
from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player

thread_streams = Family("thread streams")

_OPENING = 1
"""Seconds until the reference server follows a thread; it answers before it does."""


def _follow_a_run(play: Player, step: str, query: object) -> None:
    thread = play.thread()
    with play.follow(step, "GET", f"{thread}/stream", query=query) as stream:
        modes = ["values", "custom"]
        play.run(thread, "echo", {"foo": "x"}, stream_mode=modes, after_seconds=_OPENING)
        while "status" not in (stream.until("metadata").data or {}):
            pass


@thread_streams.scenario("runs")
def runs(play: Player) -> None:
    _follow_a_run(play, "the default", None)
    _follow_a_run(play, "lifecycle", {"stream_modes": "lifecycle"})
    _follow_a_run(play, "the SDK's spelling", {"stream_mode": "lifecycle"})
    commas = {"stream_modes": "lifecycle,state_update"}
    _follow_a_run(play, "separated by commas", commas)
    repeated = [("stream_modes", "lifecycle"), ("stream_modes", "run_modes")]
    _follow_a_run(play, "repeated", repeated)


@thread_streams.scenario("updates of the state")
def state_updates(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "echo", {"foo": "x"})
    query = {"stream_modes": "state_update"}
    with play.follow("state_update", "GET", f"{thread}/stream", query=query) as stream:
        time.sleep(_OPENING)
        play.http.post(f"{thread}/state", json={"values": {"foo": "u"}}).raise_for_status()
        stream.until("state_update")


@thread_streams.scenario("coming back")
def coming_back(play: Player) -> None:
    thread = play.thread()
    modes = {"stream_resumable": True, "stream_mode": "updates"}
    play.ran(thread, "echo", {"foo": "x"}, **modes)
    for name, after in {"-": "-", "0": "0"}.items():
        headers = {"Last-Event-ID": after}
        step = f"from {name}"
        with play.follow(step, "GET", f"{thread}/stream", headers=headers) as stream:
            while "status" not in (stream.until("metadata").data or {}):
                pass


@thread_streams.scenario("refusals")
def refusals(play: Player) -> None:
    play.get("bad id", "/threads/nope/stream")
    headers = {"Last-Event-ID": "nonsense"}
    play.get("bad event id", f"{play.thread()}/stream", headers=headers)
    with play.follow("unknown thread", "GET", f"/threads/{uuid4()}/stream"):
        pass  # its head is enough: the reference server keeps it open
