"""Interrupts, resuming and other commands; forks."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, order

commands = Family("commands")


def _waiting(play: Player, graph: str = "ask") -> str:
    """A thread that waits for somebody."""
    thread = play.thread()
    play.ran(thread, graph, {"foo": "x"})
    return thread


def _wait(play: Player, step: str, thread: str, body: dict[str, Any]) -> None:
    play.post(step, f"{thread}/runs/wait", body)
    play.rested(thread)
    play.get(f"{step}: thread", thread)


@commands.scenario("resume")
def resume(play: Player) -> None:
    thread = play.thread()
    _wait(play, "asks", thread, order("ask", {"foo": "x"}))
    play.get("asks: join", f"{_newest(play, thread)}/join")
    play.get("asks: run", _newest(play, thread))
    _wait(play, "answered", thread, order("ask", command={"resume": "Ann"}))
    _wait(play, "again", thread, order("ask", command={"resume": "Bob"}))
    _wait(play, "with null", _waiting(play), order("ask", command={"resume": None}))
    _wait(
        play, "with input too", _waiting(play), {"input": {}, **order("ask", command={"resume": 1})}
    )
    _wait(play, "a new input instead", _waiting(play), order("ask", {"foo": "new"}))


def _newest(play: Player, thread: str) -> str:
    return f"{thread}/runs/{play.http.get(f'{thread}/runs').json()[0]['run_id']}"


@commands.scenario("two questions")
def two_questions(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "ask_both", {})
    state = play.get("asked", f"{thread}/state").body
    _wait(play, "one answer for two", thread, order("ask_both", command={"resume": "x"}))
    thread = play.thread()
    play.ran(thread, "ask_both", {})
    state = play.http.get(f"{thread}/state").json()
    ids = {task["name"]: task["interrupts"][0]["id"] for task in state["tasks"]}
    one = order("ask_both", command={"resume": {ids["left"]: "l"}})
    _wait(play, "one of two", thread, one)
    both = order("ask_both", command={"resume": {ids["right"]: "r"}})
    _wait(play, "the other", thread, both)


@commands.scenario("empty and unknown")
def empty(play: Player) -> None:
    for name, command in {"empty": {}, "unknown keys": {"nope": 1}}.items():
        play.post(name, f"{_waiting(play)}/runs/wait", order("ask", command=command))


@commands.scenario("update and goto")
def update_and_goto(play: Player) -> None:
    for name, command in {
        "update": {"update": {"foo": "u"}, "resume": "a"},
        "pairs": {"update": [["foo", "u"], ["log", ["p"]]], "resume": "a"},
        "goto": {"goto": "after"},
        "goto list": {"goto": ["after"]},
        "send": {"goto": {"node": "after", "input": {"foo": "sent"}}},
        "unknown node": {"goto": "nope"},
    }.items():
        _wait(play, name, _waiting(play), order("ask", command=command))
    _wait(play, "goto on a fresh thread", play.thread(), order("echo", command={"goto": "e2"}))


@commands.scenario("static interrupts")
def static(play: Player) -> None:
    thread = play.thread()
    before = order("echo", {"foo": "x"}, interrupt_before=["e2"])
    _wait(play, "before", thread, before)
    play.get("state", f"{thread}/state")
    _wait(play, "goes on", thread, order("echo", None))
    thread = play.thread()
    _wait(play, "after all", thread, order("echo", {"foo": "x"}, interrupt_after="*"))
    unknown = order("echo", {"foo": "x"}, interrupt_before=["nope"])
    _wait(play, "before an unknown node", play.thread(), unknown)


@commands.scenario("forks")
def forks(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "echo", {"foo": "x"})
    rows = play.http.post(f"{thread}/history", json={"limit": 10}).json()
    after_e1 = rows[1]["checkpoint"]
    by_id = {"checkpoint_id": after_e1["checkpoint_id"]}
    _wait(play, "from an id", thread, order("echo", None, **by_id))
    _wait(play, "from a checkpoint", thread, order("echo", None, checkpoint=after_e1))
    _wait(play, "with input", thread, order("echo", {"foo": "y"}, **by_id))
    configurable = {"config": {"configurable": by_id}}
    _wait(play, "by configurable", thread, order("echo", None, **configurable))
    unknown = order("echo", None, checkpoint_id=str(uuid4()))
    _wait(play, "from an unknown one", thread, unknown)
    play.post("history", f"{thread}/history", {"limit": 100})


@commands.scenario("deep inside")
def deep(play: Player) -> None:
    thread = play.thread()
    _wait(play, "asks", thread, order("nested", {"foo": "ask"}))
    _wait(play, "answered", thread, order("nested", command={"resume": "deep"}))
