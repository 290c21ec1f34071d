"""How a measurement is to be made; kept beside its figures."""

from __future__ import annotations

import os

from attrs import field, frozen


def _own_cpu() -> set[int] | None:
    """The first processor for what is measured, where there is a second for the clients."""
    return {0} if (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity") else None


@frozen
class Options:
    rounds: int = 5
    """Turns of each contestant in a cell; figures are medians over them."""
    seconds: float = 3.0
    """Length of one turn under load."""
    few: int = 3
    """Turns where each takes long: crowds, starts, large databases."""
    settle: float = 2.0
    """Seconds a server idles before its memory is read."""
    repeats: int = 10
    """Times that a single act is timed in one turn."""
    server_cpus: set[int] | None = field(factory=_own_cpu)
    """Processors of the servers and of the in-process floor; the clients have the others."""

    @property
    def client_cpus(self) -> set[int] | None:
        if self.server_cpus is None:
            return None
        return set(range(os.cpu_count() or 1)) - self.server_cpus


def quick() -> Options:
    """Everything once, briefly: a look, no figures to quote."""
    return Options(rounds=1, seconds=0.6, few=1, settle=0.5, repeats=5)
