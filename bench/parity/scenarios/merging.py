"""What a node sees of assistant, thread and run."""

from __future__ import annotations

from typing import Any

from bench.parity.family import Family
from bench.parity.player import Player, order

merging = Family("merging")

_ASSISTANT = {
    "graph_id": "configured",
    "config": {
        "configurable": {"model": "of assistant", "only_assistant": 1},
        "tags": ["assistant"],
        "recursion_limit": 30,
    },
    "metadata": {"who": "assistant", "from_assistant": 1},
}


def _assistant(play: Player) -> str:
    return str(play.http.post("/assistants", json=_ASSISTANT).json()["assistant_id"])


def _waits(play: Player, step: str, graph: str, **body: Any) -> None:
    thread = play.thread(metadata={"who": "thread", "from_thread": 1})
    play.post(step, f"{thread}/runs/wait", order(graph, {"ask": ""}, **body))
    play.rested(thread)
    play.get(f"{step}: thread", thread)
    play.get(f"{step}: run", f"{thread}/runs")


@merging.scenario("nothing given")
def nothing(play: Player) -> None:
    _waits(play, "default assistant", "configured")
    _waits(play, "own assistant", _assistant(play))


@merging.scenario("config")
def config(play: Player) -> None:
    given = {
        "configurable": {"model": "of run", "unknown": 1, "thread_id": "mine"},
        "tags": ["run"],
        "recursion_limit": 40,
        "metadata": {"who": "config", "from_config": 1},
        "max_concurrency": 3,
    }
    run = {"who": "run", "from_run": 1}
    _waits(play, "all", _assistant(play), config=given, metadata=run)
    _waits(play, "configurable", "configured", config={"configurable": {"temperature": 2}})


@merging.scenario("context")
def context(play: Player) -> None:
    _waits(play, "of the run", "configured", context={"model": "of run", "unknown": 1})
    _waits(play, "over the assistant's", _assistant(play), context={"temperature": 3})
