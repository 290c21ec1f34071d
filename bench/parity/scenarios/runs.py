"""Runs: created, waited for, joined, listed, deleted; how they end."""

from __future__ import annotations

from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, order

runs = Family("runs")


@runs.scenario("create")
def create(play: Player) -> None:
    thread = play.thread()
    full = {
        "metadata": {"m": 1},
        "config": {"configurable": {"a": 1}, "tags": ["t1"], "recursion_limit": 9},
        "stream_mode": ["values", "updates"],
        "interrupt_before": ["e2"],
        "after_seconds": 1,
    }
    made = play.post("full", f"{thread}/runs", order("echo", {"foo": "1"}, **full))
    run = f"{thread}/runs/{made.body['run_id']}"
    play.get("thread is busy", thread)
    play.ended(run)
    play.get("ended", run)
    play.get("stopped before e2", thread)
    headers = {"X-Request-ID": f"request-{play.tag}"}
    least = order("echo", {"foo": "1"})
    made = play.post("least", f"{thread}/runs", least, headers=headers)
    play.ended(f"{thread}/runs/{made.body['run_id']}")
    play.get("list", f"{thread}/runs")


@runs.scenario("create errors")
def create_errors(play: Player) -> None:
    thread = play.thread()
    for kind in ("", "/wait", "/stream"):
        path = f"{thread}/runs{kind}"
        play.post(f"unknown graph{kind}", path, order("nope", {}))
        play.post(f"unknown thread{kind}", f"/threads/{uuid4()}/runs{kind}", order("echo", {}))
        play.post(f"bad thread{kind}", f"/threads/nope/runs{kind}", order("echo", {}))
        play.post(f"no assistant{kind}", path, {"input": {}})
    path = f"{thread}/runs"
    play.post("unknown assistant", path, order(str(uuid4()), {}))
    for field, value in {
        "multitask_strategy": "nope",
        "stream_mode": "nope",
        "on_disconnect": "nope",
        "on_completion": "nope",
        "if_not_exists": "nope",
        "durability": "nope",
        "interrupt_before": "e1",
        "config": [],
        "context": "x",
        "metadata": "x",
        "after_seconds": "x",
        "stream_subgraphs": "x",
        "checkpoint": "x",
        "command": "x",
        "webhook": "",
    }.items():
        play.post(f"bad {field}", path, order("echo", {}, **{field: value}))
    both = {"config": {"configurable": {"a": 1}}, "context": {"b": 1}}
    play.post("configurable and context", path, order("echo", {}, **both))
    play.post("loopback webhook", path, order("echo", {}, webhook="http://127.0.0.1:9/x"))
    play.post("relative webhook", path, order("echo", {}, webhook="/x"))
    play.get("nothing was made", path)


@runs.scenario("thread made by the run")
def if_not_exists(play: Player) -> None:
    thread = f"/threads/{uuid4()}"
    body = order("echo", {"foo": "x"}, if_not_exists="create", metadata={"m": 1})
    made = play.post("made", f"{thread}/runs", body)
    run = play.ended(f"{thread}/runs/{made.body['run_id']}")
    play.get("thread", thread)
    play.get("run", run)


@runs.scenario("wait and join")
def wait_and_join(play: Player) -> None:
    thread = play.thread()
    play.post("waited for", f"{thread}/runs/wait", order("echo", {"foo": "x"}))
    updates = order("echo", {"foo": "y"}, stream_mode="updates")
    play.post("in another mode", f"{thread}/runs/wait", updates)
    run = play.run(thread, "slow", {"seconds": 0.5})
    play.get("joined", f"{run}/join")
    play.get("joined late", f"{run}/join")
    play.get("unknown run", f"{thread}/runs/{uuid4()}/join")
    play.get("unknown thread", f"/threads/{uuid4()}/runs/{uuid4()}/join")
    play.get("run of another thread", f"{play.thread()}/runs/{run.rsplit('/', 1)[1]}/join")
    play.get("bad id", f"{thread}/runs/nope/join")


