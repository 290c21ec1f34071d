"""Places in the stream of a thread: the ids of its frames, and what comes after one of them.

The runs of a thread never overlap, so the thread's stream is the logs of its runs one after the
other. An id names the run and the place in it; its time finds the neighbours of a run that keeps
no log, or is gone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from lgtrio.storage.interface import FrameLog

_ID: Final = re.compile(r"(\d{1,15})-(?:([0-9a-f-]{36})-)?(\d{1,15})", re.ASCII)
_FROM_THE_START: Final = frozenset({"-1", "-", "0"})


@frozen
class Place:
    at_ms: int
    run_id: str | None
    """None: between two runs; or taken from a run's own stream, which does not name it."""
    seq: int

    def __str__(self) -> str:
        run = "" if self.run_id is None else f"{self.run_id}-"
        return f"{self.at_ms}-{run}{self.seq}"


@frozen
class Rest:
    """What is left of one log."""

    log: FrameLog
    after: int
    """Seq of the last frame that has been delivered."""

    @property
    def end_is_told(self) -> bool:
        """The end of a run is told with the number behind its last frame."""
        return self.after > self.log.last_seq


def parse_place(text: str) -> Place | None:
    """A client's `Last-Event-ID`, of this stream or of a run's own; None if it is neither."""
    if text in _FROM_THE_START:
        return Place(0, None, 0)
    found = _ID.fullmatch(text)
    return Place(int(found[1]), found[2], int(found[3])) if found else None


def rest_after(logs: Sequence[FrameLog], place: Place) -> Sequence[Rest]:
    """What to deliver after a place, in order.

    Args:
        logs: all of the thread, in order of their first frames.
    """
    begun = _log_of(logs, place)
    if begun is None:
        later = [log for log in logs if (log.first_ms, log.run_id) > (place.at_ms, _name(place))]
        return [Rest(log, 0) for log in later]
    return [Rest(logs[begun], place.seq), *(Rest(log, 0) for log in logs[begun + 1 :])]


def _log_of(logs: Sequence[FrameLog], place: Place) -> int | None:
    """Index of the log that the place is in; None if it is in none of them."""
    if place.run_id is not None:
        return next((i for i, log in enumerate(logs) if log.run_id == place.run_id), None)
    if place.seq == 0:
        return None
    return max((i for i, log in enumerate(logs) if log.first_ms <= place.at_ms), default=None)


def _name(place: Place) -> str:
    return place.run_id or ""
