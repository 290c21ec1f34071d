"""Where a server's CPU time goes: samples of its stacks, by stage of a run."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.processes import thread_group

STAGES: Sequence[tuple[str, str]] = (
    ("journal", r"/lgtrio/(runs|storage/sqlite|api|wire)/journal\.py"),
    ("webhooks", r"/lgtrio/(webhooks/|\w+/webhooks\.py)"),
    (
        "checkpoints",
        r"/langgraph/checkpoint/|/ormsgpack/|/lgtrio/storage/sqlite/(checkpoint\w*|delta)\.py"
        r"|/lgtrio/graphs/(saver|checkpoint\w*|keeper|persistence)\.py",
    ),
    ("encoding", r"/lgtrio/graphs/(encode|tap|messages)\.py|/lgtrio/runs/frames\.py|/orjson/"),
    (
        "writer: transactions and commits",
        r"/lgtrio/storage/sqlite/(engine|batches|connections|transaction|metrics)\.py",
    ),
    ("run and thread records", r"/lgtrio/storage/"),
    ("parsing and rendering of the API", r"/lgtrio/(api|wire)/|/cattrs/|/attr/"),
    ("supervisor", r"/lgtrio/runs/"),
    ("door", r"/lgtrio/graphs/"),
    ("LangGraph", r"/(langgraph|langchain_core|langsmith|bench)/"),
    ("Hypercorn", r"/(hypercorn|h11|wsproto|h2)/"),
    ("Quart", r"/(quart|quart_trio|werkzeug|flask|blinker)/"),
    ("lgtrio, other", r"/lgtrio/"),
)
"""Stage to the files that are its; the innermost frame that is anybody's decides."""
_LOOPS: Sequence[tuple[str, str]] = (
    ("Trio loop", r"/trio/|/outcome/|/sortedcontainers/"),
    ("asyncio loop", r"/asyncio/|/selectors\.py"),
)
"""Where nobody has a frame, a loop is at work for all of them."""
OTHER = "other"
_STAGES = [(name, re.compile(pattern)) for name, pattern in STAGES]
_LOOP_STAGES = [(name, re.compile(pattern)) for name, pattern in _LOOPS]
_TRIO = re.compile(r"/trio/")
_TURN = re.compile(r"\b_run_once \(|\b(unrolled_)?run \(\S*/trio/_core/_run\.py")
"""Functions in which a loop takes its turn: frames outside of them say only who started it."""
_WAITS = re.compile(
    r"\bselect \(\S*/selectors\.py|\bget_events \(|\b_work \(\S*/_thread_cache\.py"
    r"|\bwait \(\S*/threading\.py|\b_next_batch \(|\bget \(\S*/queue\.py"
)
"""Innermost functions of threads that wait for work; a sampler takes some of them for busy."""


def budget(lines: Iterable[str], cpu_ms: Mapping[str, float]) -> dict[str, Any]:
    """
    Args:
        lines: collapsed stacks, outermost frame first, which names the thread: `frame;frame;…
            number of samples`.
        cpu_ms: group of threads to its measured CPU time. A sampler also sees threads that wait
            for the disk or the interpreter; so samples only say how a thread's time is shared.

    Returns:
        `samples`, and `stages`: for each its `share` of the CPU time, the `cpu_ms`, and those that
        are spent inside Trio on its behalf (`in_trio_ms`); the largest first.
    """
    found: defaultdict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for line in lines:
        stack, _, count = line.rstrip().rpartition(" ")
        if stack and count.isdigit():
            thread, *frames = stack.split(";")
            if not frames or _WAITS.search(frames[-1]):
                continue
            group = thread_group(thread.partition(": ")[2])
            found[group][_stage(frames)] += int(count)
    stages: defaultdict[str, float] = defaultdict(float)
    in_trio: defaultdict[str, float] = defaultdict(float)
    for group, samples in found.items():
        each = cpu_ms.get(group, 0.0) / samples.total()
        for (stage, inside), number in samples.items():
            stages[stage] += number * each
            in_trio[stage] += number * each * inside
    total = sum(stages.values()) or 1.0
    return {
        "samples": sum(samples.total() for samples in found.values()),
        "stages": {
            name: {"share": ms / total, "cpu_ms": ms, "in_trio_ms": in_trio[name]}
            for name, ms in sorted(stages.items(), key=lambda item: -item[1])
        },
    }


def _stage(frames: Sequence[str]) -> tuple[str, bool]:
    """The stage of a sample, and whether it is inside Trio."""
    turns = [at for at, frame in enumerate(frames) if _TURN.search(frame)]
    first = turns[-1] + 1 if turns else 0
    # With a slash, so that a pattern finds a package that is given without a path.
    files = ["/" + frame.replace("\\", "/").rpartition(" (")[2] for frame in frames]
    for stages, places in ((_STAGES, files[first:]), (_LOOP_STAGES, files)):
        for file in reversed(places):
            for name, pattern in stages:
                if pattern.search(file):
                    return name, bool(_TRIO.search(files[-1]))
    return OTHER, False
