"""Times on the wire: ISO 8601 in UTC with microseconds and `+00:00`, so that they sort as text."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def now_iso() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def in_seconds_iso(seconds: float) -> str:
    """The time `seconds` from now.

    Raises:
        OverflowError: that time is beyond the calendar.
    """
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def later_iso(at: str, seconds: float) -> str:
    """The time `seconds` after `at`.

    Raises:
        OverflowError: that time is beyond the calendar.
    """
    return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat(
        timespec="microseconds"
    )
