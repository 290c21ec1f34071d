"""Tests that run on asyncio, as graphs do; the suite's async tests run on Trio."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def on_asyncio(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a plain test of a coroutine function; asyncio's debug mode checks which thread calls."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs), debug=True)

    return run


class Signal:
    """Set from any thread, awaited in asyncio."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        await self._event.wait()


async def error_of(awaitable: Awaitable[Any]) -> BaseException:
    """What it raises; also what `pytest.raises` would let through."""
    try:
        value = await awaitable
    except BaseException as error:  # noqa: ASYNC103  (handed on)
        return error  # noqa: ASYNC104
    raise AssertionError(f"returned {value!r}")


async def turns(count: int = 5) -> None:
    """Let whatever is ready in asyncio run."""
    for _ in range(count):
        await asyncio.sleep(0)
