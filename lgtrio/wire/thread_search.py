"""Searching threads on the wire: what is asked, and the parts of each that are answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NewType

from attrs import field, frozen
from orjson import dumps, loads

from lgtrio.errors import BadRequest, InvalidRequest
from lgtrio.storage.interface import ThreadFilter, ThreadOrder, ThreadRecord
from lgtrio.wire.converter import CONVERTER, JSON_FORMS, Object, Strings, WrongValue
from lgtrio.wire.enums import SortOrder, ThreadSort, ThreadStatus
from lgtrio.wire.ids import parse_uuid
from lgtrio.wire.paging import DEFAULT_PAGE, FIRST_ROW, Offset, PageSize
from lgtrio.wire.query import check_names
from lgtrio.wire.threads import thread_columns

SELECTABLE: Final = (
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "config",
    "context",
    "status",
    "values",
    "error",
    "interrupts",
)
MAX_EXTRACTS: Final = 10

Extract = NewType("Extract", dict[str, str])
"""Alias to path, such as `values.messages[-1].content`."""


@frozen
class ThreadCount:
    """Body of POST /threads/count."""

    ids: Strings | None = None
    metadata: Object = field(factory=dict)
    values: Object = field(factory=dict)
    status: ThreadStatus | None = None

    def wanted(self) -> ThreadFilter:
        """
        Raises:
            BadRequest: one of the ids is no UUID.
        """
        ids = [_thread_id(text) for text in self.ids or ()]
        return ThreadFilter(ids, self.metadata, self.values, self.status)


@frozen
class ThreadSearch(ThreadCount):
    """Body of POST /threads/search."""

    limit: PageSize = DEFAULT_PAGE
    offset: Offset = FIRST_ROW
    sort_by: ThreadSort = ThreadSort.UPDATED_AT
    sort_order: SortOrder = SortOrder.DESC
    select: Strings | None = None
    extract: Extract | None = None

    @property
    def order(self) -> ThreadOrder:
        return ThreadOrder(self.sort_by, descending=self.sort_order is SortOrder.DESC)

    def view(self) -> ThreadView:
        """
        Raises:
            InvalidRequest: an unknown column, or a path that cannot be read.
        """
        select = self.select or ()
        check_names("select", select, SELECTABLE)
        paths = {alias: _parsed(path) for alias, path in (self.extract or {}).items()}
        return ThreadView([name for name in SELECTABLE if name in select], paths)


def _thread_id(text: str) -> str:
    try:
        return parse_uuid("thread", text)
    except InvalidRequest as error:
        raise BadRequest(f"Invalid thread ID {text}: must be a UUID") from error


# -- which parts of a thread are answered --------------------------------------------------------

_ROOTS: Final = ("config", "interrupts", "metadata", "values")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(-?\d{1,9})\]")

Path = Sequence[str | int]
"""Column, then keys and indexes; negative ones count from the end."""


@frozen
class ThreadView:
    columns: Sequence[str]
    """Empty for all."""
    paths: Mapping[str, Path]

    @property
    def needs_values(self) -> bool:
        extracted = any(path[0] == "values" for path in self.paths.values())
        return not self.columns or "values" in self.columns or extracted

    def render(self, threads: Sequence[ThreadRecord]) -> bytes:
        return dumps([self._rendered(thread) for thread in threads])

    def _rendered(self, thread: ThreadRecord) -> dict[str, Any]:
        columns = thread_columns(thread)
        if self.columns:
            if "context" in self.columns:
                columns["context"] = _context_of(thread)
            columns = {name: columns[name] for name in self.columns}
        if self.paths:
            columns["extracted"] = self._extracted(thread)
        return columns

    def _extracted(self, thread: ThreadRecord) -> dict[str, Any]:
        roots = {path[0]: getattr(thread, str(path[0])) for path in self.paths.values()}
        parsed = {root: text and loads(text) for root, text in roots.items()}
        return {alias: _at(parsed, path) for alias, path in self.paths.items()}


def _context_of(thread: ThreadRecord) -> Any:
    """Of the assistant that ran on it last: its context and its configurable are copies of each
    other, and the thread's config has one of them."""
    return loads(thread.config).get("configurable") or {}


def _parsed(path: str) -> Path:
    root = re.split(r"[.\[]", path, maxsplit=1)[0]
    if root not in _ROOTS:
        roots = ", ".join(_ROOTS)
        raise InvalidRequest(f"Extract path '{path}' must start with one of: {roots}")
    steps: list[str | int] = [root]
    position = len(root)
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise InvalidRequest(
                f"Extract path '{path}' cannot be read from '{path[position:]}' on. Write it as in"
                " values.messages[-1].content"
            )
        steps.append(step[1] if step[2] is None else int(step[2]))
        position = step.end()
    return steps


def _at(value: Any, path: Path) -> Any:
    """What is found at the end of the path; None if it leads nowhere."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _take_extract(value: Any, _type: Any) -> dict[str, str]:
    if type(value) is not dict or not all(type(path) is str for path in value.values()):
        raise WrongValue("an object of alias to path", value)
    if len(value) > MAX_EXTRACTS:
        raise WrongValue(f"an object of at most {MAX_EXTRACTS} paths", value)
    return value


CONVERTER.register_structure_hook(Extract, _take_extract)
JSON_FORMS[Extract] = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "maxProperties": MAX_EXTRACTS,
}
