"""Start to the first `/ok`, and idle memory, beside a bare interpreter with the same graphs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench.measure import median_of, memory_mb
from bench.options import Options
from bench.servers import lgtrio_server

_DEMO_GRAPHS = """
import importlib, json, pathlib, sys
import lgtrio.demo
config = pathlib.Path(lgtrio.demo.__file__).with_name("langgraph.json")
for graph in json.loads(config.read_text())["graphs"].values():
    place = graph if isinstance(graph, str) else graph["path"]
    importlib.import_module(place.partition(":")[0])
print("ready", flush=True)
sys.stdin.read()
"""


def measure(options: Options) -> list[dict[str, Any]]:
    ours, floors = [], []
    for _ in range(options.rounds + 1):
        ours.append(_server(options))
        floors.append(_interpreter())
    # The first pair reads cold files; it warms up and is not counted.
    pairs = list(zip(ours[1:], floors[1:], strict=True))
    return [
        {
            "lgtrio": median_of(ours[1:]),
            "interpreter": median_of(floors[1:]),
            **median_of(
                {
                    "time_ratio": our["seconds"] / its["seconds"],
                    "memory_more_mb": our["memory_mb"] - its["memory_mb"],
                }
                for our, its in pairs
            ),
        }
    ]


def _server(options: Options) -> dict[str, float]:
    started = time.perf_counter()
    with lgtrio_server(None, config=None) as server:
        httpx.get(f"{server.url}/ok").raise_for_status()
        seconds = time.perf_counter() - started
        time.sleep(options.settle)  # idle memory, not that of starting
        return {"seconds": seconds, "memory_mb": memory_mb(server.pid)}


def _interpreter() -> dict[str, float]:
    """Import the demo graphs in a Python that has nothing else to do."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _DEMO_GRAPHS],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("The demo graphs could not be imported.")
        seconds = time.perf_counter() - started
        measured = {"seconds": seconds, "memory_mb": memory_mb(process.pid)}
        process.communicate()
    return measured
