"""The store as a run's graph sees it: `get_store()`, `runtime.store`.

    store = RunStore(access, ttl={"default_ttl": 60})    # the access of the run's saver

A put is durable on return. All methods work from any thread, the sync ones on the graph loop
too: they block it for as long as the commit takes. Once the run's access is closed every call
raises `Fenced`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from langgraph.store.base import BaseStore, Op, Result, TTLConfig

from lgtrio.graphs.access import DatabaseAccess
from lgtrio.graphs.embedding import ItemIndex
from lgtrio.graphs.store_batch import Batch
from lgtrio.storage.sqlite.items import refresh_items
from lgtrio.wire.times import now_iso


class RunStore(BaseStore):
    """
    Args:
        index: makes items findable by meaning; None leaves queries without effect.
        ttl: `default_ttl` (minutes) and `refresh_on_read`; None keeps items for ever.
        now: the clock that `created_at`, `updated_at` and expiry go by.
    """

    supports_ttl = True

    def __init__(
        self,
        access: DatabaseAccess,
        *,
        index: ItemIndex | None = None,
        ttl: TTLConfig | None = None,
        now: Callable[[], str] = now_iso,
    ) -> None:
        self.ttl_config = ttl
        self._access = access
        self._index = index
        self._now = now

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run the operations in their order; those of a batch that puts are one transaction."""
        batch = Batch(list(ops), index=self._index, now=self._now())
        if self._index is not None and batch.must_embed:
            batch.embedded = self._index.embed(batch.documents, batch.queries)
        results = self._access.write(batch.run) if batch.puts else self._access.read(batch.run)
        self._refresh(batch)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch` without blocking."""
        batch = Batch(list(ops), index=self._index, now=self._now())
        if self._index is not None and batch.must_embed:
            batch.embedded = await self._index.aembed(batch.documents, batch.queries)
        if batch.puts:
            results = await self._access.awrite(batch.run)
        elif batch.searches:
            results = await self._access.scan(batch.run)
        else:
            results = self._access.read(batch.run)
        self._refresh(batch)
        return results

    def _refresh(self, batch: Batch) -> None:
        """What was read lives on; nobody waits for that."""
        if batch.read:
            self._access.later(partial(refresh_items, items=batch.read, now=batch.now))
