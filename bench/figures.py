"""Figures of a turn: what their names say about unit and direction, and how they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

Figures = dict[str, float]
"""Name of a figure to its value in one turn. The end of the name is its unit: `_ms`, `_mb`, `_kb`,
`_per_second`, `_share` (of one processor), `_ratio`; others are numbers of things."""
BY_THREAD = "cpu_ms_each: "
"""Begins the names of the figures that say which threads the CPU time of a run went to."""
_UNITS = {"_per_second": "/s", "_kb": " KB", "_mb": " MB", "_cpu": " CPU", "_share": ""}


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a share `q` of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def timings(name: str, seconds: Sequence[float], *quantiles: int) -> Figures:
    """Percentiles in milliseconds, such as `{name}_p50_ms`."""
    wanted = quantiles or (50, 95)
    return {f"{name}_p{each}_ms": quantile(seconds, each / 100) * 1000 for each in wanted}


def more_is_better(name: str) -> bool:
    return name.endswith(("_per_second", "_ratio")) or name == "per_second"


def heading(name: str) -> str:
    """The figure's name in a table: `first_event_p50_ms` is `first event p50 ms`."""
    if name == "per_second":
        return "a second"
    if name == "cpu_ms_each":
        return "CPU-ms each"
    if name == "client_cpu_share":
        return "client CPU"
    for unit, written in _UNITS.items():
        name = name.replace(unit, written)
    return name.replace("_", " ")


def shown(name: str, values: Sequence[float]) -> str:
    """Median of the turns, and their range if there are several."""
    if not values:
        return ""
    median = number(name, statistics.median(values))
    low, high = number(name, min(values)), number(name, max(values))
    return median if low == high else f"{median} ({low}–{high})"


def number(name: str, value: float) -> str:
    if name.endswith("_share"):
        return f"{value:.0%}"
    if value == int(value):
        return f"{value:,.0f}"
    bounds = {100: 0, 10: 1, 0.1: 2}
    digits = next((digits for bound, digits in bounds.items() if abs(value) >= bound), 3)
    return f"{value:,.{digits}f}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Turn by turn: neighbours in time are comparable, also on a noisy machine."""
    return [our / their for our, their in zip(ours, theirs, strict=False) if their]
