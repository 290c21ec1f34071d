"""Results as JSON and as a Markdown matrix."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import asdict

from bench.semantics.findings import Timing
from bench.semantics.play import Play, Results, Server, timings, verdict
from bench.semantics.scenario import Family, Scenario

_LEGEND = """\
`ok`: everything that the scenario judges is as the documentation of the API leads one to expect.
`differs`: each fact that is not, with the expected one in parentheses. `r1`, `r2` … are the runs in
the order of their creation; `gone` means 404; `trail` is what the thread's state holds, node by
node; `late` names runs whose nodes still worked when a client had seen them ended; `overlap` names
runs of one thread that worked at the same time.
"""


def as_json(results: Results) -> dict[str, Any]:
    return {
        "servers": [asdict(server) for server in results.servers],
        "summary": {server.name: summary(results, server) for server in results.servers},
        "plays": [_recorded(play) for play in results.plays],
    }


def _recorded(play: Play) -> dict[str, Any]:
    finding = play.finding
    return {
        "family": play.scenario.family,
        "scenario": play.scenario.name,
        "server": play.server.name,
        "verdict": verdict([play]),
        "seconds": play.seconds,
        "failure": play.failure or None,
        "facts": dict(finding.facts) if finding else None,
        "expected": dict(finding.expected) if finding else None,
        "timings": [asdict(timing) for timing in timings([play])],
    }


def summary(results: Results, server: Server) -> dict[str, Any]:
    """Counts of verdicts, and medians over all runs that were asked to stop."""
    by_scenario = [results.of(scenario, server) for scenario in results.scenarios]
    verdicts = Counter(verdict(plays) for plays in by_scenario)
    times = [timing for plays in by_scenario for timing in timings(plays)]
    return {
        "ok": verdicts["ok"],
        "differs": verdicts["differs"],
        "failed": verdicts["failed"],
        "create_to_first_sign_p50_ms": _median(times, "start_ms"),
        "stop_to_terminal_p50_ms": _median(times, "terminal_ms"),
        "stop_to_last_sign_p50_ms": _median(times, "stopped_ms"),
    }


def _median(times: Iterable[Timing], name: str) -> float | None:
    values = [value for timing in times if (value := getattr(timing, name)) is not None]
    return round(statistics.median(values), 1) if values else None


def as_markdown(results: Results, families: Sequence[Family]) -> str:
    played = set(results.scenarios)
    parts = ["# Semantics of runs", _LEGEND, *_summary_table(results)]
    for family in families:
        if scenarios := [each for each in family.scenarios if each in played]:
            parts += ["", f"## {family.name}", "", family.about, ""]
            parts += _matrix(results, scenarios)
    return "\n".join(parts) + "\n"


def _summary_table(results: Results) -> Iterator[str]:
    rows = [(server.name, summary(results, server)) for server in results.servers]
    yield _row("server", *(name.replace("_", " ") for name in rows[0][1]))
    yield _rule(1 + len(rows[0][1]))
    for name, values in rows:
        yield _row(name, *("-" if value is None else str(value) for value in values.values()))


def _matrix(results: Results, scenarios: Iterable[Scenario]) -> Iterator[str]:
    yield _row("scenario", *(server.name for server in results.servers))
    yield _rule(1 + len(results.servers))
    for scenario in scenarios:
        cells = (cell(results.of(scenario, server)) for server in results.servers)
        yield _row(scenario.name, *cells)


def cell(plays: Sequence[Play]) -> str:
    """The verdict in short words; what only some of the plays showed says how many."""
    if (word := verdict(plays)) == "ok":
        return word
    seen: Counter[str] = Counter()
    for play in plays:
        if play.finding is None:
            seen[play.failure] += 1
        else:
            for name, (found, wanted) in play.finding.differences.items():
                seen[f"{name} {found} ({wanted})"] += 1
    details = (
        text if count == len(plays) else f"{text} [{count} of {len(plays)}]"
        for text, count in seen.items()
    )
    return f"**{word}**: " + "; ".join(details)


def _row(*cells: str) -> str:
    return "| " + " | ".join(each.replace("|", "\\|").replace("\n", " ") for each in cells) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns
