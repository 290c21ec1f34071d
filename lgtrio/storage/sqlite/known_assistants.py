"""Assistants that were looked up since one was changed: every create of a run needs its own."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from lgtrio.storage.interface import AssistantRecord

_MOST: Final = 1000
"""Assistants that are remembered; beyond it all are forgotten."""


@define(eq=False)
class KnownAssistants:
    """Between the Trio loop, which looks up, and the writer's thread, which notes changes.

    A look-up takes `since_change` first, then reads the database, then adds to what it took: when
    a change was committed meanwhile, it adds to something that nobody has any more.
    """

    since_change: dict[str, AssistantRecord] = field(factory=dict, init=False)
    _noted: bool = field(default=False, init=False)

    def remember(self, known: dict[str, AssistantRecord], record: AssistantRecord) -> None:
        """
        Args:
            known: `since_change`, from before the record was read.
        """
        if len(known) >= _MOST:
            known.clear()
        known[record.assistant_id] = record

    # -- the writer's thread -------------------------------------------------------------

    def note(self) -> None:
        """The transaction in progress changes an assistant."""
        self._noted = True

    def committed(self) -> None:
        """A transaction has ended, and nobody has been told yet."""
        if self._noted:
            self._noted = False
            self.since_change = {}
