"""The HTTP side on a real socket, over a real database in memory and a scripted executor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

import httpx
import orjson
import trio
from attrs import define, field

from lgtrio.api.app import create_app
from lgtrio.api.services import Services
from lgtrio.api.serving import HttpServer, open_http
from lgtrio.config import Settings
from lgtrio.errors import NotFound
from lgtrio.graphs.items import LanggraphItems
from lgtrio.listen import bind_socket
from lgtrio.runs.executor import RunSink, StateUpdated
from lgtrio.runs.supervisor import RunOptions, Supervisor, open_supervisor
from lgtrio.storage.interface import Storage
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.assistants import default_assistant
from lgtrio.wire.times import now_iso
from support.scripted import ScriptedExecutor

GRAPHS = ("scripted", "other")
Script = list[list[Any]]


@define(eq=False)
class GatedExecutor(ScriptedExecutor):
    """One more step: `["gate", name]` waits until the test opens that gate."""

    gates: dict[str, trio.Event] = field(factory=lambda: defaultdict(trio.Event))
    reached: dict[str, trio.Event] = field(factory=lambda: defaultdict(trio.Event))
    hurries: bool = False
    """A drain finds all gates open and every step quick: runs finish instead of stopping."""

    def request_drain(self, run_id: str) -> None:
        if not self.hurries:
            super().request_drain(run_id)
            return
        for name in self.reached:
            self.gates[name].set()

    async def _do(self, step: str, args: list[Any], sink: RunSink, seen: list[Any]) -> None:
        if step == "gate":
            self.reached[args[0]].set()
            await self.gates[args[0]].wait()
        else:
            await super()._do(step, args, sink, seen)


@define(eq=False)
class RecordingStates:
    """Answers every state operation alike and remembers what it was asked."""

    calls: list[tuple[str, dict[str, Any]]] = field(factory=list)
    state: dict[str, Any] = field(factory=lambda: {"values": {"a": 1, "b": 2}, "next": ["n"]})
    updated: StateUpdated = field(
        factory=lambda: StateUpdated(
            config=b'{"thread_id":"t","checkpoint_ns":"","checkpoint_id":"c1"}',
            values=b'{"a":2}',
            next=("n",),
            interrupts=b"{}",
        )
    )
    failure: Exception | None = None
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """Awaited in the middle of the next update."""

    def _note(self, name: str, **asked: Any) -> None:
        self.calls.append((name, asked))
        if self.failure is not None:
            raise self.failure

    async def get_state(self, thread_id: str, graph_id: str, **asked: Any) -> bytes:
        self._note("get_state", graph_id=graph_id, **asked)
        if (asked.get("checkpoint") or {}).get("checkpoint_id") == "unknown":
            raise NotFound(f"Thread {thread_id} has no checkpoint unknown")
        return orjson.dumps(self.state)

    async def get_history(self, thread_id: str, graph_id: str, **asked: Any) -> bytes:
        self._note("get_history", thread_id=thread_id, graph_id=graph_id, **asked)
        return orjson.dumps([self.state])

    async def update_state(self, thread_id: str, graph_id: str, **asked: Any) -> StateUpdated:
        self._note("update_state", thread_id=thread_id, graph_id=graph_id, **asked)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
        return self.updated


@define(eq=False)
class RecordingDescriptions:
    """Answers with what it was asked."""

    async def drawing(self, graph_id: str, config: Any, **asked: Any) -> bytes:
        return orjson.dumps({"graph_id": graph_id, "config": config, **asked})

    async def schemas(self, graph_id: str, config: Any) -> bytes:
        return orjson.dumps({"graph_id": graph_id, "config": config})

    async def subgraphs(self, graph_id: str, config: Any, **asked: Any) -> bytes:
        return orjson.dumps({"graph_id": graph_id, "config": config, **asked})


class Sockets(list[trio.SocketStream]):
    def close(self) -> None:
        for stream in self:
            stream.socket.close()


@define(eq=False)
class Live:
    http: httpx.AsyncClient
    server: HttpServer
    port: int
    storage: Storage
    supervisor: Supervisor
    executor: GatedExecutor
    states: RecordingStates
    sockets: Sockets
    services: Services

    async def thread(self, **body: Any) -> str:
        answer = await self.http.post("/threads", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["thread_id"])

    async def background(self, thread_id: str, *script: list[Any], **fields: Any) -> Any:
        """Create a run, and hand out the Run as it was answered."""
        answer = await self.http.post(f"/threads/{thread_id}/runs", json=run_body(script, **fields))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def status(self, run_id: str) -> str | None:
        run = await self.storage.get_run(run_id)
        return None if run is None else str(run.status)

    async def ended(self, run_id: str) -> str | None:
        """The run's status once it is not active any more."""
        await self.supervisor.following.wait_ended(run_id)
        return await self.status(run_id)

    async def connect(self) -> trio.SocketStream:
        """A connection below HTTP, for what no HTTP client can be made to do; closed after the
        server has ended."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.sockets.append(stream)
        return stream


def run_body(script: Sequence[list[Any]] = (), **fields: Any) -> dict[str, Any]:
    return {"assistant_id": "scripted", "input": list(script), **fields}


def raw_post(path: str, body: dict[str, Any]) -> bytes:
    """The bytes of a request."""
    content = orjson.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nhost: here\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def read_until(stream: trio.SocketStream, text: bytes) -> bytes:
    """Everything up to and with the chunk that has `text`; fails if the stream ends before."""
    seen, looked = bytearray(), 0
    while seen.find(text, max(0, looked - len(text))) < 0:
        looked = len(seen)
        chunk = await stream.receive_some()
        assert chunk, f"the connection ended after {bytes(seen)!r}"
        seen += chunk
    return bytes(seen)


async def read_to_end(stream: trio.SocketStream) -> bytes:
    seen = bytearray()
    try:
        async for chunk in stream:
            seen += chunk
    except trio.BrokenResourceError:
        pass
    return bytes(seen)


@asynccontextmanager
async def live(
    *, heartbeat: float = 5.0, max_frames_per_run: int = 10_000, **options: Any
) -> AsyncIterator[Live]:
    executor, states = GatedExecutor(), RecordingStates()
    with trio.fail_after(90):
        async with (
            open_sqlite(":memory:", inline=True, max_frames_per_run=max_frames_per_run) as storage,
            open_supervisor(storage, executor, RunOptions(**options)) as supervisor,
        ):
            for graph in GRAPHS:
                await storage.ensure_assistant(default_assistant(graph, None, now_iso()))
            services = Services(
                storage,
                supervisor,
                states,
                RecordingDescriptions(),
                GRAPHS,
                heartbeat,
                items=LanggraphItems(storage.engine),
            )
            with bind_socket(Settings(port=0)) as sock, closing(Sockets()) as sockets:
                port = sock.getsockname()[1]
                async with (
                    open_http(create_app(services), sock) as server,
                    httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
                ):
                    yield Live(
                        http=http,
                        server=server,
                        port=port,
                        storage=storage,
                        supervisor=supervisor,
                        executor=executor,
                        states=states,
                        sockets=sockets,
                        services=services,
                    )
