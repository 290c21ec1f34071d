"""The floor: the same graphs called in process, with one saver or another."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from attrs import asdict, define, field, frozen

from bench.figures import Figures
from bench.options import Options
from bench.processes import pinned

SAVERS = {
    "none": "in process, no saver",
    "memory": "in process, in-memory saver",
    "sqlite": "in process, published SQLite saver",
}
"""Checkpointer to its contestant's name."""
MEMORY = SAVERS["memory"]
_PATIENCE_SECONDS = 60


@frozen
class Order:
    saver: str
    graph: str
    clients: int
    seconds: float
    stream: bool = False
    """`astream` of custom events instead of `ainvoke`."""
    text: int = 0
    """Characters of a value in the state."""


@define
class Floor:
    """The interpreter that plays the floors, one after the other; started when first needed."""

    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def play(self, order: Order, cpus: set[int] | None) -> Figures:
        """One turn (blocking)."""
        process = self._started(cpus)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(order)) + "\n")
        process.stdin.flush()
        watch = threading.Timer(order.seconds + _PATIENCE_SECONDS, process.kill)
        watch.start()
        line = process.stdout.readline()
        watch.cancel()
        if not line:
            self.close()
            raise RuntimeError("the interpreter of the floor has ended, or was too slow")
        return dict(json.loads(line))

    def _started(self, cpus: set[int] | None) -> subprocess.Popen[str]:
        if self._process is None:
            command = pinned([sys.executable, "-m", "bench.inprocess"], cpus)
            root = Path(__file__).parents[1]
            self._process = subprocess.Popen(
                command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


Turn = Callable[[Floor, Options], Figures]


def floors(graph: str, clients: int, *, stream: bool = False, text: int = 0) -> Mapping[str, Turn]:
    """A turn of each saver: the contestants of a cell that call its graph in process."""

    def play(saver: str, floor: Floor, options: Options) -> Figures:
        order = Order(saver, graph, clients, options.seconds, stream, text)
        return floor.play(order, options.server_cpus)

    return {name: partial(play, saver) for saver, name in SAVERS.items()}
