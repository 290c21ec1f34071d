"""Assistants on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NewType

from attrs import field, frozen
from orjson import Fragment, dumps

from lgtrio.errors import BadRequest
from lgtrio.storage.interface import (
    AssistantChange,
    AssistantFilter,
    AssistantOrder,
    AssistantRecord,
)
from lgtrio.wire.converter import CONVERTER, JSON_FORMS, Object, Strings, encode
from lgtrio.wire.enums import AssistantSort, OnConflict, SortOrder
from lgtrio.wire.ids import default_assistant_id
from lgtrio.wire.merging import BOTH_GIVEN
from lgtrio.wire.paging import DEFAULT_PAGE, FIRST_ROW, Offset, PageSize
from lgtrio.wire.query import check_names
from lgtrio.wire.runs import KnownConfig

UNTITLED: Final = "Untitled"
FIELDS: Final = (
    "assistant_id",
    "graph_id",
    "config",
    "context",
    "metadata",
    "name",
    "created_at",
    "updated_at",
    "version",
    "description",
)
"""What an assistant has, in the order in which it is shown."""
_VERSION_FIELDS: Final = (
    "assistant_id",
    "version",
    "graph_id",
    "config",
    "context",
    "metadata",
    "created_at",
    "name",
    "description",
)


# -- requests ------------------------------------------------------------------------------


RunsConfig = NewType("RunsConfig", dict[str, Any])
"""What an assistant gives to its runs as config: known keys are checked, all are kept."""


@frozen
class AssistantCreate:
    """Body of POST /assistants."""

    graph_id: str
    assistant_id: str | None = None
    config: RunsConfig = field(factory=lambda: RunsConfig({}))
    context: Object = field(factory=dict)
    metadata: Object = field(factory=dict)
    if_exists: OnConflict = OnConflict.RAISE
    name: str = UNTITLED
    description: str | None = None

    def record(self, assistant_id: str, now: str) -> AssistantRecord:
        """
        Raises:
            BadRequest: both a configurable and a context.
            InvalidRequest: it cannot be stored.
        """
        config, context = settled(self.config or None, self.context or None)
        return AssistantRecord(
            assistant_id=assistant_id,
            graph_id=self.graph_id,
            version=1,
            name=self.name,
            description=self.description,
            config=encode(config or {}),
            context=encode(context or {}),
            metadata=encode(self.metadata),
            created_at=now,
            updated_at=now,
        )


@frozen
class AssistantPatch:
    """Body of PATCH /assistants/{id}: config and context are replaced, metadata is merged key by
    key, what is absent stays."""

    graph_id: str | None = None
    config: RunsConfig | None = None
    context: Object | None = None
    metadata: Object | None = None
    name: str | None = None
    description: str | None = None

    def change(self) -> AssistantChange:
        """
        Raises:
            BadRequest: both a configurable and a context.
            InvalidRequest: it cannot be stored.
        """
        config, context = settled(self.config, self.context)
        return AssistantChange(
            graph_id=self.graph_id,
            name=self.name,
            description=self.description,
            config=None if config is None else encode(config),
            context=None if context is None else encode(context),
            metadata=None if self.metadata is None else encode(self.metadata),
        )


@frozen
class AssistantCount:
    """Body of POST /assistants/count."""

    metadata: Object = field(factory=dict)
    graph_id: str | None = None
    name: str = ""

    def wanted(self) -> AssistantFilter:
        """
        Raises:
            InvalidRequest: `metadata` is nested too deeply to be in any assistant.
        """
        encode(self.metadata)
        return AssistantFilter(self.metadata, self.graph_id or None, self.name)


@frozen
class AssistantSearch(AssistantCount):
    """Body of POST /assistants/search."""

    limit: PageSize = DEFAULT_PAGE
    offset: Offset = FIRST_ROW
    sort_by: AssistantSort = AssistantSort.CREATED_AT
    sort_order: SortOrder = SortOrder.DESC
    select: Strings = field(factory=lambda: Strings([]))

    def order(self) -> AssistantOrder:
        return AssistantOrder(self.sort_by, descending=self.sort_order is SortOrder.DESC)

    def check(self) -> None:
        """
        Raises:
            InvalidRequest: `select` names what an assistant does not have.
        """
        check_names("select", self.select, FIELDS)


@frozen
class VersionSearch:
    """Body of POST /assistants/{id}/versions."""

    metadata: Object = field(factory=dict)
    limit: PageSize = DEFAULT_PAGE
    offset: Offset = FIRST_ROW


@frozen
class LatestVersion:
    """Body of POST /assistants/{id}/latest."""

    version: int


def settled(config: Object | None, context: Object | None) -> tuple[Object | None, Object | None]:
    """Config and context as they are stored: the one that was given is copied into the other.

    So graphs that read `configurable` and graphs that read the context find the same. None stands
    for what was not given and stays as it is; an empty object clears both.

    Raises:
        BadRequest: both are given.
    """
    configurable = (config or {}).get("configurable")
    if context and configurable:
        raise BadRequest(BOTH_GIVEN)
    if context:
        return {**(config or {}), "configurable": context}, context
    if configurable is not None:
        return config, configurable
    if config:  # tags, a recursion limit: nothing that a context could hold
        return config, context
    return (None, None) if config is None and context is None else ({}, {})


def _take_config(value: Any, _type: Any) -> dict[str, Any]:
    CONVERTER.structure(value, KnownConfig)
    return dict(value)


CONVERTER.register_structure_hook(RunsConfig, _take_config)
JSON_FORMS[RunsConfig] = KnownConfig


# -- answers -------------------------------------------------------------------------------


def render_assistant(record: AssistantRecord) -> bytes:
    return dumps(_shown(record, FIELDS))


def render_assistants(records: Iterable[AssistantRecord], select: Sequence[str]) -> bytes:
    """
    Args:
        select: some of `FIELDS`; empty for all.
    """
    names = [name for name in FIELDS if name in select] or FIELDS
    return dumps([_shown(record, names) for record in records])


def render_versions(records: Iterable[AssistantRecord]) -> bytes:
    return dumps([_shown(record, _VERSION_FIELDS) for record in records])


def _shown(record: AssistantRecord, names: Iterable[str]) -> dict[str, object]:
    values = ((name, getattr(record, name)) for name in names)
    return {name: Fragment(value) if isinstance(value, bytes) else value for name, value in values}


def default_assistant(graph_id: str, description: str | None, now: str) -> AssistantRecord:
    """The assistant that every graph has without anybody making it."""
    return AssistantCreate(
        graph_id, name=graph_id, description=description, metadata={"created_by": "system"}
    ).record(default_assistant_id(graph_id), now)
