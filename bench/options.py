"""How a measurement is to be made; printed beside its figures."""

from __future__ import annotations

import os

from attrs import field, frozen


def _own_cpu() -> set[int] | None:
    """The first processor for what is measured, where there is a second for the clients."""
    return {0} if (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity") else None


@frozen
class Options:
    rounds: int = 5
    """Turns of server and floor; figures are medians over them."""
    seconds: float = 3.0
    """Length of one turn."""
    settle: float = 2.0
    """Seconds a server idles before its memory is read."""
    server_cpus: set[int] | None = field(factory=_own_cpu)
    """Processors of the server and of the in-process floor; the clients have the others."""
    langgraph: str | None = None
    """Path of the `langgraph` executable of the reference server, measured too if given."""

    @property
    def client_cpus(self) -> set[int] | None:
        if self.server_cpus is None:
            return None
        return set(range(os.cpu_count() or 1)) - self.server_cpus
