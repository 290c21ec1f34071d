"""Clearing away what has expired: in small steps, for as long as the server runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
import trio

from lgtrio.errors import StorageError
from lgtrio.storage.interface import Storage

log = structlog.get_logger(__name__)

PAUSE: Final = 0.02
"""Seconds between two steps when there is much to do, so that other writes come in between."""

Step = Callable[[], Awaitable[bool]]
"""Clears a little away; True if there is more to do now."""


async def sweep_threads(storage: Storage, interval: float) -> None:
    """Task: delete or prune the threads whose time to live is over; see `sweep`."""
    await sweep("threads", partial(_expire_threads, storage), interval=interval)


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


async def _expire_threads(storage: Storage) -> bool:
    expired = await storage.expire_threads()
    if expired.deleted or expired.pruned:
        log.info("threads expired", deleted=expired.deleted, pruned=expired.pruned)
    return expired.more
