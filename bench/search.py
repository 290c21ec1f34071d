"""What searching, creating and copying threads takes as their number grows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import trio

from bench.measure import quantile
from bench.options import Options
from bench.servers import lgtrio_server
from lgtrio.storage.interface import NewThread, Storage, ThreadOutcome
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import ThreadStatus
from lgtrio.wire.ids import new_id

SIZES: Final = (1_000, 10_000, 100_000)
"""Threads that are stored."""
MATCHES: Final = 100
"""Threads that a selective search matches, whatever the size."""
CHECKPOINTS: Final = 1_000
"""Of the thread that is copied."""
REQUESTS: Final = 50
"""Of each kind; the figure is their median."""

_MESSAGES: Final = [{"type": "human", "content": "word " * 100, "id": "m"}]

_SEARCHES: Final[dict[str, dict[str, Any]]] = {
    "metadata": {"metadata": {"user": "user 0"}},
    "status": {"status": "interrupted"},
    "value": {"values": {"topic": "topic 0"}},
    "metadata_and_value": {"metadata": {"team": "all"}, "values": {"topic": "topic 0"}},
    "nothing_found": {"metadata": {"user": "nobody"}},
    "all_by_metadata": {"metadata": {"team": "all"}},
    "all_by_value": {"values": {"lang": "en"}},
    "all": {},
}


def measure(options: Options) -> list[dict[str, Any]]:
    return [_of_size(options, size) for size in SIZES]


def _of_size(options: Options, size: int) -> dict[str, Any]:
    with (
        _filled(size) as database,
        lgtrio_server(options.server_cpus, database=database) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        figures = {"threads": size, "floor_ms": _p50(lambda: http.get("/ok"))}
        for name, wanted in _SEARCHES.items():
            figures[f"{name}_ms"] = _p50(partial(_search, http, wanted))
        figures["count_all_ms"] = _p50(lambda: http.post("/threads/count", json={}))
        figures["create_ms"] = _p50(lambda: http.post("/threads", json={"metadata": {"n": 1}}))
        figures["copy_ms"] = _copy(http)
    return figures


def _search(http: httpx.Client, wanted: dict[str, Any]) -> httpx.Response:
    return http.post("/threads/search", json=wanted)


def _copy(http: httpx.Client) -> float:
    """Copying a thread of `CHECKPOINTS` checkpoints."""
    step = {"updates": [{"as_node": "step0", "values": {"n": 1}}]}
    body = {"metadata": {"graph_id": "one_step"}, "supersteps": [step] * CHECKPOINTS}
    created = http.post("/threads", json=body)
    created.raise_for_status()
    path = f"/threads/{created.json()['thread_id']}/copy"
    return _p50(lambda: http.post(path), requests=5)


def _p50(ask: Callable[[], httpx.Response], *, requests: int = REQUESTS) -> float:
    """Milliseconds."""
    ask().raise_for_status()
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        ask().raise_for_status()
        times.append(time.perf_counter() - started)
    return round(quantile(times, 0.5) * 1000, 2)


# -- the threads ---------------------------------------------------------------------------


@contextmanager
def _filled(size: int) -> Iterator[Path]:
    """A database with so many threads, written without a server in between."""
    with tempfile.TemporaryDirectory(prefix="lgtrio-bench-") as folder:
        database = Path(folder) / "bench.db"
        trio.run(_fill, database, size)
        yield database


async def _fill(database: Path, size: int) -> None:
    async with open_sqlite(str(database), synchronous="off") as storage:
        send, receive = trio.open_memory_channel[int](1000)
        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(_make_threads, storage, size, receive.clone())
            receive.close()
            async with send:
                for number in range(size):
                    await send.send(number)


async def _make_threads(
    storage: Storage, size: int, numbers: trio.MemoryReceiveChannel[int]
) -> None:
    groups = size // MATCHES
    async with numbers:
        async for number in numbers:
            thread_id, group = new_id(), number % groups
            metadata = {"user": f"user {group}", "team": "all", "graph_id": "one_step"}
            values = {"topic": f"topic {group}", "lang": "en", "messages": _MESSAGES}
            asking = number % groups == 1
            status = ThreadStatus.INTERRUPTED if asking else ThreadStatus.IDLE
            await storage.create_thread(NewThread(thread_id, orjson.dumps(metadata)))
            await storage.set_thread_state(thread_id, ThreadOutcome(status, orjson.dumps(values)))
