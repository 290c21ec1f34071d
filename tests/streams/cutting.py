"""A proxy that dies on its clients: it cuts the streams that go through it where it is told to."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import trio
from attrs import define, evolve, field

STREAM_HEADER = "x-stream"
"""Names the plan that a request is treated by; requests without one pass untouched."""
_AT_ONCE = struct.pack("ii", 1, 0)


@define
class Cut:
    after: int
    """Bytes that still pass: of the body for a client's first request (one that has not seen the
    head knows of no place to come back to), else of the whole answer."""
    reset: bool
    """Ends with a reset, else as if the server had closed the connection."""


def random_cuts(seed: int, *, cuts: int, longest: int) -> list[Cut]:
    """Where one client's connections break, one after the other."""
    rng = random.Random(seed)
    return [Cut(rng.randrange(longest), rng.random() < 0.5) for _ in range(rng.randint(1, cuts))]


@define(eq=False)
class CuttingProxy:
    server_port: int
    plans: Mapping[str, Sequence[Cut]]
    """By name, what happens to its first, second, … connection; the later ones are left alone."""
    made: list[str] = field(factory=list)
    """The plan's name for each cut that has been made."""
    port: int = 0
    _stop: trio.Event = field(factory=trio.Event)
    _ready: threading.Event = field(factory=threading.Event)
    _token: trio.lowlevel.TrioToken | None = None

    async def serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            serve = partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1")
            (listener,) = await nursery.start(serve)
            self.port = listener.socket.getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            nursery.cancel_scope.cancel()

    def wait_until_listening(self) -> None:
        assert self._ready.wait(10)

    def stop(self) -> None:
        assert self._token is not None
        self._token.run_sync_soon(self._stop.set)

    async def _connection(self, client: trio.SocketStream) -> None:
        async with (
            client,
            await trio.open_tcp_stream("127.0.0.1", self.server_port) as server,
            trio.open_nursery() as nursery,
        ):
            # Whoever goes away first: the other side's connection ends with it.
            connection = _Connection(self, client, server, nursery.cancel_scope)
            nursery.start_soon(connection.requests)
            nursery.start_soon(connection.answers)

    def next_cut(self, name: str) -> Cut | None:
        plan = self.plans.get(name, ())
        done = self.made.count(name)
        if done >= len(plan):
            return None
        self.made.append(name)
        return plan[done]


@define(eq=False)
class _Connection:
    """Bytes pass untouched, so that clients believe in a connection that is kept."""

    proxy: CuttingProxy
    client: trio.SocketStream
    server: trio.SocketStream
    scope: trio.CancelScope
    cut: Cut | None = None
    """Of the answer that is on its way."""
    whole_head: bool = False

    async def requests(self) -> None:
        try:
            async for chunk in self.client:
                if chunk.startswith((b"GET ", b"POST ")):  # no body of a test begins so
                    self._expect_answer(chunk.decode().lower())
                await self.server.send_all(chunk)
        except trio.BrokenResourceError:
            pass
        self.scope.cancel()

    def _expect_answer(self, head: str) -> None:
        path, *lines = head.split("\r\n")
        streams = [line for line in lines if line.startswith(STREAM_HEADER) and "/stream" in path]
        name = streams[0].partition(": ")[2] if streams else ""
        self.whole_head = name not in self.proxy.made
        self.cut = self.proxy.next_cut(name)

    async def answers(self) -> None:
        try:
            while chunk := await self.server.receive_some():
                await self._pass_on(bytes(chunk))
        except trio.BrokenResourceError:
            pass
        self.scope.cancel()

    async def _pass_on(self, chunk: bytes) -> None:
        if self.cut is not None and self.whole_head:
            head, empty, chunk = chunk.partition(b"\r\n\r\n")
            await self.client.send_all(head + empty)
            self.whole_head = not empty
        cut = self.cut
        if cut is None:
            await self.client.send_all(chunk)
            return
        await self.client.send_all(chunk[: cut.after])
        if self.cut is not cut:  # that was all of the answer, and the client has asked again
            return
        self.cut = evolve(cut, after=cut.after - len(chunk))
        if self.cut.after <= 0:
            if self.cut.reset:
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.scope.cancel()
            await trio.lowlevel.checkpoint()


@contextmanager
def cutting(server_port: int, plans: Mapping[str, Sequence[Cut]]) -> Iterator[CuttingProxy]:
    """The proxy in a thread of its own."""
    proxy = CuttingProxy(server_port, plans)
    thread = threading.Thread(target=trio.run, args=(proxy.serve,))
    thread.start()
    proxy.wait_until_listening()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
