"""The operations of one call of the store, checked and encoded before the database sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from langgraph.store.base import (
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    validate_op_namespace,
)

from lgtrio.graphs.embedding import Embedded, ItemIndex
from lgtrio.storage.interface import Json
from lgtrio.storage.sqlite.item_filter import check_filter
from lgtrio.storage.sqlite.items import (
    ItemSearch,
    Path,
    StoredItem,
    delete_item,
    get_item,
    namespaces,
    put_item,
    search_items,
)

_Step = Callable[[sqlite3.Connection], Result]

_NOTHING_EMBEDDED: Final = Embedded({}, {})


class Batch:
    """
    batch = Batch(ops, index=None, now=now)
    if batch.must_embed:
        batch.embedded = await index.aembed(batch.documents, batch.queries)
    results = engine.read(batch.run)        # or a write, with `puts`

    Raises:
        ValueError: a namespace, a filter or a limit cannot be.
        TypeError: a value cannot be stored as JSON.
    """

    def __init__(self, ops: Sequence[Op], *, index: ItemIndex | None, now: str) -> None:
        self.now = now
        self.puts = any(isinstance(op, PutOp) for op in ops)
        self.searches = any(isinstance(op, SearchOp | ListNamespacesOp) for op in ops)
        self.documents: list[str] = []
        """Texts of items, to be embedded before `run`."""
        self.queries: list[str] = []
        """Texts of queries, likewise."""
        self.embedded = _NOTHING_EMBEDDED
        self.read: list[tuple[Path, str]] = []
        """(namespace, key) of what was read and whose time to live is to begin anew."""
        self._index = index
        self._steps = [self._step(op) for op in ops]

    @property
    def must_embed(self) -> bool:
        return bool(self.documents or self.queries)

    def run(self, connection: sqlite3.Connection) -> list[Result]:
        self.read.clear()  # a transaction that is undone is run again
        return [step(connection) for step in self._steps]

    def _step(self, op: Op) -> _Step:
        validate_op_namespace(op)
        if isinstance(op, PutOp):
            return self._put(op)
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return lambda connection: _list_namespaces(connection, op, self.now)
        raise TypeError(f"Unknown operation type: {type(op)}")

    # -- puts ----------------------------------------------------------------------------

    def _put(self, op: PutOp) -> _Step:
        def delete(connection: sqlite3.Connection) -> None:
            delete_item(connection, op.namespace, op.key)

        if op.value is None:
            return delete
        value = _as_json(op)
        texts = self._texts(op)
        self.documents.extend(texts)

        def put(connection: sqlite3.Connection) -> None:
            put_item(
                connection,
                op.namespace,
                op.key,
                value,
                now=self.now,
                ttl_minutes=op.ttl,
                vectors=[self.embedded.documents[text] for text in texts],
            )

        return put

    def _texts(self, op: PutOp) -> Sequence[str]:
        if self._index is None or op.index is False:
            return ()
        return self._index.texts(op.value or {}, op.index)

    # -- reads ---------------------------------------------------------------------------

    def _get(self, op: GetOp) -> _Step:
        def get(connection: sqlite3.Connection) -> Item | None:
            found = get_item(connection, op.namespace, op.key, now=self.now)
            if found is None:
                return None
            self._has_read(op, [found])
            return Item(**_fields(found))

        return get

    def _search(self, op: SearchOp) -> _Step:
        if op.limit < 0 or op.offset < 0:
            raise ValueError(
                f"limit and offset must not be negative, got {op.limit} and {op.offset}."
            )
        wanted = op.filter or {}
        check_filter(wanted)
        query = op.query if self._index is not None else None
        if query:
            self.queries.append(query)

        def search(connection: sqlite3.Connection) -> list[SearchItem]:
            near = self.embedded.queries[query] if query else None
            looked_for = ItemSearch(op.namespace_prefix, wanted, near, op.limit, op.offset)
            found = search_items(connection, looked_for, now=self.now)
            self._has_read(op, found)
            return [SearchItem(**_fields(item), score=item.score) for item in found]

        return search

    def _has_read(self, op: GetOp | SearchOp, found: Sequence[StoredItem]) -> None:
        if op.refresh_ttl:
            self.read.extend((item.namespace, item.key) for item in found if item.expires)


def _fields(found: StoredItem) -> dict[str, Any]:
    return {
        "namespace": found.namespace,
        "key": found.key,
        "value": orjson.loads(found.value),
        "created_at": datetime.fromisoformat(found.created_at),
        "updated_at": datetime.fromisoformat(found.updated_at),
    }


def _as_json(op: PutOp) -> Json:
    try:
        return orjson.dumps(dict(op.value or {}), option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise TypeError(
            f"The value of {op.key!r} in {op.namespace} cannot be stored as JSON: {error}."
        ) from error


# -- namespaces ---------------------------------------------------------------------------


def _list_namespaces(connection: sqlite3.Connection, op: ListNamespacesOp, now: str) -> list[Path]:
    conditions = op.match_conditions or ()
    found = {
        namespace[: op.max_depth]
        for namespace in namespaces(connection, _known_prefix(conditions), now=now)
        if all(_meets(namespace, condition) for condition in conditions)
    }
    return sorted(found)[op.offset : op.offset + op.limit]


def _known_prefix(conditions: Sequence[MatchCondition]) -> Path:
    """The labels that every namespace looked for begins with, up to the first wildcard."""
    for condition in conditions:
        if condition.match_type == "prefix":
            path = condition.path
            return path[: path.index("*")] if "*" in path else path
    return ()


def _meets(namespace: Path, condition: MatchCondition) -> bool:
    path = condition.path
    if len(path) > len(namespace):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(part, path, strict=False))
