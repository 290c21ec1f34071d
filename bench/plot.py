"""A picture of the ratios: how lgtrio's main figure of each cell compares with the others'."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.cells import OURS
from bench.figures import heading, more_is_better
from bench.report import waits
from bench.results import CellResult, Results

_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")


@frozen
class _Bar:
    other: str
    factors: Sequence[float]
    """By turn: how many times as good lgtrio is."""
    timer: bool


def draw(results: Results, *paths: Path) -> bool:
    """Write the picture to each path; its suffix says the format.

    Returns:
        False: there was nothing to compare, and nothing is written.
    """
    rows = [(cell, bars) for cell in results.cells if (bars := _bars(cell))]
    if not rows:
        return False
    others = list(dict.fromkeys(bar.other for _, bars in rows for bar in bars))
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(others)}
    lines = sum(len(bars) + 1 for _, bars in rows)
    figure = Figure(figsize=(10, 1.8 + 0.17 * lines), layout="constrained")
    axes = figure.add_subplot()
    _draw_rows(axes, rows, colours)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set_xlabel("lgtrio: times as good as the other (right of 1: better); lines: all turns")
    axes.grid(axis="x", alpha=0.3)
    handles = [mpl.patches.Patch(color=colours[name], label=name) for name in others]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(3, len(others)), fontsize=8
    )
    with mpl.rc_context({"svg.hashsalt": "lgtrio"}):
        for path in paths:
            figure.savefig(path, dpi=130)
    return True


def _draw_rows(
    axes: Axes, rows: Sequence[tuple[CellResult, Sequence[_Bar]]], colours: dict[str, str]
) -> None:
    at, ticks = 0.0, []
    for cell, bars in rows:
        first = at
        for bar in bars:
            middle = statistics.median(bar.factors)
            axes.barh(
                at,
                middle - 1,
                left=1,
                height=0.8,
                color=colours[bar.other],
                hatch="///" if bar.timer else None,
                alpha=0.5 if bar.timer else 0.9,
            )
            axes.plot([min(bar.factors), max(bar.factors)], [at, at], color="black", linewidth=0.8)
            text = f" {middle:.2g}×" + (" (timer)" if bar.timer else "")
            place = max(*bar.factors, 1.0)
            axes.text(place, at, text, va="center", fontsize=6.5)
            at += 1
        ticks.append(((first + at - 1) / 2, f"{cell.name}\n{heading(cell.cell.headline)}"))
        at += 1
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=6.5)
    axes.set_ylim(at - 0.5, -1)


def _bars(cell: CellResult) -> list[_Bar]:
    name = cell.cell.headline
    found = []
    for other in cell.contestants:
        if other == OURS:
            continue
        ratios = [each for each in cell.ratios(OURS, other, name) if each > 0]
        factors = ratios if more_is_better(name) else [1 / each for each in ratios]
        if factors:
            found.append(_Bar(other, factors, waits(cell, other) is not None))
    return found
