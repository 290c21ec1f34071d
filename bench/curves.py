"""A picture of what a run costs: CPU time against concurrency, and against its state's size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.results import Results
from bench.scenarios import cost, wait

Points = Mapping[str, tuple[list[float], list[float]]]
"""Contestant to x and y, x ascending."""

BY_CLIENTS: Mapping[float, str] = dict(
    sorted(
        [
            *((clients, f"wait/stateless-1-step-{clients}") for clients in wait.CLIENTS),
            *((clients, f"cost/clients-{clients}") for clients in cost.CLIENTS),
        ]
    )
)
"""Number of clients to the cell that has so many."""
BY_SIZE: Mapping[float, str] = {
    size / 1000: f"cost/state-{name}" for name, size in cost.SIZES.items()
}
"""KB of state to the cell."""


def draw_curves(results: Results, *paths: Path) -> bool:
    """Write the picture to each path; its suffix says the format.

    Returns:
        False: there are no two points to join, and nothing is written.
    """
    panels = [
        ("clients at a time", _points(results, BY_CLIENTS)),
        ("KB of state, 8 clients", _points(results, BY_SIZE)),
    ]
    if not any(points for _, points in panels):
        return False
    figure = Figure(figsize=(10, 4), layout="constrained")
    names = list(dict.fromkeys(name for _, points in panels for name in points))
    for axes, (label, points) in zip(figure.subplots(1, 2), panels, strict=True):
        _draw(axes, label, points, names)
    handles = [
        mpl.lines.Line2D([], [], color=f"C{at}", marker="o", label=name)
        for at, name in enumerate(names)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "lgtrio"}):
        for path in paths:
            figure.savefig(path, dpi=130)
    return True


def _points(results: Results, cells: Mapping[float, str]) -> Points:
    found: dict[str, tuple[list[float], list[float]]] = {}
    for x, name in cells.items():
        cell = results.of(name)
        for who in cell.contestants if cell else ():
            y = cell.median(who, "cpu_ms_each") if cell else None
            if y is not None:
                xs, ys = found.setdefault(who, ([], []))
                xs.append(x)
                ys.append(y)
    return {who: points for who, points in found.items() if len(points[0]) > 1}


def _draw(axes: Axes, label: str, points: Points, names: list[str]) -> None:
    for name, (xs, ys) in points.items():
        axes.plot(xs, ys, marker="o", markersize=3, color=f"C{names.index(name)}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(mpl.ticker.NullLocator())
    axes.set_xlabel(label)
    axes.set_ylabel("CPU-ms a run")
    axes.grid(alpha=0.3)
