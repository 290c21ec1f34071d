"""Why a run is stopped; set before its scope is cancelled, and kept with the run until it ends."""

from __future__ import annotations

from enum import IntEnum, auto

from attrs import frozen

from lgtrio.storage.interface.shared import Cause


class StopKind(IntEnum):
    """Ordered by strength: a higher one replaces a lower one while the run still runs."""

    SHUTDOWN = auto()
    DEADLINE = auto()
    INTERRUPT = auto()
    ROLLBACK = auto()
    DELETE = auto()


@frozen
class Stop:
    kind: StopKind
    cause: Cause
    actor: str | None = None
    message: str = ""
    """Sentence for the thread's error object (INTERRUPT)."""

    def outranks(self, other: Stop | None) -> bool:
        return other is None or self.kind > other.kind
