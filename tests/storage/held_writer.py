"""Holds the engine's writer inside a transaction, so that a test decides what waits behind it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lgtrio.storage.sqlite.engine import Engine

SECONDS = 20.0
"""A test that forgets to let go fails after this, instead of hanging."""


@contextmanager
def held_writer(engine: Engine, *, statement: str = "SELECT 1") -> Iterator[threading.Event]:
    """Inside the block the writer is in the middle of a transaction, `statement` done.

    Yields an event that lets it go on earlier.
    """
    inside, let_go = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        connection.execute(statement)
        inside.set()
        assert let_go.wait(SECONDS)

    engine.submit(hold)
    assert inside.wait(SECONDS)
    try:
        yield let_go
    finally:
        let_go.set()
