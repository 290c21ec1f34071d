"""Bodies that last as long as a run: its stream, or its result after signs of life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol, Self

import trio
from attrs import define, field
from quart.wrappers.response import ResponseBody

from lgtrio.runs.handles import RunHandle
from lgtrio.runs.streams import StreamCut, Subscription
from lgtrio.runs.supervisor import Supervisor
from lgtrio.storage.interface import RunRecord

HEARTBEAT: Final = b": heartbeat\r\n"
"""A comment with no blank line after it: old clients make a phantom event of one."""
FILLER: Final = b"\n"
"""White space before a JSON text, which every JSON parser skips."""
_HEAD_PATIENCE: Final = 0.05
"""Seconds that an answer's head waits for a body that may be short."""


class Source(Protocol):
    """Where a body's chunks come from."""

    sign: bytes
    """What a client is sent while there is nothing to say."""
    exhausted: bool
    """It is known that no chunk follows."""
    whole: bool
    """Its first chunk is all of it."""

    async def next_chunk(self) -> bytes | None:
        """The next bytes for the client; None at the end.

        Raises:
            StreamCut: the server is going down before the run's end.

        Cancellation: nothing is lost, the next call goes on where this one was.
        """

    def close(self) -> None: ...


@define(eq=False)
class StreamSource:
    """A run's stream; each chunk is everything that was waiting."""

    subscription: Subscription
    sign: bytes = HEARTBEAT
    exhausted: bool = False
    whole: bool = False

    async def next_chunk(self) -> bytes | None:
        try:
            return await self.subscription.receive()
        except trio.EndOfChannel:
            return None

    def close(self) -> None:
        self.subscription.close()


@define(eq=False)
class ResultSource:
    """A run's result as one chunk, when the run has ended."""

    supervisor: Supervisor
    run: RunRecord
    handle: RunHandle | None
    sign: bytes = FILLER
    exhausted: bool = False
    whole: bool = True

    async def next_chunk(self) -> bytes | None:
        if self.exhausted:
            return None
        result = await self.supervisor.following.join(self.run, self.handle)
        self.exhausted = True
        return result

    def close(self) -> None:
        pass


@define(eq=False)
class RunBody(ResponseBody):
    """Chunks until the run's end, and a sign of life at strictly regular times.

    Clients measure the interval, so it counts from the opening whether or not chunks flow.
    """

    source: Source
    period: float
    """Seconds between two signs of life."""
    on_disconnect: Callable[[], None] | None = None
    """Called when the connection ends before the source does. Sync, because the request's
    own task is being cancelled then."""
    finished: bool = field(default=False, init=False)
    """There is nothing left to send."""
    _next_sign: float = field(default=0.0, init=False)

    async def soon(self) -> bytes | None:
        """All of it, if that is there in a moment: it leaves in one piece with its head then,
        which saves a short run a tenth of its way. None: send it as it comes."""
        if self.source.whole:
            with trio.move_on_after(_HEAD_PATIENCE), suppress(StreamCut):
                chunk = await self.source.next_chunk()
                self.finished = chunk is not None
                return chunk
        return None

    async def __aenter__(self) -> Self:
        self._next_sign = trio.current_time() + self.period
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing: `close` also covers bodies that were never entered."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if trio.current_time() < self._next_sign:
            with trio.move_on_at(self._next_sign):
                chunk = await self.source.next_chunk()
                if chunk is None:
                    self.finished = True
                    raise StopAsyncIteration
                return chunk
        self._next_sign += self.period
        return self.source.sign

    def close(self) -> None:
        """Whoever sends this body calls this at its end, however it ended."""
        self.source.close()
        if self.on_disconnect is not None and not self.finished:
            self.on_disconnect()
