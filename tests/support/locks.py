"""Locks between processes: the workers of the suite, which share one checkout."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, kind: int = fcntl.LOCK_EX) -> Iterator[int]:
    """Hold a lock, made if need be; gone at the end, also when the process dies.

    Args:
        kind: `LOCK_EX`, or `LOCK_SH` for a lock that others may share.

    Yields:
        The descriptor, for those who give the lock back early.
    """
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield file.fileno()
