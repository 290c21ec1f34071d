"""The store over HTTP: what `RunStore` is for a node, awaited on the Trio loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, cast

import trio
from attrs import field, frozen
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
)

from lgtrio.errors import BadRequest, EmbeddingFailed, InvalidRequest, LgtrioError
from lgtrio.graphs.embedding import ItemIndex
from lgtrio.graphs.loops import LoopSlot
from lgtrio.graphs.store_batch import Batch
from lgtrio.langgraph_store import ItemTtl
from lgtrio.storage.interface import Namespace, StoreItem
from lgtrio.storage.sqlite.engine import Engine, Hurry
from lgtrio.storage.sqlite.items import expire_items, refresh_items
from lgtrio.wire.times import now_iso


@frozen(eq=False)
class LanggraphItems:
    """Implements `lgtrio.runs.item_store.ItemStore`; only embeddings need the graph loop."""

    engine: Engine
    ttl: ItemTtl = field(factory=ItemTtl)
    index: ItemIndex | None = None
    slot: LoopSlot | None = None
    """Where the index is at home; there is one if there is an index."""
    now: Callable[[], str] = now_iso

    async def put(
        self,
        namespace: Namespace,
        key: str,
        value: dict[str, Any],
        *,
        index: Literal[False] | list[str] | None = None,
        ttl_minutes: float | None = None,
    ) -> None:
        path = tuple(namespace)
        if not path:
            raise BadRequest("Namespace cannot be empty.")
        if path[0] == "langgraph":
            raise BadRequest(f'Root label for namespace cannot be "langgraph". Got: {path}')
        ttl = self.ttl.default_minutes if ttl_minutes is None else ttl_minutes
        await self._run(PutOp(path, key, value, index, ttl))

    async def get(
        self, namespace: Namespace, key: str, *, refresh_ttl: bool | None = None
    ) -> StoreItem | None:
        op = GetOp(tuple(namespace), key, self._refreshes(refresh_ttl))
        found = cast("Item | None", await self._run(op))
        return None if found is None else _store_item(found)

    async def delete(self, namespace: Namespace, key: str) -> None:
        await self._run(PutOp(tuple(namespace), key, None))

    async def search(
        self,
        prefix: Namespace,
        *,
        filter: Mapping[str, Any] | None = None,
        query: str | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[StoreItem]:
        refresh = self._refreshes(refresh_ttl)
        op = SearchOp(tuple(prefix), dict(filter or {}), limit, offset, query, refresh)
        found = cast("list[SearchItem]", await self._run(op))
        return [_store_item(item) for item in found]

    async def namespaces(
        self,
        *,
        prefix: Namespace | None = None,
        suffix: Namespace | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Namespace]:
        conditions = []
        if prefix:
            conditions.append(MatchCondition("prefix", tuple(prefix)))
        if suffix:
            conditions.append(MatchCondition("suffix", tuple(suffix)))
        op = ListNamespacesOp(tuple(conditions), max_depth, limit, offset)
        return cast("list[Namespace]", await self._run(op))

    async def expire(self) -> bool:
        return await self.engine.write(partial(expire_items, now=self.now()))

    def _refreshes(self, asked: bool | None) -> bool:
        return self.ttl.refresh_on_read if asked is None else asked

    async def _run(self, op: Op) -> Any:
        try:
            batch = Batch([op], index=self.index, now=self.now())
        except ValueError as error:
            raise BadRequest(str(error)) from error
        except TypeError as error:
            raise InvalidRequest(str(error)) from error
        if batch.must_embed:
            await self._embed(batch)
        [result] = await self._results(batch)
        if batch.read:
            refresh = partial(refresh_items, items=batch.read, now=batch.now)
            self.engine.submit(refresh, name="refresh_items", hurry=Hurry.SOON)
        return result

    async def _results(self, batch: Batch) -> list[Result]:
        if batch.puts:
            return await self.engine.write(batch.run, name="put_item")
        if batch.searches:
            return await self.engine.scan(batch.run)
        await trio.lowlevel.checkpoint()
        return self.engine.read(batch.run)

    async def _embed(self, batch: Batch) -> None:
        assert self.index is not None
        assert self.slot is not None
        try:
            batch.embedded = await self.slot.ask(self.index.aembed, batch.documents, batch.queries)
        except LgtrioError:  # the loop's doing, not the embeddings'
            raise
        except Exception as error:  # the user's code may raise anything
            raise EmbeddingFailed(type(error).__name__, str(error)) from error


def _store_item(found: Item) -> StoreItem:
    return StoreItem(
        found.namespace,
        found.key,
        found.value,
        found.created_at.isoformat(timespec="microseconds"),
        found.updated_at.isoformat(timespec="microseconds"),
        found.score if isinstance(found, SearchItem) else None,
    )
