"""Clocks, percentiles and the facts about a machine that belong beside every figure."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("lgtrio", "langgraph", "langgraph-checkpoint", "hypercorn", "quart", "trio", "orjson")


def environment() -> dict[str, Any]:
    """Machine, versions and commit of this measurement."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "versions": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def cpu_seconds(pid: int) -> float:
    """User and system time that a process and its living children have used so far."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


def memory_mb(pid: int) -> float:
    """Unique set size: what would be freed if the process ended."""
    return psutil.Process(pid).memory_full_info().uss / 2**20


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a share `q` of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def median_of(rounds: Iterable[dict[str, float]]) -> dict[str, float]:
    """Key by key, the median over rounds that have the same keys."""
    rounds = list(rounds)
    return {key: round(statistics.median(each[key] for each in rounds), 4) for key in rounds[0]}


def pin(cpus: set[int] | None) -> None:
    """Keep this process on these processors, where the platform can (None: anywhere)."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
