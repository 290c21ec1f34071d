"""The run state machine: one table, pure.

    (none) ──create──▶ pending ──claim──▶ running ──▶ success │ error │ timeout │ interrupted
                          │  ▲              │
                          │  └──requeue─────┘   shutdown, crash recovery
                          ├──▶ interrupted      cancelled or displaced before it started
                          └──▶ (none)           rolled back or deleted; from every status

A terminal status is never left except by deletion, so no run can end twice.
"""

from __future__ import annotations

from typing import Final

from lgtrio.errors import IllegalTransition
from lgtrio.wire.enums import TERMINAL, RunStatus

LEGAL: Final[dict[RunStatus | None, frozenset[RunStatus | None]]] = {
    None: frozenset({RunStatus.PENDING}),
    RunStatus.PENDING: frozenset({RunStatus.RUNNING, RunStatus.INTERRUPTED, None}),
    RunStatus.RUNNING: frozenset({RunStatus.PENDING, *TERMINAL, None}),
    **{status: frozenset({None}) for status in TERMINAL},
}
"""Current status to the statuses that may follow it; None is "no such run"."""


def check(run_id: str, current: RunStatus | None, wanted: RunStatus | None) -> None:
    """Let a legal move pass.

    Raises:
        IllegalTransition: the table has no such move.
    """
    if wanted not in LEGAL[current]:
        raise IllegalTransition(run_id, str(current), str(wanted))
