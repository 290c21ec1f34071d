"""The store: over HTTP, and what its searches cost as it grows."""

from __future__ import annotations

import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import trio

from bench.cells import Cell, Scenario
from bench.figures import Figures
from bench.floor import Floor
from bench.load import Request, drive
from bench.options import Options
from bench.servers import Server
from lgtrio.graphs.items import LanggraphItems
from lgtrio.storage.sqlite import open_sqlite

SIZES: Final = (1_000, 10_000, 100_000)
_NAMESPACES: Final = 1_000
_RARE: Final = 50
"""Items that the rare filter matches, however many there are."""
_AT_ONCE: Final = 200
_SEARCHES: Final = 60
_CLIENTS: Final = 8

Search = Callable[[], Awaitable[object]]


def _item(number: int, size: int) -> dict[str, Any]:
    return {
        "number": number,
        "color": ("red", "green", "blue")[number % 3],
        "rare": number % max(1, size // _RARE) == 0,
        "text": f"what there is to say about number {number}",
    }


def _namespace(number: int) -> list[str]:
    return ["users", f"user-{number % _NAMESPACES}", "notes"]


# -- over HTTP ---------------------------------------------------------------------------------


async def _over_http(server: Server, options: Options, *, act: str) -> Figures:
    load = await drive(server, _ACTS[act](), clients=_CLIENTS, seconds=options.seconds)
    return load.summary()


def _put() -> Request:
    numbers = itertools.count()

    async def put(http: aiohttp.ClientSession) -> None:
        number = next(numbers) % 10_000
        body = {
            "namespace": _namespace(number),
            "key": str(number),
            "value": _item(number, 10_000),
        }
        async with http.put("/store/items", json=body) as answer:
            answer.raise_for_status()

    return put


def _get() -> Request:
    query = [("namespace", ".".join(_namespace(1))), ("key", "1")]

    async def get(http: aiohttp.ClientSession) -> None:
        async with http.get("/store/items", params=query) as answer:
            answer.raise_for_status()
            await answer.read()

    return get


def _search() -> Request:
    users = itertools.count()

    async def search(http: aiohttp.ClientSession) -> None:
        prefix = ["users", f"user-{next(users) % _NAMESPACES}"]
        body = {"namespace_prefix": prefix, "filter": {"color": "red"}}
        async with http.post("/store/items/search", json=body) as answer:
            answer.raise_for_status()
            await answer.read()

    return search


_ACTS: dict[str, Callable[[], Request]] = {"put": _put, "get": _get, "search": _search}


# -- without a server --------------------------------------------------------------------------


def _alone(_floor: Floor, _options: Options, *, size: int) -> Figures:
    """Items are put into a file by the store that HTTP uses, and searched through it."""
    with tempfile.TemporaryDirectory(prefix="lgtrio-bench-") as folder:
        return trio.run(_measure, Path(folder) / "store.db", size)


async def _measure(database: Path, size: int) -> Figures:
    async with open_sqlite(str(database)) as storage:
        items = LanggraphItems(storage.engine)
        begin = time.perf_counter()
        for first in range(0, size, _AT_ONCE):
            async with trio.open_nursery() as nursery:
                for number in range(first, first + _AT_ONCE):
                    value = _item(number, size)
                    nursery.start_soon(items.put, _namespace(number), str(number), value)
        puts = size / (time.perf_counter() - begin)
        searches = _searches(items)
        figures = {f"{name}_p50_ms": await _p50_ms(each) for name, each in searches.items()}
    return {"puts_per_second": puts, **figures}


def _searches(items: LanggraphItems) -> Mapping[str, Search]:
    """Each with other values at every call."""
    any_one = random.Random(0)

    def user() -> list[str]:
        return ["users", f"user-{any_one.randrange(_NAMESPACES)}"]

    return {
        "get": lambda: items.get(_namespace(7), "7"),
        "namespace": lambda: items.search(user()),
        "namespace_and_filter": lambda: items.search(user(), filter={"color": "red"}),
        "rare_filter": lambda: items.search([], filter={"rare": True}, limit=_RARE),
        "one_of_all": lambda: items.search([], filter={"number": any_one.randrange(1_000)}),
        "common_filter": lambda: items.search([], filter={"color": "red"}),
        "range_filter": lambda: items.search([], filter={"number": {"$gte": 990}}),
        "everything": lambda: items.search([]),
        "namespaces": lambda: items.namespaces(max_depth=2),
    }


async def _p50_ms(search: Search) -> float:
    took = []
    for _ in range(_SEARCHES):
        begin = time.perf_counter()
        await search()
        took.append(1000 * (time.perf_counter() - begin))
    return statistics.median(took)


HTTP = Scenario(
    "store",
    "The store over HTTP",
    f"{_CLIENTS} clients; up to 10,000 items in {_NAMESPACES:,} namespaces.",
    [Cell(act, partial(_over_http, act=act)) for act in _ACTS],
    figures=["per_second", "p50_ms", "p95_ms", "cpu_ms_each", "client_cpu_share"],
)
INSIDE = Scenario(
    "items",
    "The store as it grows, without HTTP",
    f"Names: how many items there are. Puts {_AT_ONCE} at a time.",
    [
        Cell(
            f"{size // 1000}k",
            alone={"lgtrio, in process": partial(_alone, size=size)},
            headline="puts_per_second",
            few=True,
            long=size > 10_000,
        )
        for size in SIZES
    ],
    figures=[
        *("puts_per_second", "get_p50_ms", "namespace_p50_ms", "namespace_and_filter_p50_ms"),
        *("rare_filter_p50_ms", "one_of_all_p50_ms", "common_filter_p50_ms"),
        *("range_filter_p50_ms", "everything_p50_ms", "namespaces_p50_ms"),
    ],
    transposed=True,
)
