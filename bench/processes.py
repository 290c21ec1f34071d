"""What processes have used and hold: CPU time by thread, memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from attrs import define, field


@define
class CpuMeter:
    """CPU time of a server from now on; nothing where its process is not known."""

    pid: int | None
    names: Mapping[int, str] = field(factory=dict)
    """Thread id to its name; see `thread_names`."""
    _start: Counter[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._start = self._now()

    def used(self) -> dict[str, float]:
        """Seconds by group of threads, and their sum as `all`; empty if unknown."""
        return {name: seconds - self._start[name] for name, seconds in self._now().items()}

    def _now(self) -> Counter[str]:
        seconds: Counter[str] = Counter()
        if self.pid is None:
            return seconds
        server = psutil.Process(self.pid)
        for process in (server, *server.children(recursive=True)):
            seconds["all"] += sum(process.cpu_times()[:2])
        for thread in server.threads() if self.names else ():
            name = self.names.get(thread.id, "other")
            seconds[name] += thread.user_time + thread.system_time
        return seconds


def thread_names(pid: int | None) -> dict[int, str]:
    """Names of a Python process's threads by their system id; empty where py-spy may not look."""
    spy = py_spy()
    if pid is None or spy is None:
        return {}
    command = [spy, "dump", "--json", "--nonblocking", "--pid", str(pid)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        threads = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):  # figures without names are still figures
        return {}
    return {
        thread["os_thread_id"]: thread_group(thread["thread_name"] or "other")
        for thread in threads
        if thread["os_thread_id"]
    }


def thread_group(name: str) -> str:
    """What is measured together: threads of a pool have one name and numbers: `lgtrio-graphs-0`."""
    name = re.sub(r"[-_ ]?\d+.*$", "", name)
    return "main" if name == "MainThread" else name.removeprefix("lgtrio-")


def py_spy() -> str | None:
    """Its executable, in this environment or anywhere."""
    own = Path(sys.executable).with_name("py-spy")
    return str(own) if own.exists() else shutil.which("py-spy")


def pinned(command: Sequence[str], cpus: set[int] | None) -> list[str]:
    """The command, kept on these processors."""
    if not cpus:
        return list(command)
    prelude = (
        f"import os, sys; os.sched_setaffinity(0, {cpus!r}); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-S", "-c", prelude, *command]


def pin(cpus: set[int] | None) -> None:
    """Keep this process on these processors, where the platform can (None: anywhere)."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)


def memory_mb(pid: int) -> float:
    """Unique set size: what would be freed if the process ended."""
    return psutil.Process(pid).memory_full_info().uss / 2**20


def cpu_seconds_of_self() -> float:
    """To the microsecond; `os.times` counts in hundredths."""
    return time.process_time()
