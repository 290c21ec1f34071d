"""Clearing away what has expired: in small steps, for as long as the server runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
import trio

from lgtrio.errors import StorageError
from lgtrio.runs.item_store import ItemStore
from lgtrio.storage.interface import Storage

log = structlog.get_logger(__name__)

PAUSE: Final = 0.02
"""Seconds between two steps when there is much to do, so that other writes come in between."""

_STREAMS_INTERVAL: Final = 60.0

Step = Callable[[], Awaitable[bool]]
"""Clears a little away; True if there is more to do now."""


async def sweep_threads(
    storage: Storage, interval: float, *, on_deleted: Callable[[str], object]
) -> None:
    """Task: delete or prune the threads whose time to live is over; see `sweep`.

    Args:
        on_deleted: called with the id of each thread that is gone.
    """
    await sweep("threads", partial(_expire_threads, storage, on_deleted), interval=interval)


async def sweep_kept_streams(storage: Storage) -> None:
    """Task: forget the streams of stateless runs that have been kept long enough; see `sweep`."""
    await sweep("streams", storage.forget_streams, interval=_STREAMS_INTERVAL)


async def sweep_items(store: ItemStore, interval: float) -> None:
    """Task: delete the store's items whose time to live is over; see `sweep`."""
    await sweep("items of the store", store.expire, interval=interval)


async def sweep(what: str, step: Step, *, interval: float) -> None:
    """Task: take steps until nothing is left to do, and look again later; never ends.

    A step that fails is logged and taken again at the next sweep.

    Args:
        what: is swept; for the log.
        interval: seconds between two sweeps.
    """
    while True:
        more = False
        try:
            more = await step()
        except StorageError:
            log.exception("a sweep failed", what=what)
        await trio.sleep(PAUSE if more else interval)


async def _expire_threads(storage: Storage, on_deleted: Callable[[str], object]) -> bool:
    expired = await storage.expire_threads()
    for thread_id in expired.deleted:
        on_deleted(thread_id)
    if expired.deleted or expired.pruned:
        log.info("threads expired", deleted=len(expired.deleted), pruned=expired.pruned)
    return expired.more
