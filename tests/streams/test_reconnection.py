"""The official clients come back by themselves: what they see is the log, however often and
wherever their connection breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cutting import STREAM_HEADER, Cut, CuttingProxy, cutting, random_cuts
from langgraph_sdk import get_client, get_sync_client

from support import js
from support.server import Server

COUNT = 40
LONGEST = 3000
"""Bytes between two cuts; the whole stream has some 7000."""
INPUT = {"count": COUNT, "every": 0.005, "size": 60}
RUN: dict[str, Any] = {
    "input": INPUT,
    "stream_mode": ["custom", "values", "updates"],
    "stream_resumable": True,
}

Seen = list[tuple[str | None, str, Any]]

# The client says that it may have missed something; it has not, because of where it comes back to.
pytestmark = pytest.mark.filterwarnings("ignore:Reconnecting without a Last-Event-ID")


@pytest.fixture
def plans(request: pytest.FixtureRequest) -> dict[str, Any]:
    options = request.config
    seed, clients = options.getoption("--cut-seed"), options.getoption("--cut-clients")
    cuts = options.getoption("--cuts")
    print(f"--cut-seed={seed} --cut-clients={clients} --cuts={cuts}")
    plans = {str(n): random_cuts(seed + n, cuts=cuts, longest=LONGEST) for n in range(clients)}
    return plans | {"before the first event": [Cut(0, reset=False), Cut(0, reset=True)]}


def log_of(server: Server, path: str) -> Seen:
    """Every frame that is stored of a run."""
    with server.http() as http:
        text = http.get(f"{path}/stream", headers={"Last-Event-ID": "-1"}).text
    frames = [
        dict(line.split(": ", 1) for line in frame.split("\r\n") if not line.startswith(":"))
        for frame in text.split("\r\n\r\n")[:-1]
    ]
    return [(frame["id"], frame["event"], json.loads(frame["data"])) for frame in frames]


def check(server: Server, proxy: CuttingProxy, seen: dict[str, tuple[str, Seen]]) -> None:
    for name, (path, parts) in seen.items():
        log = log_of(server, path)
        assert parts == log, f"client {name}"
        assert [part["n"] for _, event, part in log if event == "custom"] == list(range(COUNT))
    assert len(set(proxy.made)) == len(seen), "every client was cut off"


def as_seen(parts: Sequence[Any]) -> Seen:
    return [(part.id, part.event, part.data) for part in parts]


def test_async_clients(server: Server, plans: dict[str, Any]) -> None:
    async def follow(proxy: CuttingProxy, name: str) -> tuple[str, Seen]:
        url, headers = f"http://127.0.0.1:{proxy.port}", {STREAM_HEADER: name}
        async with get_client(url=url, headers=headers) as client:
            thread_id = (await client.threads.create())["thread_id"]
            parts = [part async for part in client.runs.stream(thread_id, "emit", **RUN)]
        return f"/threads/{thread_id}/runs/{parts[0].data['run_id']}", as_seen(parts)

    async def follow_all(proxy: CuttingProxy) -> dict[str, tuple[str, Seen]]:
        seen = await asyncio.gather(*(follow(proxy, name) for name in plans))
        return dict(zip(plans, seen, strict=True))

    with cutting(server.port, plans) as proxy:
        check(server, proxy, asyncio.run(follow_all(proxy)))


def test_sync_clients_that_join(server: Server, plans: dict[str, Any]) -> None:
    def follow(name: str) -> tuple[str, Seen]:
        url, headers = f"http://127.0.0.1:{proxy.port}", {STREAM_HEADER: name}
        with get_sync_client(url=url, headers=headers) as client:
            thread_id = client.threads.create()["thread_id"]
            run_id = client.runs.create(thread_id, "emit", **RUN)["run_id"]
            parts = list(client.runs.join_stream(thread_id, run_id, last_event_id="-1"))
        return f"/threads/{thread_id}/runs/{run_id}", as_seen(parts)

    with cutting(server.port, plans) as proxy, ThreadPoolExecutor(len(plans)) as threads:
        check(server, proxy, dict(zip(plans, threads.map(follow, plans), strict=True)))


def test_the_javascript_client(server: Server, plans: dict[str, Any]) -> None:
    js.install()
    run = {
        "input": INPUT,
        "streamMode": RUN["stream_mode"],
        "streamResumable": True,
    }
    with cutting(server.port, plans) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        seen = js.run_script("follow.mjs", url=url, names=list(plans), graph="emit", run=run)
        parts = {
            name: (path, [(id_, event, data) for id_, event, data in parts])
            for name, (path, parts) in seen.items()
        }
        check(server, proxy, parts)


def test_a_whole_thread(server: Server, plans: dict[str, Any]) -> None:
    """Several runs one after the other, followed as one stream that never ends by itself."""

    async def read(client: Any, thread_id: str, runs: int) -> Seen:
        seen: Seen = []
        stream = await client.threads.join_stream(thread_id, last_event_id="-1")
        async for part in stream:
            seen.append((part.id, part.event, part.data))
            runs -= part.event == "metadata" and part.data.get("status") == "run_done"
            if runs == 0:
                break
        await stream.aclose()
        return seen

    async def follow(proxy: CuttingProxy, name: str) -> tuple[Seen, Seen]:
        url, headers = f"http://127.0.0.1:{proxy.port}", {STREAM_HEADER: name}
        async with (
            get_client(url=url, headers=headers) as client,
            get_client(url=server.url) as direct,
        ):
            thread_id = (await client.threads.create())["thread_id"]
            fields = {"input": INPUT | {"count": 12}, "stream_resumable": True}
            for _ in range(3):
                await client.runs.create(thread_id, "emit", stream_mode="custom", **fields)
            return await read(client, thread_id, 3), await read(direct, thread_id, 3)

    async def follow_all(proxy: CuttingProxy) -> list[tuple[Seen, Seen]]:
        return await asyncio.gather(*(follow(proxy, name) for name in plans))

    with cutting(server.port, plans) as proxy:
        for seen, undisturbed in asyncio.run(follow_all(proxy)):
            assert seen == undisturbed
            assert [event for _, event, _ in seen] == ["metadata", *["custom"] * 12, "metadata"] * 3
    assert proxy.made
