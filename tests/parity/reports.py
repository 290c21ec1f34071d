"""Has proofs carried out by each SDK, in processes of their own, and keeps what they report."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from attrs import frozen

from parity.proving import PROOFS
from parity.recording import Claim
from parity.run import KINDS, Places
from parity.surface import Surface
from support.old_sdk import old_python
from support.server import REPOSITORY, clean_environment

NEW, OLD = "0.4.14", "0.2.4"
PATIENCE, SHORT_PATIENCE = 60.0, 4.0
"""Seconds for what is to happen, and for what is not to happen when a parameter is lost: longer
than what proofs let things last."""
AT_MOST = 900
"""Seconds for all of them; an idle machine takes a minute."""


@frozen
class Report:
    version: str
    proof: str
    kind: str
    lost: Claim | None
    error: str | None
    values: dict[Claim, int]
    """How many values of a parameter that are not its default the SDK was given."""

    def __str__(self) -> str:
        return f"langgraph_sdk {self.version}, {self.kind} client"


@frozen
class Reports:
    surfaces: dict[str, Surface]
    """By version."""
    reports: list[Report]

    def of(self, proof: str) -> list[Report]:
        """With nothing lost."""
        return [each for each in self.reports if each.proof == proof and each.lost is None]

    def with_losses(self, proof: str) -> list[Report]:
        return [each for each in self.reports if each.proof == proof and each.lost]


def module(python: str, name: str, order: Any = None) -> Any:
    """Run one of our modules in an interpreter; what it answers."""
    done = subprocess.run(
        [python, "-m", name],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=AT_MOST,
        check=False,
        env=clean_environment({"PYTHONPATH": str(REPOSITORY / "tests")}),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def carry_out(wanted: set[str], surfaces: dict[str, Surface], places: Places) -> list[Report]:
    """
    Args:
        wanted: names of proofs.
    """
    losses = [[name, "async", claim] for name in sorted(wanted) for claim in PROOFS[name].claims]
    orders = [
        (NEW, sys.executable, PATIENCE, _plain(wanted, surfaces[NEW])),
        (OLD, old_python(), PATIENCE, _plain(wanted, surfaces[OLD])),
        (NEW, sys.executable, SHORT_PATIENCE, losses),
    ]
    with ThreadPoolExecutor() as pool:
        answers = [
            (version, pool.submit(module, python, "parity.run", _order(places, *rest)))
            for version, python, *rest in orders
        ]
        return [_report(version, each) for version, done in answers for each in done.result()]


def _order(places: Places, patience: float, tasks: list[Any]) -> dict[str, Any]:
    return {"places": asdict(places), "patience": patience, "tasks": tasks}


def _plain(wanted: set[str], surface: Surface) -> list[Any]:
    possible = [name for name in sorted(wanted) if PROOFS[name].possible(surface)]
    return [[name, kind, None] for name in possible for kind in KINDS]


def _report(version: str, told: dict[str, Any]) -> Report:
    values = {(method, parameter): number for method, parameter, number in told.pop("values")}
    lost = told.pop("lost")
    return Report(version=version, values=values, lost=lost and tuple(lost), **told)
