"""Start an lgtrio server for a measurement, on a fresh database."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from attrs import frozen

CONFIG = Path(__file__).parent / "langgraph.json"


@frozen
class Server:
    url: str
    pid: int
    start_seconds: float
    """From the start of the process until it listens."""


@contextmanager
def lgtrio_server(
    cpus: set[int] | None, config: Path | None = CONFIG, *, database: Path | None = None
) -> Iterator[Server]:
    """`lgtrio serve` with its default durability; stopped and forgotten on exit.

    Args:
        cpus: the processors it may use.
        config: None serves the demo graphs.
        database: None for a new one.
    """
    with tempfile.TemporaryDirectory(prefix="lgtrio-bench-") as folder:
        command = [
            *_command(config),
            "--port",
            "0",
            "--database",
            str(database or f"{folder}/bench.db"),
        ]
        started = time.perf_counter()
        process = subprocess.Popen(
            _pinned(command, cpus),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        # Its log is read to the end, so that the pipe never fills.
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        try:
            url = _listening(process.stdout)
            reader.start()
            yield Server(url, process.pid, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(60)
            if reader.is_alive():
                reader.join()
            process.stdout.close()


def _command(config: Path | None) -> list[str]:
    lgtrio = [sys.executable, "-m", "lgtrio"]
    if config is None:
        return [*lgtrio, "dev", "--log-format", "json"]
    return [*lgtrio, "serve", "--config", str(config)]


def _pinned(command: list[str], cpus: set[int] | None) -> list[str]:
    if not cpus:
        return command
    prelude = (
        f"import os, sys; os.sched_setaffinity(0, {cpus!r}); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-S", "-c", prelude, *command]


def _listening(log: IO[str]) -> str:
    lines = []
    for line in log:
        lines.append(line)
        if line.startswith("{") and (event := json.loads(line))["event"] == "listening":
            return str(event["url"])
    raise RuntimeError("The server did not start:\n" + "".join(lines))
