"""Crons that fire. They come first of all: crons with an end, which other scenarios make, hold up
the scheduler of the reference server (quirk 33)."""

from __future__ import annotations

from bench.parity.family import Family
from bench.parity.player import Player, id_of

firing = Family("firing")

_PATH = "/runs/crons"


@firing.scenario("every second")
def every_second(play: Player) -> None:
    """Every second, until the first run is there; how many follow is not compared."""
    body = {
        "assistant_id": "echo",
        "schedule": "* * * * * *",
        "input": {"foo": "c"},
        "metadata": {"tag": play.tag},
        "config": {"configurable": {"a": 1}},
    }
    thread = play.thread()
    for step, path, more in (
        ("kept", _PATH, {"on_run_completed": "keep"}),
        ("on a thread", f"{thread}/runs/crons", {"metadata": {}}),
    ):
        cron = play.http.post(path, json={**body, **more}).json()
        wanted = {"metadata": {"tag": play.tag}} if step == "kept" else {"ids": [id_of(thread)]}
        found = play.first_run_of({**wanted, "sort_by": "created_at", "sort_order": "asc"})
        play.http.delete(f"{_PATH}/{cron['cron_id']}").raise_for_status()
        play.ended(found)
        play.get(f"{step}: run", found)
        play.get(f"{step}: join", f"{found}/join")
        if step == "kept":
            play.get(f"{step}: thread", found.partition("/runs/")[0])
    play.post("after its end", f"{_PATH}/search", {"metadata": {"tag": play.tag}})
