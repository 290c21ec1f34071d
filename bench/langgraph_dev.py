"""The published development server (`langgraph dev`), in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx

from bench.processes import pinned
from bench.servers import Server, stop

_START_SECONDS = 90


@contextmanager
def langgraph_dev(
    config: Path, executable: Path | None = None, *, jobs: int, cpus: set[int] | None = None
) -> Iterator[Server]:
    """Serve a copy of the folder of `config`, so that it writes nothing into this checkout.

    Args:
        executable: an installed `langgraph`; None installs one, once.
        jobs: runs that it works at at once; its default is 1.
    """
    executable = executable or installed()
    with tempfile.TemporaryDirectory(prefix="langgraph-dev-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(
            config.parent, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        port = _free_port()
        command = [str(executable), "dev", "--port", str(port), "--no-browser", "--no-reload"]
        command += ["--config", config.name, "--n-jobs-per-worker", str(jobs)]
        log_file = Path(folder, "server.log")
        started = time.perf_counter()
        with log_file.open("w+b") as log:
            process = subprocess.Popen(
                pinned(command, cpus), cwd=folder, env=_environment(), stdout=log, stderr=log
            )
            try:
                url = f"http://127.0.0.1:{port}"
                _wait_until_ok(url, process, log_file)
                yield Server(url, process.pid, time.perf_counter() - started)
            finally:
                stop(process)


def _environment() -> dict[str, str]:
    """Quiet and on its own: a log on a terminal's level, and nothing told to anybody, costs it."""
    return os.environ | {
        "LOG_LEVEL": "warning",
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        "LANGSMITH_TRACING": "false",
    }


def installed() -> Path:
    """Its executable, under the user's cache folder, with the LangGraph that lgtrio uses."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "lgtrio-bench" / "langgraph-dev"
    executable = folder / "bin" / "langgraph"
    if not executable.exists():
        print(f"Installing langgraph-cli[inmem] into {folder} (once) …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        same = [f"{name}=={version(name)}" for name in ("langgraph", "langchain-core")]
        subprocess.run([*install, "langgraph-cli[inmem]", *same], check=True)
    return executable


def versions(executable: Path) -> dict[str, str]:
    """Versions of what it is made of, by package."""
    code = (
        "import json; from importlib.metadata import version; print(json.dumps({name: version(name)"
        " for name in ('langgraph-api', 'langgraph-runtime-inmem', 'langgraph')}))"
    )
    python = executable.parent / "python"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        return {}


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
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer:\n{log.read_text(errors='replace')[-4000:]}")