@runs.scenario("list, get, delete")
def listing(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "fails", {"kind": "value"}, metadata={"n": 1})
    run = play.ran(thread, "echo", {"foo": "x"}, metadata={"n": 2})
    play.get("all", f"{thread}/runs")
    play.get("page", f"{thread}/runs", query={"limit": 1, "offset": 1})
    play.get("status", f"{thread}/runs", query={"status": "error"})
    play.get("no such status", f"{thread}/runs", query={"status": "bogus"})
    play.get("limit 0", f"{thread}/runs", query={"limit": 0})
    play.get("bad limit", f"{thread}/runs", query={"limit": "abc"})
    selected = [("select", "run_id"), ("select", "status")]
    play.get("selected", f"{thread}/runs", query=selected)
    play.get("bad select", f"{thread}/runs", query={"select": "nope"})
    play.get("of an unknown thread", f"/threads/{uuid4()}/runs")
    play.get("one", run)
    play.get("unknown", f"{thread}/runs/{uuid4()}")
    play.get("of another thread", f"{play.thread()}/runs/{run.rsplit('/', 1)[1]}")
    play.get("on an unknown thread", f"/threads/{uuid4()}/runs/{uuid4()}")
    play.get("bad id", f"{thread}/runs/nope")
    play.delete("deleted", run)
    play.delete("again", run)
    play.get("gone", run)
    play.post("history", f"{thread}/history", {"limit": 100})
    play.delete("bad id, deleted", f"{thread}/runs/nope")


@runs.scenario("failures")
def failures(play: Player) -> None:
    for kind in ("value", "key", "runtime", "zero", "os", "own", "group"):
        thread = play.thread()
        play.post(kind, f"{thread}/runs/wait", order("fails", {"kind": kind}))
        play.rested(thread)
    play.get("thread", thread)
    play.get("runs", f"{thread}/runs")
    play.post("too deep", f"{thread}/runs/wait", order("echo", {}, config={"recursion_limit": 1}))
    play.post("no input", f"{play.thread()}/runs/wait", {"assistant_id": "echo"})
    play.post("empty input", f"{play.thread()}/runs/wait", order("echo", {}))
    play.post("input that is a text", f"{play.thread()}/runs/wait", order("echo", "text"))
    play.post("input that is a list", f"{play.thread()}/runs/wait", order("echo", [1]))


@runs.scenario("stateless")
def stateless(play: Player) -> None:
    made = play.post("created", "/runs", order("slow", {"seconds": 0.3}))
    thread = f"/threads/{made.body['thread_id']}"
    play.gone(thread)
    play.get("its thread is gone", thread)
    play.post("waited for", "/runs/wait", order("echo", {"foo": "x"}))
    play.post("waits for somebody", "/runs/wait", order("ask", {"foo": "x"}))
    play.post("streamed", "/runs/stream", order("echo", {"foo": "x"}))
    kept = order("echo", {"foo": "x"}, on_completion="keep", metadata={"m": 1})
    made = play.post("kept", "/runs", kept)
    thread = f"/threads/{made.body['thread_id']}"
    run = play.ended(f"{thread}/runs/{made.body['run_id']}")
    play.get("its thread", thread)
    play.get("its run", run)
    play.post("its history", f"{thread}/history", {"limit": 100})
    play.post("unknown graph", "/runs", order("nope", {}))
    play.post("no assistant", "/runs/wait", {"input": {}})


@runs.scenario("batch")
def batch(play: Player) -> None:
    play.post("two", "/runs/batch", [order("echo", {"foo": "1"}), order("echo", {"foo": "2"})])
    play.post("none", "/runs/batch", [])
    play.post("an object", "/runs/batch", order("echo", {}))
    play.post("one unknown", "/runs/batch", [order("echo", {}), order("nope", {})])
    play.post("one wrong", "/runs/batch", [order("echo", {}), {"assistant_id": 1}])


@runs.scenario("durability")
def durability(play: Player) -> None:
    for name, fields in {
        "sync": {"durability": "sync"},
        "async": {"durability": "async"},
        "exit": {"durability": "exit"},
        "checkpoint_during false": {"checkpoint_during": False},
        "checkpoint_during true": {"checkpoint_during": True},
        "both": {"checkpoint_during": False, "durability": "sync"},
    }.items():
        thread = play.thread()
        run = play.ran(thread, "echo", {"foo": "x"}, **fields)
        play.get(f"{name}: run", run)
        play.post(f"{name}: history", f"{thread}/history", {"limit": 100})


@runs.scenario("feedback keys")
def feedback_keys(play: Player) -> None:
    body = order("echo", {"foo": "x"}, feedback_keys=["score"])
    play.post("asked for", f"{play.thread()}/runs/wait", body)
