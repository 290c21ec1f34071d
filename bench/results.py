"""What was measured: figures by cell, contestant and turn."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from bench.cells import Cell, Scenario
from bench.figures import BY_THREAD, Figures, ratios


@define
class CellResult:
    scenario: Scenario
    cell: Cell
    contestants: Sequence[str]
    """Those who were to play, in the order of the report."""
    turns: defaultdict[str, list[Figures]] = field(factory=lambda: defaultdict(list))
    """By contestant."""
    failures: dict[str, str] = field(factory=dict)
    """Contestant to the reason why it did not play to the end."""

    @property
    def name(self) -> str:
        return f"{self.scenario.name}/{self.cell.name}"

    def values(self, contestant: str, figure: str) -> list[float]:
        """Turn by turn; empty if it was not measured."""
        return [turn[figure] for turn in self.turns.get(contestant, ()) if figure in turn]

    def median(self, contestant: str, figure: str) -> float | None:
        values = self.values(contestant, figure)
        return statistics.median(values) if values else None

    def ratios(self, one: str, other: str, figure: str) -> list[float]:
        """Turn by turn, one's figure by the other's."""
        return ratios(self.values(one, figure), self.values(other, figure))


@define
class Results:
    environment: dict[str, Any]
    options: dict[str, Any]
    cells: list[CellResult] = field(factory=list)
    budgets: dict[str, dict[str, Any]] = field(factory=dict)
    """Cell to the CPU budget of its profile."""
    notes: list[str] = field(factory=list)
    """What a reader must know: what was left out or stopped."""

    def of(self, name: str) -> CellResult | None:
        """Of `scenario/cell`; None if it was not played."""
        return next((each for each in self.cells if each.name == name), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "options": self.options,
            "notes": self.notes,
            "cells": {
                each.name: {
                    "failures": each.failures,
                    "contestants": {
                        name: {"median": _medians(turns), "turns": _rounded(turns)}
                        for name, turns in each.turns.items()
                    },
                }
                for each in self.cells
            },
            "budgets": self.budgets,
        }


def _medians(turns: Sequence[Figures]) -> Figures:
    names = dict.fromkeys(name for turn in turns for name in turn)
    return {
        name: round(statistics.median(turn[name] for turn in turns if name in turn), 4)
        for name in names
    }


def _rounded(turns: Sequence[Figures]) -> list[Figures]:
    return [{name: round(value, 4) for name, value in turn.items()} for turn in turns]


def by_thread(result: CellResult, contestant: str) -> dict[str, float]:
    """CPU-ms a run by group of threads, the largest first; empty if unknown."""
    turns = result.turns.get(contestant, ())
    names = {name for turn in turns for name in turn if name.startswith(BY_THREAD)}
    found = {name.removeprefix(BY_THREAD): result.median(contestant, name) or 0.0 for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
