"""The servers that are measured: their processes, their start and their end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from attrs import field, frozen

from bench.processes import CpuMeter, pinned

CONFIG = Path(__file__).parent / "langgraph.json"
_STOP_SECONDS = 30


@frozen
class Server:
    url: str
    pid: int | None
    """None: its process is not on this machine, so that its CPU time and memory are unknown."""
    start_seconds: float = 0.0
    """From the start of the process until it listens."""
    threads: Mapping[int, str] = field(factory=dict, eq=False)
    """Its threads' names by their system id, as far as they are known."""

    def cpu_meter(self) -> CpuMeter:
        return CpuMeter(self.pid, self.threads)


@frozen
class Start:
    """How a server is to be started."""

    jobs: int = 64
    """Runs that it must be able to have going at once."""
    stored: int = 0
    """Threads that it holds when it is handed over."""
    graphs: str = "bench"
    """`bench`, or `demo` for the demo graphs."""


@frozen
class Peer:
    """A kind of server that takes part."""

    name: str
    serve: Callable[[Start], AbstractContextManager[Server]]
    most_stored: int
    """Threads that it can be given beforehand in bearable time."""
    startable: bool = True
    """False: it is there already, and is not to be stopped."""


@contextmanager
def lgtrio_server(
    cpus: set[int] | None,
    config: Path | None = CONFIG,
    *,
    database: Path | None = None,
) -> Iterator[Server]:
    """`lgtrio serve` with its default durability; stopped and forgotten on exit.

    Args:
        cpus: the processors it may use.
        config: None serves the demo graphs.
        database: None for a new one.
    """
    with tempfile.TemporaryDirectory(prefix="lgtrio-bench-", ignore_cleanup_errors=True) as folder:
        place = str(database or f"{folder}/bench.db")
        command = [*_command(config), "--port", "0", "--database", place]
        started = time.perf_counter()
        process = subprocess.Popen(
            pinned(command, cpus),
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
            stop(process)
            if reader.is_alive():
                reader.join()
            process.stdout.close()


def stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Ask it to end, and insist."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kill(server: Server) -> None:
    """End it at once; what it was doing does not matter any more."""
    if server.pid is None:
        return
    with suppress(ProcessLookupError):  # it has ended by itself
        os.kill(server.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _command(config: Path | None) -> list[str]:
    lgtrio = [sys.executable, "-m", "lgtrio"]
    if config is None:
        return [*lgtrio, "dev", "--log-format", "json"]
    return [*lgtrio, "serve", "--config", str(config)]


def _listening(log: IO[str]) -> str:
    lines = []
    for line in log:
        lines.append(line)
        if line.startswith("{") and (event := json.loads(line))["event"] == "listening":
            return str(event["url"])
    raise RuntimeError("The server did not start:\n" + "".join(lines))
