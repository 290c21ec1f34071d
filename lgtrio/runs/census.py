"""How much of everything a supervisor has at the moment."""

from __future__ import annotations

from attrs import frozen


@frozen
class Census:
    places: int
    """Runs that may execute at once."""
    places_in_use: int
    threads_waiting: int
    """Threads that have a run to start and no place for it."""
    executing: int
    """Runs whose execution has begun and whose end is not stored."""
    lanes: int
    """Threads with runs that execute or are followed."""
    subscribers: int
    """Readers of streams of runs."""
    frames: int
    """Frames that readers have been handed since the start."""
