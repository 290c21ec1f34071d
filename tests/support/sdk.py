"""The official clients, asynchronous and synchronous, behind one synchronous face.

A test is written once, as plain synchronous code, and runs with both clients: calls to the
asynchronous one are carried to an asyncio loop in a thread of its own, as the test sees a
coroutine's result or iterates an async generator's items.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from langgraph_sdk import get_client, get_sync_client

CALL_SECONDS = 60
"""No single call of a test may take longer; a hang becomes a failure with a traceback."""


class Portal:
    """An asyncio loop in a thread, entered from synchronous code."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sdk-loop")
        self._thread.start()

    def call(self, make: Callable[[], Awaitable[Any]]) -> Any:
        """Await `make()` on the loop and return its result."""

        async def run() -> Any:
            return await make()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(CALL_SECONDS)

    def iterate(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        """Iterate on the loop; closing the generator closes the async one, and its connection."""
        try:
            while True:
                try:
                    yield self.call(items.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            if not self._loop.is_closed():  # else `close` has closed the items already
                self.call(items.aclose)  # type: ignore[attr-defined]

    def close(self) -> None:
        async def settle() -> None:
            await self._loop.shutdown_asyncgens()

        self.call(settle)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Blocking:
    """The asynchronous client (or one of its parts) as the synchronous one looks."""

    def __init__(self, portal: Portal, target: Any) -> None:
        self._portal = portal
        self._target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value):
            return Blocking(self._portal, value)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            if inspect.isawaitable(result):
                result = self._portal.call(lambda: result)
            if isinstance(result, AsyncIterator):
                return self._portal.iterate(result)
            return result

        return call


def native(client: Any) -> Any:
    """What the SDK made, of a client or one of its parts."""
    return client._target if isinstance(client, Blocking) else client


@contextmanager
def open_sdk(kind: str, url: str) -> Iterator[Any]:
    """The SDK client of a kind, `async` or `sync`, used synchronously."""
    if kind == "sync":
        client = get_sync_client(url=url)
        try:
            yield client
        finally:
            client.http.client.close()
        return
    portal = Portal()
    try:
        target = get_client(url=url)
        yield Blocking(portal, target)
        portal.call(target.aclose)
    finally:
        portal.close()
