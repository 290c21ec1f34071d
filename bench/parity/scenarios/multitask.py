"""What a new run does to those that are there."""

from __future__ import annotations

from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, id_of, order

multitask = Family("multitask")

_SLOW = {"seconds": 2}
_QUICK = {"seconds": 0.1}


def _play(play: Player, strategy: str) -> None:
    thread = play.thread()
    with play.follow(
        "first: stream", "POST", f"{thread}/runs/stream", body=order("slow", _SLOW)
    ) as r1:
        first = f"{thread}/runs/{r1.run_id}"
        while len((r1.until("values").data or {})["log"]) < 1:
            pass
        body = order("slow", _QUICK, multitask_strategy=strategy)
        made = play.post("second", f"{thread}/runs", body)
        r1.rest()
    if made.status == 200:
        second = play.ended(f"{thread}/runs/{made.body['run_id']}")
        play.get("second: run", second)
        play.get("second: join", f"{second}/join")
    play.ended(first)
    play.rested(thread)
    play.get("first: run", first)
    play.get("thread", thread)
    play.get(
        "runs", f"{thread}/runs", query=[("select", "status"), ("select", "multitask_strategy")]
    )
    play.post("history", f"{thread}/history", {"limit": 100})


@multitask.scenario("reject")
def reject(play: Player) -> None:
    _play(play, "reject")
    thread = play.thread()
    play.run(thread, "echo", {}, after_seconds=2)
    for kind in ("", "/wait", "/stream"):
        body = order("echo", {}, multitask_strategy="reject")
        play.post(f"behind a pending one{kind}", f"{thread}/runs{kind}", body)


@multitask.scenario("enqueue")
def enqueue(play: Player) -> None:
    _play(play, "enqueue")


@multitask.scenario("interrupt")
def interrupt(play: Player) -> None:
    _play(play, "interrupt")


@multitask.scenario("rollback")
def rollback(play: Player) -> None:
    _play(play, "rollback")


@multitask.scenario("three deep")
def three_deep(play: Player) -> None:
    for strategy in ("interrupt", "rollback"):
        thread = play.thread()
        first = play.in_its_middle(play.run(thread, "slow", _SLOW))
        body = {"multitask_strategy": strategy}
        # Delayed, so that it never starts: the servers differ in how soon they do.
        second = play.run(thread, "slow", _QUICK, after_seconds=30, **body)
        third = play.run(thread, "slow", {"seconds": 1}, **body)
        play.get(f"{strategy}: first", play.ended(first))
        play.get(f"{strategy}: second", second)
        status = {"ids": [id_of(thread)], "select": ["status"]}
        play.post(f"{strategy}: in between", "/threads/search", status)
        play.ended(third)
        play.rested(thread)
        play.get(f"{strategy}: third", third)
        play.get(f"{strategy}: thread", thread)


@multitask.scenario("a bad strategy")
def bad(play: Player) -> None:
    thread = f"/threads/{uuid4()}"
    play.post("bad", f"{thread}/runs", order("echo", {}, multitask_strategy="nope"))
