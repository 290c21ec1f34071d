"""Items of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

Namespace = Sequence[str]
"""Labels of the store, the topmost first."""


@frozen
class StoreItem:
    namespace: Namespace
    key: str
    value: Mapping[str, object]
    created_at: str
    updated_at: str
    score: float | None = None
    """How near it is to the query, 1.0 at the most; None without a query, or for an item that no
    query can find."""
