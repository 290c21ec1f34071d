"""Servers that the instrument can start by itself, each in a folder of its own.

To add one, write a context manager that serves `langgraph.json` and yields its URL.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx

from bench.servers import lgtrio_server

GRAPHS = Path(__file__).parent
_START_SECONDS = 90


@contextmanager
def lgtrio(_executable: Path | None = None) -> Iterator[str]:
    """This checkout, with its default settings."""
    with lgtrio_server(None, GRAPHS / "langgraph.json") as server:
        yield server.url


@contextmanager
def langgraph_dev(executable: Path | None = None) -> Iterator[str]:
    """The published development server (`langgraph dev`).

    Args:
        executable: an installed `langgraph`; None installs one in an environment of its own under
            the user's cache folder, once.
    """
    executable = executable or _installed_langgraph()
    with tempfile.TemporaryDirectory(prefix="langgraph-dev-") as folder:
        for name in ("graphs.py", "langgraph.json"):
            shutil.copy(GRAPHS / name, folder)
        port = _free_port()
        command = [str(executable), "dev", "--port", str(port), "--no-browser", "--no-reload"]
        command += ["--n-jobs-per-worker", "10"]
        with Path(folder, "server.log").open("w+b") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
            try:
                url = f"http://127.0.0.1:{port}"
                _wait_until_ok(url, process, Path(folder, "server.log"))
                yield url
            finally:
                process.terminate()
                process.wait(30)


PEERS: dict[str, Callable[[Path | None], AbstractContextManager[str]]] = {
    "lgtrio": lgtrio,
    "langgraph-dev": langgraph_dev,
}


def _installed_langgraph() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "lgtrio-bench" / "langgraph-dev"
    executable = folder / "bin" / "langgraph"
    if not executable.exists():
        print(f"Installing langgraph-cli[inmem] into {folder} (once) …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, "langgraph-cli[inmem]"], check=True)
    return executable


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_until_ok(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/ok").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer:\n{log.read_text(errors='replace')[-4000:]}")
