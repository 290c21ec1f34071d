"""The state of threads: read, changed, forked, and their history."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, order

states = Family("states")


def _history(play: Player, thread: str) -> list[dict[str, Any]]:
    """Newest first."""
    return list(play.http.post(f"{thread}/history", json={"limit": 100}).json())


@states.scenario("get")
def get(play: Player) -> None:
    thread = play.thread()
    play.get("of a fresh thread", f"{thread}/state")
    play.ran(thread, "echo", {"foo": "x"})
    play.get("after a run", f"{thread}/state")
    first = _history(play, thread)[-1]["checkpoint"]
    play.get("at a checkpoint", f"{thread}/state/{first['checkpoint_id']}")
    play.post("at a checkpoint object", f"{thread}/state/checkpoint", {"checkpoint": first})
    play.get("at an unknown checkpoint", f"{thread}/state/{uuid4()}")
    play.get("of an unknown thread", f"/threads/{uuid4()}/state")
    play.get("bad id", "/threads/nope/state")


@states.scenario("of waiting graphs")
def waiting(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "ask", {"foo": "x"})
    play.get("one question", f"{thread}/state")
    play.get("the thread", thread)
    thread = play.thread()
    play.ran(thread, "nested", {"foo": "ask"})
    play.get("a question deep inside", f"{thread}/state")
    play.get("with subgraphs", f"{thread}/state", query={"subgraphs": "true"})
    inner = play.http.get(f"{thread}/state").json()["tasks"][0]["checkpoint"]
    play.post("of the subgraph", f"{thread}/state/checkpoint", {"checkpoint": inner})
    of_it = {"limit": 10, "checkpoint": {"checkpoint_ns": inner["checkpoint_ns"]}}
    play.post("history of the subgraph", f"{thread}/history", of_it)


@states.scenario("of failed graphs")
def failed(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "fails", {"kind": "value"})
    play.get("state", f"{thread}/state")
    play.get("thread", thread)
    play.post("mended", f"{thread}/state", {"values": {"kind": "own"}})
    play.get("then", thread)


@states.scenario("update")
def update(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "echo", {"foo": "x"})
    play.post("values", f"{thread}/state", {"values": {"foo": "y", "log": ["u"]}})
    play.get("then", f"{thread}/state")
    play.get("the thread", thread)
    play.post("as a node", f"{thread}/state", {"values": {"log": ["as e1"]}, "as_node": "e1"})
    play.get("its next", f"{thread}/state")
    play.get("the thread waits", thread)
    play.post("goes on", f"{thread}/runs/wait", order("echo", None))
    play.post("as the end", f"{thread}/state", {"values": None, "as_node": "__end__"})
    play.post("nothing", f"{thread}/state", {"values": None})
    play.post("a copy", f"{thread}/state", {"values": None, "as_node": "__copy__"})
    play.post("as an input", f"{thread}/state", {"values": {"foo": "in"}, "as_node": "__input__"})
    play.get("its input waits", f"{thread}/state")
    play.post("as the start", f"{thread}/state", {"values": {"foo": "s"}, "as_node": "__start__"})
    play.get("entry next", f"{thread}/state")
    play.post("unknown key", f"{thread}/state", {"values": {"nope": 1}, "as_node": "e1"})
    play.post("unknown node", f"{thread}/state", {"values": {"foo": "z"}, "as_node": "nope"})
    play.post("a list", f"{thread}/state", {"values": [{"foo": "z"}]})
    play.post("a text", f"{thread}/state", {"values": "z"})
    play.post("of an unknown thread", f"/threads/{uuid4()}/state", {"values": {}})
    play.post("history", f"{thread}/history", {"limit": 100})


@states.scenario("update where nothing is")
def update_fresh(play: Player) -> None:
    play.post("no graph", f"{play.thread()}/state", {"values": {"foo": "x"}})
    thread = play.thread(metadata={"graph_id": "echo"})
    play.post("first checkpoint", f"{thread}/state", {"values": {"foo": "x"}})
    play.get("state", f"{thread}/state")
    play.get("thread", thread)
    play.post("busy", f"{_busy(play)}/state", {"values": {"log": ["x"]}})


def _busy(play: Player) -> str:
    thread = play.thread()
    play.started(play.run(thread, "slow", {"seconds": 3}))
    return thread


@states.scenario("fork")
def fork(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "echo", {"foo": "x"})
    after_e1 = _history(play, thread)[1]["checkpoint"]
    body = {"values": {"foo": "forked"}, "checkpoint": after_e1}
    play.post("from a checkpoint", f"{thread}/state", body)
    play.get("is the latest", f"{thread}/state")
    play.post("goes on", f"{thread}/runs/wait", order("echo", None))
    body = {"values": {"foo": "again"}, "checkpoint_id": after_e1["checkpoint_id"]}
    play.post("from its id", f"{thread}/state", body)
    play.post("history", f"{thread}/history", {"limit": 100})


@states.scenario("answer for a node")
def answer_for(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "ask", {"foo": "x"})
    play.post("as who asks", f"{thread}/state", {"values": {"log": ["for"]}, "as_node": "asker"})
    play.get("thread", thread)
    play.get("state", f"{thread}/state")
    play.post("goes on", f"{thread}/runs/wait", order("ask", None))


@states.scenario("history")
def history(play: Player) -> None:
    thread = play.thread()
    play.post("of a fresh thread", f"{thread}/history", {"limit": 10})
    play.ran(thread, "echo", {"foo": "x"}, metadata={"m": 1})
    play.ran(thread, "echo", {"foo": "y"})
    rows = _history(play, thread)
    third = rows[2]["checkpoint"]
    play.get("by GET", f"{thread}/history")
    play.get("some by GET", f"{thread}/history", query={"limit": 2})
    play.get(
        "before, by GET", f"{thread}/history", query={"before": third["checkpoint_id"], "limit": 2}
    )
    play.get("bad limit by GET", f"{thread}/history", query={"limit": "abc"})
    play.get("limit 0 by GET", f"{thread}/history", query={"limit": 0})
    play.post("by POST", f"{thread}/history", {})
    play.post("all", f"{thread}/history", {"limit": 100})
    before = {
        "a configurable": {"configurable": {"checkpoint_id": third["checkpoint_id"]}},
        "an id": third["checkpoint_id"],
        "a checkpoint": third,
    }
    for name, shape in before.items():
        play.post(f"before {name}", f"{thread}/history", {"limit": 2, "before": shape})
    play.post("by source", f"{thread}/history", {"limit": 100, "metadata": {"source": "input"}})
    play.post("by a run's metadata", f"{thread}/history", {"limit": 100, "metadata": {"m": 1}})
    play.post("one checkpoint", f"{thread}/history", {"limit": 10, "checkpoint": third})
    play.post("limit 0", f"{thread}/history", {"limit": 0})
    play.post("limit 1001", f"{thread}/history", {"limit": 1001})
    play.post("of an unknown thread", f"/threads/{uuid4()}/history", {})
