"""What searching the store costs as it grows: `python -m bench store`.

Items are put into a file by the store that HTTP uses and searched through it, so the figures are
those of the store alone; a request adds its own millisecond.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import trio

from bench.measure import quantile
from bench.options import Options
from lgtrio.graphs.items import LanggraphItems
from lgtrio.storage.sqlite import open_sqlite

SIZES: Final = (1_000, 10_000, 100_000)
NAMESPACES: Final = 1_000
_RARE: Final = 50
"""Items that the rare filter matches, however many there are."""
_AT_ONCE: Final = 200
_COUNTED: Final = 800
"""Puts that are timed, the last ones."""
_SEARCHES: Final = 100

Search = Callable[[], Awaitable[object]]


def measure(options: Options) -> dict[str, Any]:  # noqa: ARG001 - one process, no turns
    """Number of items to milliseconds (p50, p95) of each search, and puts a second."""
    with tempfile.TemporaryDirectory() as folder:
        return {str(size): trio.run(_measure, Path(folder) / f"{size}.db", size) for size in SIZES}


async def _measure(database: Path, size: int) -> dict[str, Any]:
    async with open_sqlite(str(database)) as storage:
        items = LanggraphItems(storage.engine)
        puts = await _fill(items, size)
        return {
            "puts_per_s": puts,
            **{name: await _timed(search) for name, search in _searches(items).items()},
        }


async def _fill(items: LanggraphItems, size: int) -> float:
    """Puts a second, many at once, of the last ones."""
    await _put_all(items, range(size - _COUNTED), size)
    begin = time.perf_counter()
    await _put_all(items, range(size - _COUNTED, size), size)
    return round(_COUNTED / (time.perf_counter() - begin))


async def _put_all(items: LanggraphItems, numbers: range, size: int) -> None:
    for first in range(0, len(numbers), _AT_ONCE):
        async with trio.open_nursery() as nursery:
            for number in numbers[first : first + _AT_ONCE]:
                nursery.start_soon(_put, items, number, size)


async def _put(items: LanggraphItems, number: int, size: int) -> None:
    value = {
        "number": number,
        "color": ("red", "green", "blue")[number % 3],
        "rare": number % (size // _RARE) == 0,
        "text": f"what there is to say about number {number}",
    }
    await items.put(_namespace(number), str(number), value)


def _namespace(number: int) -> list[str]:
    return ["users", f"user-{number % NAMESPACES}", "notes"]


def _searches(items: LanggraphItems) -> Mapping[str, Search]:
    """Each with other values at every call."""
    any_one = random.Random(0)

    def user() -> list[str]:
        return ["users", f"user-{any_one.randrange(NAMESPACES)}"]

    return {
        "namespace": lambda: items.search(user()),
        "namespace_and_filter": lambda: items.search(user(), filter={"color": "red"}),
        "rare_filter": lambda: items.search([], filter={"rare": True}, limit=_RARE),
        "one_of_all": lambda: items.search([], filter={"number": any_one.randrange(1_000)}),
        "common_filter": lambda: items.search([], filter={"color": "red"}),
        "range_filter": lambda: items.search([], filter={"number": {"$gte": 990}}),
        "everything": lambda: items.search([]),
        "get": lambda: items.get(_namespace(7), "7"),
        "namespaces": lambda: items.namespaces(max_depth=2),
    }


async def _timed(search: Search) -> dict[str, float]:
    took = []
    for _ in range(_SEARCHES):
        begin = time.perf_counter()
        await search()
        took.append(1000 * (time.perf_counter() - begin))
    return {"p50_ms": round(quantile(took, 0.5), 3), "p95_ms": round(quantile(took, 0.95), 3)}
