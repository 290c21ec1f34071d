"""What a new run does to the runs of its thread: a pure function.

A lane is a thread's active runs: at most one running, the rest pending in order of creation.
The strategy of the *new* run counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from lgtrio.storage.interface import Displacement, LaneDecision, LaneRun
from lgtrio.wire.enums import MultitaskStrategy

_DISPLACES = {
    MultitaskStrategy.INTERRUPT: Displacement.INTERRUPT,
    MultitaskStrategy.ROLLBACK: Displacement.ROLLBACK,
}


def admit(active: Sequence[LaneRun], strategy: MultitaskStrategy) -> LaneDecision:
    """Decide what becomes of the lane when a run with `strategy` arrives.

    Args:
        active: the thread's pending and running runs, oldest first.

    Returns:
        Rejected, or which runs are displaced and how; an empty lane displaces nobody.
    """
    if strategy is MultitaskStrategy.REJECT:
        return LaneDecision(rejected=bool(active))
    if strategy is MultitaskStrategy.ENQUEUE:
        return LaneDecision()
    return LaneDecision(displace={run.run_id: _DISPLACES[strategy] for run in active})
