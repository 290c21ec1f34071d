"""Listing checkpoints page by page, with the filters that the database cannot apply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_id
from langgraph.checkpoint.serde.base import SerializerProtocol

from lgtrio.graphs.checkpoint_codec import checkpoint_tuple
from lgtrio.storage.sqlite.checkpoint_rows import CheckpointQuery, LoadedCheckpoint
from lgtrio.storage.sqlite.metadata_index import contains

PAGE: Final = 100
"""Checkpoints that one query reads at most."""

_PLAIN_KEY: Final = re.compile(r"[\w.-]+")
"""Metadata keys that can stand in a JSON path of SQLite's."""


class Listing:
    """One call of `list`: while `query` is not None, run it and give its page to `matching`."""

    query: CheckpointQuery | None

    def __init__(
        self,
        config: RunnableConfig | None,
        metadata: Mapping[str, Any],
        before: RunnableConfig | None,
        limit: int | None,
    ) -> None:
        configurable = config.get("configurable", {}) if config else {}
        self._wanted = metadata.items()
        self._left = limit
        self.query = None
        if limit is None or limit > 0:
            self.query = CheckpointQuery(
                thread_id=configurable.get("thread_id"),
                checkpoint_ns=configurable.get("checkpoint_ns"),
                checkpoint_id=configurable.get("checkpoint_id") or None,
                before=get_checkpoint_id(before) if before else None,
                metadata={key: value for key, value in metadata.items() if _in_sql(key, value)},
                limit=PAGE if limit is None else min(limit, PAGE),
            )

    def matching(
        self, serde: SerializerProtocol, page: Sequence[LoadedCheckpoint]
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints of the page that are wanted; sets `query` for the next page."""
        assert self.query is not None
        full = len(page) == self.query.limit
        self.query = evolve(self.query, after=_position(page[-1])) if full else None
        for loaded in page:
            found = checkpoint_tuple(serde, loaded)
            if not all(contains(found.metadata.get(key), value) for key, value in self._wanted):
                continue
            yield found
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    self.query = None
                    return


def _in_sql(key: str, value: Any) -> bool:
    return _PLAIN_KEY.fullmatch(key) is not None and (
        value is None or isinstance(value, str | int | float)
    )


def _position(loaded: LoadedCheckpoint) -> tuple[str, str, str]:
    return loaded.row.checkpoint_id, loaded.row.checkpoint_ns, loaded.row.thread_id
