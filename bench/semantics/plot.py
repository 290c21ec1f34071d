"""A picture of how long runs took to end, and their work to stop, after they were asked to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.semantics.play import Results, Server, timings
from bench.semantics.scenario import Scenario

_LEAST_MS = 0.1
"""Left edge: what stopped before it was asked to is drawn here."""


def draw(results: Results, *paths: Path) -> None:
    """Write the picture to each path; its suffix says the format.

    Nothing is written when no run was asked to stop.
    """
    scenarios = [each for each in results.scenarios if _stops(results, each)]
    if not scenarios:
        return
    height = 1.6 + 0.22 * len(scenarios)
    figure = Figure(figsize=(11, height), layout="constrained")
    axes = figure.add_subplot()
    for number, server in enumerate(results.servers):
        _draw_server(axes, results, server, number, scenarios)
    axes.set_xscale("log")
    axes.set_xlim(left=_LEAST_MS * 0.8)
    axes.set_xlabel("ms after the run was asked to stop")
    axes.set_yticks(range(len(scenarios)), [each.title for each in scenarios], fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=max(2, len(results.servers)), fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "lgtrio"}):
        for path in paths:
            figure.savefig(path, dpi=150)


def _stops(results: Results, scenario: Scenario) -> bool:
    plays = [play for server in results.servers for play in results.of(scenario, server)]
    return any(timing.terminal_ms is not None for timing in timings(plays))


def _draw_server(
    axes: Axes, results: Results, server: Server, number: int, scenarios: Sequence[Scenario]
) -> None:
    """Points of one server: filled ones for the status, rings for the work."""
    terminal: list[tuple[float, float]] = []
    stopped: list[tuple[float, float]] = []
    share = 0.7 / len(results.servers)
    for row, scenario in enumerate(scenarios):
        y = row + (number + 0.5) * share - 0.35
        for timing in timings(results.of(scenario, server)):
            if timing.terminal_ms is None:
                continue
            terminal.append((max(_LEAST_MS, timing.terminal_ms), y))
            if timing.stopped_ms is not None:
                stopped.append((max(_LEAST_MS, timing.stopped_ms), y))
    colour = f"C{number}"
    for points, face, words in (
        (terminal, colour, "status final"),
        (stopped, "none", "work stopped"),
    ):
        axes.scatter(
            [x for x, _ in points],
            [y for _, y in points],
            s=18,
            facecolors=face,
            edgecolors=colour,
            label=f"{server.name}: {words}",
        )
