"""Work that nobody waits for, repeated until the database has done it."""

from __future__ import annotations

import structlog
import trio

from lgtrio.errors import ShuttingDown, StorageError
from lgtrio.runs.errands import Operation
from lgtrio.runs.execution import RETRY_SECONDS

log = structlog.get_logger(__name__)


async def until_done(operation: Operation[None]) -> None:
    """Task: carry out an operation, again and again if the database fails.

    A server that goes down leaves it to its next start.
    """
    while True:
        try:
            await operation()
        except StorageError:
            log.exception("the database failed; trying again")
            await trio.sleep(RETRY_SECONDS)
        except ShuttingDown:
            break
        else:
            break
