"""Telling the Trio loop that something was stored, at no cost while nobody waits for it."""

from __future__ import annotations

import trio
from attrs import define, field


@define(eq=False)
class Changes:
    """Between the writer's thread, which notes changes, and one Trio loop, which waits for them.

    Only ever says "look again": whoever waits reads the table, so it does no harm that a change
    which was rolled back is told too.
    """

    _noted: bool = field(default=False, init=False)
    _token: trio.lowlevel.TrioToken | None = field(default=None, init=False)
    _next: trio.Event | None = field(default=None, init=False)
    """What somebody has asked for since the last change; None if nobody has."""

    # -- the Trio loop -------------------------------------------------------------------

    def next_change(self) -> trio.Event:
        """The event of the next commit with a change; ask for it, then read, then wait."""
        if self._next is None:
            self._token = trio.lowlevel.current_trio_token()
            self._next = trio.Event()
        return self._next

    def _tell(self) -> None:
        told, self._next = self._next, None
        if told is not None:
            told.set()

    # -- the writer's thread -------------------------------------------------------------

    def note(self) -> None:
        """The transaction in progress changes something."""
        self._noted = True

    def committed(self) -> None:
        """A transaction has ended.

        Whoever asks for the event after this has looked at it reads what was committed before.
        """
        noted, self._noted = self._noted, False
        if noted and self._next is not None and self._token is not None:
            try:
                self._token.run_sync_soon(self._tell, idempotent=True)
            except trio.RunFinishedError:
                return  # nobody is left to be told
