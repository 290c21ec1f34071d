"""Crons, as far as no minute has to pass."""

from __future__ import annotations

from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, id_of

crons = Family("crons")

_PATH = "/runs/crons"
_YEARLY = "0 9 1 1 *"


@crons.scenario("create")
def create(play: Player) -> None:
    body = {"assistant_id": "echo", "schedule": _YEARLY}
    play.post("least", _PATH, body)
    full = {
        **body,
        "timezone": "America/New_York",
        "end_time": "2090-01-01T00:00:00+00:00",
        "input": {"foo": "c"},
        "metadata": {"m": 1},
        "config": {"configurable": {"a": 1}, "tags": ["t"]},
        "interrupt_before": ["e1"],
        "on_run_completed": "keep",
        "enabled": False,
        "stream_mode": ["values"],
        "durability": "sync",
    }
    play.post("full", _PATH, full)
    play.post("with a context", _PATH, {**body, "context": {"a": 1}})
    thread = play.thread()
    rejecting = {**body, "multitask_strategy": "reject"}
    made = play.post("on a thread", f"{thread}/runs/crons", rejecting)
    play.get("got", f"{_PATH}/{made.body['cron_id']}")
    play.delete("its thread", thread)
    play.get("gone with its thread", f"{_PATH}/{made.body['cron_id']}")
    play.post("unknown key", _PATH, {**body, "unheard_of": 1})


@crons.scenario("refusals")
def refusals(play: Player) -> None:
    body = {"assistant_id": "echo", "schedule": _YEARLY}
    for name, change in {
        "bad schedule": {"schedule": "bogus"},
        "impossible minute": {"schedule": "61 * * * *"},
        "never": {"schedule": "0 0 31 2 *"},
        "bad time zone": {"timezone": "Mars/X"},
        "bad end": {"end_time": "bogus"},
        "unknown graph": {"assistant_id": "nope"},
        "unknown assistant": {"assistant_id": str(uuid4())},
        "bad strategy": {"multitask_strategy": "nope"},
        "bad completion": {"on_run_completed": "nope"},
        "loopback webhook": {"webhook": "http://127.0.0.1:9/x"},
        "bad input type": {"metadata": "x"},
    }.items():
        play.post(name, _PATH, {**body, **change})
    play.post("no schedule", _PATH, {"assistant_id": "echo"})
    play.post("no assistant", _PATH, {"schedule": _YEARLY})
    play.post("unknown thread", f"/threads/{uuid4()}/runs/crons", body)
    play.post("bad thread", "/threads/nope/runs/crons", body)
    play.get("unknown", f"{_PATH}/{uuid4()}")
    play.get("bad id", f"{_PATH}/nope")
    play.delete("unknown, deleted", f"{_PATH}/{uuid4()}")
    play.patch("unknown, patched", f"{_PATH}/{uuid4()}", {"enabled": False})


@crons.scenario("schedules")
def schedules(play: Player) -> None:
    for schedule in ("@yearly", "*/5 * * * *", "0 12 * * * 30"):
        body = {"assistant_id": "echo", "schedule": schedule, "enabled": False}
        play.post(schedule, _PATH, body)
    zoned = {"timezone": "Asia/Tokyo", "schedule": _YEARLY, "enabled": False}
    play.post("in Tokyo", _PATH, {"assistant_id": "echo", **zoned})


@crons.scenario("patch and delete")
def patch(play: Player) -> None:
    body = {
        "assistant_id": "echo",
        "schedule": _YEARLY,
        "metadata": {"a": 1},
        "input": {"foo": "c"},
        "config": {"configurable": {"a": 1}},
        "end_time": "2090-01-01T00:00:00+00:00",
    }
    path = f"{_PATH}/{play.http.post(_PATH, json=body).json()['cron_id']}"
    for name, change in {
        "nothing": {},
        "disabled": {"enabled": False},
        "schedule and zone": {"schedule": "30 8 1 1 *", "timezone": "Europe/Berlin"},
        "metadata": {"metadata": {"b": 2}},
        "input and config": {"input": {"foo": "d"}, "config": {"tags": ["t"]}},
        "no end": {"end_time": None},
        "bad schedule": {"schedule": "bogus"},
        "bad completion": {"on_run_completed": "nope"},
    }.items():
        play.patch(name, path, change)
    play.delete("once", path)
    play.delete("again", path)


@crons.scenario("search and count")
def search(play: Player) -> None:
    mine = {"metadata": {"tag": play.tag}}
    thread = play.thread()
    body = {"assistant_id": "echo", "schedule": _YEARLY, **mine}
    play.http.post(_PATH, json=body).raise_for_status()
    play.http.post(_PATH, json={**body, "enabled": False}).raise_for_status()
    play.http.post(f"{thread}/runs/crons", json=body).raise_for_status()
    oldest = {"sort_by": "created_at", "sort_order": "asc"}
    path = f"{_PATH}/search"
    play.post("all", path, {**mine, **oldest})
    play.post("page", path, {**mine, **oldest, "limit": 1, "offset": 1})
    play.post("of a thread", path, {"thread_id": id_of(thread)})
    play.post("disabled", path, {**mine, "enabled": False, "select": ["enabled", "schedule"]})
    play.post("by the name of a graph", path, {**mine, "assistant_id": "echo"})
    play.post("bad sort", path, {"sort_by": "schedule"})
    play.post("count", f"{_PATH}/count", mine)
    play.post("count of a thread", f"{_PATH}/count", {"thread_id": id_of(thread)})
