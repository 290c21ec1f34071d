"""Start to the first `/ok`, and idle memory, beside a bare interpreter with the same graphs."""

from __future__ import annotations

import compileall
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from bench.cells import Cell, Scenario
from bench.figures import Figures
from bench.floor import Floor
from bench.options import Options
from bench.processes import memory_mb, pinned
from bench.servers import Peer, Start

_ROOT = Path(__file__).parents[2]
INTERPRETER = "bare interpreter"
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


def _launch(peer: Peer, options: Options) -> Figures:
    # As where it is installed: with PYTHONDONTWRITEBYTECODE a checkout would be compiled at every
    # start. It takes a moment once, and then nothing.
    compileall.compile_dir(_ROOT / "lgtrio", quiet=1)
    started = time.perf_counter()
    with peer.serve(Start(graphs="demo")) as server:
        # httpx would read the certificates of the whole world first, on the server's time.
        with urlopen(f"{server.url}/ok") as answer:
            answer.read()
        seconds = time.perf_counter() - started
        time.sleep(options.settle)  # idle memory, not that of starting
        assert server.pid is not None
        return {"start_ms": seconds * 1000, "memory_mb": memory_mb(server.pid)}


def _interpreter(_floor: Floor, options: Options) -> Figures:
    """Import the demo graphs in a Python that has nothing else to do."""
    command = pinned([sys.executable, "-c", _DEMO_GRAPHS], options.server_cpus)
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("The demo graphs could not be imported.")
        seconds = time.perf_counter() - started
        figures = {"start_ms": seconds * 1000, "memory_mb": memory_mb(process.pid)}
        process.communicate()
    return figures


SCENARIO = Scenario(
    "startup",
    "Start and idle memory",
    "With the demo graphs, other servers with those of the benchmark; until `/ok` is answered. The"
    " interpreter imports the demo graphs and does nothing else.",
    [
        Cell(
            "demo",
            launch=_launch,
            alone={INTERPRETER: _interpreter},
            headline="start_ms",
            warm_up=True,
        )
    ],
    figures=["start_ms", "memory_mb"],
)
