"""The store as HTTP uses it.

`graphs/` implements it, on the same rows and with the same rules as the store that nodes see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from lgtrio.storage.interface import Namespace, StoreItem


class ItemStore(Protocol):
    """
    Raises (all): BadRequest for namespaces and filters that cannot be; StorageUnavailable.
    """

    async def put(
        self,
        namespace: Namespace,
        key: str,
        value: dict[str, Any],
        *,
        index: Literal[False] | list[str] | None = None,
        ttl_minutes: float | None = None,
    ) -> None:
        """Store an item, replacing one that is there.

        Args:
            index: paths in the value by which queries find it; False: none find it; None: the
                paths configured.
            ttl_minutes: None for the time to live configured.

        Raises:
            InvalidRequest: the value cannot be stored. EmbeddingFailed: nothing was stored.
        """
        ...

    async def get(
        self, namespace: Namespace, key: str, *, refresh_ttl: bool | None = None
    ) -> StoreItem | None:
        """
        Args:
            refresh_ttl: whether its time to live begins anew; None for what is configured.
        """
        ...

    async def delete(self, namespace: Namespace, key: str) -> None:
        """Delete the item if there is one."""
        ...

    async def search(
        self,
        prefix: Namespace,
        *,
        filter: Mapping[str, Any] | None = None,
        query: str | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> Sequence[StoreItem]:
        """Items in and below a namespace: the nearest to the query first, then, in the order of
        their first put, those without a score.

        Raises:
            EmbeddingFailed: no vector can be made of the query.
        """
        ...

    async def namespaces(
        self,
        *,
        prefix: Namespace | None = None,
        suffix: Namespace | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Namespace]:
        """Sorted namespaces that have items; `*` stands for any label. Deeper ones than
        `max_depth` are cut, then each is given once."""
        ...

    async def expire(self) -> bool:
        """One bounded step: delete items whose time is over; whether there may be more."""
        ...
