"""What has happened in a scenario: facts in short words, and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from attrs import frozen

from bench.semantics.lab import Lab
from bench.semantics.runs import Run


@frozen
class Timing:
    """Times of one run, in ms; None where nothing of the kind happened."""

    run: str
    start_ms: float | None
    """From sending the request that created it to its first sign of life."""
    terminal_ms: float | None
    """From asking it to stop to the first look that showed it ended."""
    stopped_ms: float | None
    """From asking it to stop to its last sign of life; 0 if that came before."""


@frozen
class Finding:
    """One scenario on one server."""

    facts: Mapping[str, str]
    expected: Mapping[str, str]
    timings: Sequence[Timing]

    @property
    def differences(self) -> dict[str, tuple[str, str]]:
        """Fact to what was found and what was expected, where they are not the same."""
        return {
            name: (self.facts.get(name, "-"), wanted)
            for name, wanted in self.expected.items()
            if self.facts.get(name, "-") != wanted
        }


async def found_in(lab: Lab) -> Finding:
    """Wait until everything has ended and really stopped, and look at what there is."""
    for run in lab.runs:
        await run.ended()
    for run in lab.runs:
        await run.quiet()
    statuses = {run.label: await run.look() for run in lab.runs}
    state = await lab.state()
    facts = {
        **statuses,
        "thread": await lab.thread_status_at_rest(),
        "trail": trail(state, lab.runs) if state else "gone",
        "next": " ".join(state["next"]) or "-" if state else "gone",
        "checkpoints": owners(await lab.history(), lab.runs),
        "overlap": overlaps(lab.runs),
        "late": late_work(lab.runs),
        **lab.notes,
    }
    return Finding(facts, lab.expected, [timing(run) for run in lab.runs])


def trail(state: Mapping[str, Any], runs: Iterable[Run]) -> str:
    """The nodes whose work is in the state: `r1:first r1:work …`."""
    labels = {run.run_id: run.label for run in runs}
    steps = (entry.split(":") for entry in (state["values"] or {}).get("trail", []))
    return " ".join(f"{labels.get(run_id, '?')}:{node}" for run_id, node in steps) or "-"


def owners(history: Iterable[Mapping[str, Any]], runs: Iterable[Run]) -> str:
    """How many checkpoints each run has left: `r1×2 r2×5`."""
    labels = {run.run_id: run.label for run in runs}
    found = Counter(
        labels.get(str((each.get("metadata") or {}).get("run_id")), "?") for each in history
    )
    return " ".join(f"{label}×{found[label]}" for label in sorted(found)) or "-"


def overlaps(runs: Sequence[Run]) -> str:
    """Pairs of runs of a thread that worked at the same time."""
    pairs = []
    for one, other in combinations([run for run in runs if run.signs], 2):
        start = max(one.signs[0].at, other.signs[0].at)
        end = min(one.signs[-1].at, other.signs[-1].at)
        if one.thread_id == other.thread_id and end > start:
            pairs.append(f"{one.label}/{other.label}")
    return " ".join(pairs) or "none"


def late_work(runs: Iterable[Run]) -> str:
    """Runs that still worked when a client had seen them ended, and for how long: `r1 < 100 ms`."""
    late = [
        f"{run.label} {_rough(run.signs[-1].at - run.ended_at)}"
        for run in runs
        if run.ended_at is not None and run.signs and run.signs[-1].at > run.ended_at
    ]
    return " ".join(late) or "none"


def _rough(seconds: float) -> str:
    """A time that is the same word for every play of a scenario."""
    bounds = {0.01: "< 10 ms", 0.1: "< 100 ms", 1.0: "< 1 s"}
    return next((word for bound, word in bounds.items() if seconds < bound), "> 1 s")


def timing(run: Run) -> Timing:
    first = run.signs[0].at if run.signs else None
    last = run.signs[-1].at if run.signs else None
    return Timing(
        run.label,
        _ms(run.created_at, first),
        _ms(run.asked_at, run.ended_at),
        _ms(run.asked_at, last),
    )


def _ms(start: float | None, end: float | None) -> float | None:
    if start is None or end is None:
        return None
    return round(max(0.0, end - start) * 1000, 2)
