"""The store as a run's graph sees it: `get_store()`, `runtime.store`.

    store = RunStore(access, ttl={"default_ttl": 60})    # the access of the run's saver

A put is durable on return. All methods work from any thread, the sync ones on the graph loop
too: they block it for as long as the commit takes. Once the run's access is closed every call
raises `Fenced`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    validate_op_namespace,
)

from lgtrio.graphs.access import DatabaseAccess
from lgtrio.storage.interface import Json
from lgtrio.storage.item_filter import check_filter, matches
from lgtrio.storage.sqlite.items import (
    Path,
    StoredItem,
    delete_item,
    get_item,
    namespaces,
    put_item,
    refresh_items,
    search_items,
)
from lgtrio.wire.times import now_iso

_Step = Callable[[sqlite3.Connection], Result]


class RunStore(BaseStore):
    """
    Args:
        ttl: `default_ttl` (minutes) and `refresh_on_read`; None keeps items for ever.
        now: the clock that `created_at`, `updated_at` and expiry go by.
    """

    supports_ttl = True

    def __init__(
        self,
        access: DatabaseAccess,
        *,
        ttl: TTLConfig | None = None,
        now: Callable[[], str] = now_iso,
    ) -> None:
        self.ttl_config = ttl
        self._access = access
        self._now = now

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run the operations in their order; those of a batch that puts are one transaction."""
        batch = _Batch(list(ops), self._now())
        results = self._access.write(batch.run) if batch.puts else self._access.read(batch.run)
        self._refresh(batch)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch` without blocking."""
        batch = _Batch(list(ops), self._now())
        if batch.puts:
            results = await self._access.awrite(batch.run)
        elif batch.searches:
            results = await self._access.scan(batch.run)
        else:
            results = self._access.read(batch.run)
        self._refresh(batch)
        return results

    def _refresh(self, batch: _Batch) -> None:
        """What was read lives on; nobody waits for that."""
        if batch.read:
            self._access.later(partial(refresh_items, items=batch.read, now=batch.now))


class _Batch:
    """The operations of one call, checked and encoded before the database sees them."""

    def __init__(self, ops: Sequence[Op], now: str) -> None:
        self.now = now
        self.puts = any(isinstance(op, PutOp) for op in ops)
        self.searches = any(isinstance(op, SearchOp | ListNamespacesOp) for op in ops)
        self.read: list[tuple[Path, str]] = []
        """(namespace, key) of what was read and whose time to live is to begin anew."""
        self._steps = [self._step(op) for op in ops]

    def run(self, connection: sqlite3.Connection) -> list[Result]:
        self.read.clear()  # a transaction that is undone is run again
        return [step(connection) for step in self._steps]

    def _step(self, op: Op) -> _Step:
        validate_op_namespace(op)
        if isinstance(op, PutOp):
            return _put(op, self.now)
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return lambda connection: _list_namespaces(connection, op, self.now)
        raise TypeError(f"Unknown operation type: {type(op)}")

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

        def search(connection: sqlite3.Connection) -> list[SearchItem]:
            found = search_items(
                connection,
                op.namespace_prefix,
                lambda value: matches(value, wanted),
                now=self.now,
                limit=op.limit,
                offset=op.offset,
            )
            self._has_read(op, found)
            return [SearchItem(**_fields(item)) for item in found]

        return search

    def _has_read(self, op: GetOp | SearchOp, found: Sequence[StoredItem]) -> None:
        if op.refresh_ttl:
            self.read.extend((item.namespace, item.key) for item in found if item.expires)


def _fields(found: StoredItem) -> dict[str, Any]:
    return {
        "namespace": found.namespace,
        "key": found.key,
        "value": found.value,
        "created_at": datetime.fromisoformat(found.created_at),
        "updated_at": datetime.fromisoformat(found.updated_at),
    }


# -- puts ---------------------------------------------------------------------------------


def _put(op: PutOp, now: str) -> _Step:
    def delete(connection: sqlite3.Connection) -> None:
        delete_item(connection, op.namespace, op.key)

    if op.value is None:
        return delete
    value = _as_json(op)

    def put(connection: sqlite3.Connection) -> None:
        put_item(connection, op.namespace, op.key, value, now=now, ttl_minutes=op.ttl)

    return put


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
