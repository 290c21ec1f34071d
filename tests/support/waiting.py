"""Waiting for something that another process does, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], *, seconds: float = 30, every: float = 0.02) -> T:
    """The first truthy answer of `check`.

    The server is another process, so there is nothing to subscribe to: this asks again.

    Raises:
        AssertionError: no truthy answer in time; shows the last one.
    """
    end = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < end, f"still {answer!r} after {seconds} s"
        time.sleep(every)
    return answer


def lines_of(path: Path) -> list[str]:
    """Whole lines of a ledger file; none if it is not there yet."""
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
