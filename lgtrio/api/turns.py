"""Turns: of a crowd of requests a few begin in each round of Trio's scheduler.

Trio runs all tasks that can go on before it looks at the sockets again. Clients that create runs as
fast as they can make a round as long as all their creates together, and what takes no time itself,
such as a health check, takes two or three of these. So while somebody asks for something quick,
what may take longer waits for its turn, in the order of arrival. A crowd by itself does not: long
rounds cost less than many.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

import trio
from attrs import define, field

TURNS: Final = 2
"""Requests that begin in one round."""
ATTENTIVE: Final = 1.0
"""Seconds after a quick request in which the next one is expected."""
_QUICK: Final[Set[str]] = {"GET", "HEAD", "OPTIONS"}


@define(eq=False)
class Turns(trio.abc.Instrument):
    """One for each server; as an instrument it hears of every round."""

    _left: int = field(default=TURNS, init=False)
    _attentive_until: float = field(default=0.0, init=False)
    _waiting: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _pacer: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    async def take(self, method: str) -> None:
        """Wait until a request of this method may begin."""
        now = trio.current_time()
        if method in _QUICK:
            self._attentive_until = now + ATTENTIVE
        elif self._waiting or (now < self._attentive_until and not self._left):
            self._pacer.unpark()
            await self._waiting.park()
        else:
            self._left = max(0, self._left - 1)

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - Trio's signature
        """A round begins."""
        self._left = TURNS - len(self._waiting.unpark(count=TURNS))

    async def pace(self) -> None:
        """Task: while somebody waits for a turn there is a next round, whatever the sockets do."""
        trio.lowlevel.add_instrument(self)
        try:
            while True:
                if self._waiting:
                    await trio.lowlevel.checkpoint()
                else:
                    await self._pacer.park()
        finally:
            trio.lowlevel.remove_instrument(self)
