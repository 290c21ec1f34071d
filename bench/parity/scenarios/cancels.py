"""Cancelling, deleting, going away."""

from __future__ import annotations

from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, id_of, order

cancels = Family("cancels")

_SLOW = {"seconds": 3}


def _in_its_middle(play: Player, thread: str) -> str:
    return play.in_its_middle(play.run(thread, "slow", _SLOW))


def _aftermath(play: Player, step: str, thread: str, run: str) -> None:
    play.ended(run)
    play.rested(thread)
    play.get(f"{step}: run", run)
    play.get(f"{step}: thread", thread)
    play.get(f"{step}: state", f"{thread}/state")
    play.post(f"{step}: history", f"{thread}/history", {"limit": 100})


@cancels.scenario("of a running run")
def running(play: Player) -> None:
    for action in ("interrupt", "rollback"):
        for wait in ("false", "true"):
            thread = play.thread()
            run = _in_its_middle(play, thread)
            query = {"action": action, "wait": wait}
            step = f"{action}, wait={wait}"
            play.post(step, f"{run}/cancel", query=query)
            _aftermath(play, step, thread, run)


@cancels.scenario("of a run after others")
def after_others(play: Player) -> None:
    for action in ("interrupt", "rollback"):
        thread = play.thread()
        play.ran(thread, "slow", {"seconds": 0})
        run = _in_its_middle(play, thread)
        play.post(action, f"{run}/cancel", query={"action": action, "wait": "true"})
        _aftermath(play, action, thread, run)
        if action == "interrupt":
            play.post("goes on", f"{thread}/runs/wait", order("slow", None))


@cancels.scenario("of a pending run")
def pending(play: Player) -> None:
    for action in ("interrupt", "rollback"):
        thread = play.thread()
        run = play.run(thread, "slow", {}, after_seconds=30)
        play.post(action, f"{run}/cancel", query={"action": action})
        _aftermath(play, action, thread, run)


@cancels.scenario("of a pending run behind another")
def behind(play: Player) -> None:
    thread = play.thread()
    first = play.started(play.run(thread, "slow", {"seconds": 1.5}))
    second = play.run(thread, "echo", {})
    play.post("cancel", f"{second}/cancel")
    play.get("thread at once", thread)
    play.ended(first)
    play.rested(thread)
    play.get("first", first)
    play.get("second", second)


@cancels.scenario("listeners")
def listeners(play: Player) -> None:
    for action in ("interrupt", "rollback"):
        thread = play.thread()
        body = order("slow", _SLOW)
        path = f"{thread}/runs/stream"
        with play.follow(f"{action}: stream", "POST", path, body=body) as stream:
            run = f"{thread}/runs/{stream.run_id}"
            while not (stream.until("values").data or {})["log"]:
                pass
            play.post(action, f"{run}/cancel", query={"action": action})
            stream.rest()
        play.ended(run)
        play.get(f"{action}: join", f"{run}/join")


@cancels.scenario("refusals")
def refusals(play: Player) -> None:
    thread = play.thread()
    run = play.ran(thread, "echo", {})
    play.post("of a finished run", f"{run}/cancel")
    play.post("of an unknown run", f"{thread}/runs/{uuid4()}/cancel")
    play.post("of another thread's run", f"{play.thread()}/runs/{id_of(run)}/cancel")
    play.post("bad id", f"{thread}/runs/nope/cancel")
    play.post("bad action", f"{run}/cancel", query={"action": "nope"})
    play.post("bad wait", f"{run}/cancel", query={"wait": "nope"})


@cancels.scenario("of many")
def many(play: Player) -> None:
    thread = play.thread()
    done = play.ran(thread, "echo", {})
    run = _in_its_middle(play, thread)
    both = {"thread_id": id_of(thread), "run_ids": [id_of(done), id_of(run)]}
    play.post("a finished and a running one", "/runs/cancel", both)
    _aftermath(play, "interrupt", thread, run)
    play.post("all finished", "/runs/cancel", both)
    play.post("unknown", "/runs/cancel", {**both, "run_ids": [str(uuid4())]})
    play.post("nothing", "/runs/cancel", {})
    play.post("both ways", "/runs/cancel", {**both, "status": "all"})
    play.post("bad status", "/runs/cancel", {"status": "nope"})
    play.post("bad ids", "/runs/cancel", {**both, "run_ids": ["nope"]})
    thread = play.thread()
    run = _in_its_middle(play, thread)
    one = {"thread_id": id_of(thread), "run_ids": [id_of(run)]}
    play.post("rollback", "/runs/cancel", one, query={"action": "rollback"})
    _aftermath(play, "rollback", thread, run)


@cancels.scenario("going away")
def going_away(play: Player) -> None:
    for mode in ("cancel", "continue"):
        thread = play.thread()
        body = order("slow", {"seconds": 1}, on_disconnect=mode)
        with play.http.stream("POST", f"{thread}/runs/stream", json=body) as answer:
            run = f"{thread}/runs/{id_of(answer.headers['content-location'])}"
            for line in answer.iter_lines():
                if '"begin"' in line:
                    break
        _aftermath(play, mode, thread, run)


@cancels.scenario("deleting a running run")
def deleting(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "slow", {"seconds": 0})
    run = _in_its_middle(play, thread)
    play.delete("deleted", run)
    play.get("run", run)
    play.rested(thread)
    play.get("thread", thread)
    play.get("state", f"{thread}/state")


@cancels.scenario("deleting a busy thread")
def deleting_thread(play: Player) -> None:
    thread = play.thread()
    run = play.started(play.run(thread, "slow", _SLOW))
    play.delete("deleted", thread)
    play.get("thread", thread)
    play.get("run", run)
