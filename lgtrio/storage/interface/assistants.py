"""Assistants: their records, and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from lgtrio.storage.interface.shared import Json
from lgtrio.wire.enums import AssistantSort


@frozen
class AssistantRecord:
    assistant_id: str
    graph_id: str
    version: int
    name: str
    description: str | None
    config: Json
    context: Json
    metadata: Json
    created_at: str
    updated_at: str
    """Of a version that is not the active one: when it was made."""


@frozen
class AssistantChange:
    """What becomes different with a new version; None keeps what the active one has."""

    graph_id: str | None = None
    name: str | None = None
    description: str | None = None
    config: Json | None = None
    context: Json | None = None
    metadata: Json | None = None
    """Merged key by key; null is stored as null."""


@frozen
class AssistantFilter:
    """Which assistants; each part that is given must hold."""

    metadata: Mapping[str, object] = field(factory=dict)
    """Contained in the assistant's metadata, as in `ThreadFilter`."""
    graph_id: str | None = None
    name: str = ""
    """A part of its name, in whatever case."""


@frozen
class AssistantOrder:
    """Assistants that are equal by it are in order of creation, in the same direction."""

    by: AssistantSort = AssistantSort.CREATED_AT
    descending: bool = True


@frozen
class FoundAssistants:
    assistants: Sequence[AssistantRecord]
    """One page."""
    more: bool
    """There are others behind this page."""
    total: int
    """How many match in all, counted as in `FoundThreads`."""


class AssistantStorage(Protocol):
    """Part of `Storage`."""

    async def ensure_assistant(self, assistant: AssistantRecord) -> None:
        """Insert it (and its version 1) unless an assistant of that id exists."""
        ...

    async def create_assistant(
        self, new: AssistantRecord, *, exist_ok: bool = False
    ) -> AssistantRecord:
        """Insert it and its first version.

        Returns:
            It, or the one of its id that is there already, unchanged.

        Raises:
            AlreadyExists: the id is taken and `exist_ok` is False.
        """
        ...

    async def get_assistant(self, assistant_id: str) -> AssistantRecord | None: ...

    async def update_assistant(
        self, assistant_id: str, change: AssistantChange
    ) -> AssistantRecord | None:
        """Make a new version, also when nothing changes, and make it the active one.

        Its number is one more than the highest there is. None if the assistant is unknown.
        """
        ...

    async def set_assistant_version(
        self, assistant_id: str, version: int
    ) -> AssistantRecord | None:
        """Make an existing version the active one, with all it had.

        None if the assistant or the version is unknown.
        """
        ...

    async def delete_assistant(self, assistant_id: str) -> bool:
        """With its versions; threads and runs stay. False if it is unknown."""
        ...

    async def search_assistants(
        self, wanted: AssistantFilter, *, order: AssistantOrder, limit: int, offset: int
    ) -> FoundAssistants: ...

    async def count_assistants(self, wanted: AssistantFilter) -> int:
        """How many match; exact, however many."""
        ...

    async def assistant_versions(
        self, assistant_id: str, *, metadata: Mapping[str, object], limit: int, offset: int
    ) -> Sequence[AssistantRecord]:
        """Versions whose metadata contains this, newest first."""
        ...
