"""Connections that wait for their client's next request, and for how long they may."""

from __future__ import annotations

from typing import Protocol

import trio
from attrs import define, field


class Idler(Protocol):
    def hang_up(self) -> None:
        """Close the connection."""


@define(eq=False)
class IdleConnections:
    """One for all connections, since a timer of its own for each costs a task a request."""

    patience: float
    """Seconds a connection may wait."""
    _deadlines: dict[Idler, float] = field(factory=dict, init=False)
    """Soonest first: all have the same patience, and enter at its end."""
    _first: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def add(self, connection: Idler) -> None:
        """It waits from now on."""
        self._deadlines.pop(connection, None)
        self._deadlines[connection] = trio.current_time() + self.patience
        self._first.unpark()

    def discard(self, connection: Idler) -> None:
        """It does not wait any more."""
        self._deadlines.pop(connection, None)

    def hang_up(self) -> None:
        """Close all that wait."""
        for connection in list(self._deadlines):
            connection.hang_up()
        self._deadlines.clear()

    async def watch(self) -> None:
        """Task: close those that have waited too long."""
        while True:
            while not self._deadlines:
                await self._first.park()
            connection, deadline = next(iter(self._deadlines.items()))
            if deadline <= trio.current_time():
                self.discard(connection)
                connection.hang_up()
            else:
                await trio.sleep_until(deadline)
