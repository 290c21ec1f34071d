"""The lane of a thread: its active runs, and what a new one does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

from lgtrio.storage.interface.shared import Cause
from lgtrio.storage.interface.stops import Stop, StopKind
from lgtrio.wire.enums import MultitaskStrategy, RunStatus


@frozen
class LaneRun:
    """One active run of a thread, as the lane decision sees it."""

    run_id: str
    status: RunStatus


class Displacement(StrEnum):
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"

    def stop(self, by: str) -> Stop:
        """What it means to a run that is running.

        Args:
            by: id of the run that displaces.
        """
        message = f"superseded by run {by} (multitask_strategy={self})"
        return Stop(StopKind[self.name], Cause.DISPLACED, by, message)


@frozen
class LaneDecision:
    """What a new run does to the active runs of its thread; made by `runs.lanes.admit`."""

    rejected: bool = False
    displace: Mapping[str, Displacement] = field(factory=dict)
    """Run id to what becomes of it. Pending ones are settled inside the create's own
    transaction; with the running one its stop is stored, and the supervisor cancels its scope."""


Decide = Callable[[Sequence[LaneRun], MultitaskStrategy], LaneDecision]
