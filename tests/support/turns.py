"""Tests that measure time have the machine to themselves, though several workers share the suite.

A test marked `alone` waits until no other worker executes a test, and keeps the others waiting
until it has ended. All other tests run beside each other.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.locks import locked


class Turns:
    """What the workers of one test run agree by: two locks in a folder that they share."""

    def __init__(self, folder: Path) -> None:
        self._gate = folder / "gate"
        self._machine = folder / "machine"

    @contextmanager
    def taken(self, *, alone: bool) -> Iterator[None]:
        """Have the machine, together with others or alone; waits as long as it takes."""
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        with ExitStack() as stack:
            # Who wants it alone closes the gate first, else ever new tests would keep it waiting.
            gate = stack.enter_context(locked(self._gate, kind))
            stack.enter_context(locked(self._machine, kind))
            if not alone:
                fcntl.flock(gate, fcntl.LOCK_UN)
            yield
