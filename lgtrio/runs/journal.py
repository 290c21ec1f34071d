"""Following the journal live: whoever follows reads the table, woken by each change.

There is no second copy of the lines in memory that a reader could fall behind of: how slow it may
be, it goes on behind the line it has had last. So there is neither a gap nor a double, and nothing
is told that is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from lgtrio.runs.streams import StreamCut
from lgtrio.storage.interface import JournalLine, JournalSpan, Storage

_READ_AT_ONCE: Final = 500
"""Lines taken in one read; keeps one reader that is far behind from holding the loop."""


@define(eq=False)
class Journal:
    """What all who follow have in common."""

    storage: Storage
    cut: bool = field(default=False, init=False)
    """The server has gone down as far as runs can tell of it."""

    def break_off(self) -> None:
        """End all who follow with `StreamCut`, once they have read what there is."""
        self.cut = True
        self.storage.journal_changed().set()


@define(eq=False)
class JournalReader:
    """One place in the journal that moves on."""

    journal: Journal
    after: int
    """Seq of the last line that was delivered."""

    async def receive(self) -> Sequence[JournalLine]:
        """The next lines, at least one; waits for it.

        Raises:
            StreamCut: the server is going down, and every line has been delivered.

        Cancellation: nothing is lost, the next call goes on where this one was.
        """
        while True:
            storage, cut = self.journal.storage, self.journal.cut
            changed = storage.journal_changed()
            lines = await storage.journal(span=JournalSpan(self.after), limit=_READ_AT_ONCE)
            if lines:
                self.after = lines[-1].seq
                return lines
            if cut:
                raise StreamCut
            await changed.wait()
