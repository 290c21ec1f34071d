"""Threads that are there before anything is measured."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import trio

from lgtrio.storage.interface import NewThread, ThreadOutcome
from lgtrio.storage.sqlite import open_sqlite, threads
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import ThreadStatus
from lgtrio.wire.ids import new_id

MATCHES: Final = 100
"""Threads that a selective search matches, whatever the number of threads."""
_AT_ONCE: Final = 1_000
_OVER_HTTP: Final = 32
"""Clients that do it at a time."""
_OVER_HTTP_SECONDS: Final = 240
_MESSAGES: Final = [{"type": "human", "content": "word " * 100, "id": "m"}]


def metadata_of(number: int, size: int) -> dict[str, Any]:
    return {"user": f"user {number % (size // MATCHES)}", "team": "all", "graph_id": "one_step"}


# -- lgtrio: into the file, without a server in between ----------------------------------------


def filled_database(folder: Path, size: int) -> Path:
    """A database with so many threads that have values, a hundredth of them interrupted."""
    database = folder / "bench.db"
    trio.run(_fill, database, size)
    return database


async def _fill(database: Path, size: int) -> None:
    async with open_sqlite(str(database), synchronous="off") as storage:
        for first in range(0, size, _AT_ONCE):
            numbers = range(first, min(size, first + _AT_ONCE))
            # A thousand in one transaction; the interface would cross to the writer for each.
            await storage._write(_make_threads, size=size, numbers=numbers)


def _make_threads(tx: Tx, *, size: int, numbers: range) -> None:
    groups = size // MATCHES
    for number in numbers:
        thread_id, group = new_id(), number % groups
        values = {"topic": f"topic {group}", "lang": "en", "messages": _MESSAGES}
        status = ThreadStatus.INTERRUPTED if group == 1 else ThreadStatus.IDLE
        new = NewThread(thread_id, orjson.dumps(metadata_of(number, size)))
        threads.create_thread(tx, new, exist_ok=False)
        threads.set_thread_state(tx, thread_id, ThreadOutcome(status, orjson.dumps(values)))


# -- other servers: over HTTP -------------------------------------------------------------------


def store_threads(url: str, size: int) -> None:
    """Create so many threads; they have metadata and no values.

    Raises:
        TimeoutError: it takes too long.
    """
    if size:
        asyncio.run(_store_threads(url, size))


async def _store_threads(url: str, size: int) -> None:
    numbers = iter(range(size))
    async with (
        asyncio.timeout(_OVER_HTTP_SECONDS),
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        await asyncio.gather(*(_post_threads(http, size, numbers) for _ in range(_OVER_HTTP)))


async def _post_threads(http: aiohttp.ClientSession, size: int, numbers: Any) -> None:
    for number in numbers:
        body = {"metadata": metadata_of(number, size)}
        async with http.post("/threads", json=body) as answer:
            answer.raise_for_status()
            await answer.read()
