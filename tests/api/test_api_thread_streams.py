"""The stream of a thread: its runs one after the other, changes of its state, coming back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import trio
from attrs import define, field
from live import Live, live, raw_post, read_to_end, read_until, run_body

LIFECYCLE = {"stream_modes": "lifecycle"}
UNKNOWN = "0e5a1d1c-6a2b-4d0c-9a53-3f0f6f4b7d11"


@define
class Reader:
    """Reads a thread's stream, one event at a time."""

    stream: trio.SocketStream
    head: str
    _bytes: bytes
    ids: list[str] = field(factory=list)

    async def event(self) -> tuple[str, Any]:
        while (end := self._bytes.find(b"\r\n\r\n")) < 0:
            chunk = await self.stream.receive_some()
            if not chunk:
                raise EOFError
            self._bytes += chunk
        frame, self._bytes = self._bytes[:end], self._bytes[end + 4 :]
        lines = dict(line.split(": ", 1) for line in frame.decode().split("\r\n"))
        self.ids.append(lines["id"])
        return lines["event"], orjson.loads(lines["data"])

    async def events(self, count: int) -> list[tuple[str, Any]]:
        return [await self.event() for _ in range(count)]

    async def rest(self) -> list[tuple[str, Any]]:
        events = []
        try:
            while True:
                events.append(await self.event())
        except EOFError:
            return events


@asynccontextmanager
async def following(
    api: Live, thread_id: str, *, after: str | None = None, **params: Any
) -> AsyncIterator[Reader]:
    path = f"/threads/{thread_id}/stream?{urlencode(params, doseq=True)}"
    async with opened(api, path, after=after) as reader:
        yield reader


@asynccontextmanager
async def opened(api: Live, path: str, *, after: str | None = None) -> AsyncIterator[Reader]:
    """As an old client, so that the body has no chunks."""
    last = "" if after is None else f"Last-Event-ID: {after}\r\n"
    async with await api.connect() as stream:
        await stream.send_all(f"GET {path} HTTP/1.0\r\nhost: a\r\n{last}\r\n".encode())
        head, _, rest = (await read_until(stream, b"\r\n\r\n")).partition(b"\r\n\r\n")
        assert b" 200 " in head, head
        yield Reader(stream, head.decode(), rest)


def started(run: Any, attempt: int = 1) -> tuple[str, Any]:
    return "metadata", {"run_id": run["run_id"], "attempt": attempt}


def done(run: Any) -> tuple[str, Any]:
    return "metadata", {"status": "run_done", "run_id": run["run_id"]}


# -- what is told --------------------------------------------------------------------------


async def test_runs_one_after_the_other_and_every_frame_has_an_id(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id) as reader:
        first = await api.background(thread_id, ["emit", 1], ["emit", 2])
        second = await api.background(thread_id, ["emit", 3], ["fail"], stream_resumable=True)
        assert await reader.events(8) == [
            started(first),
            ("values", 1),
            ("values", 2),
            done(first),
            started(second),
            ("values", 3),
            ("error", {"error": "ValueError", "message": "boom"}),
            done(second),
        ]
        assert len(set(reader.ids)) == 8


@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
async def test_the_end_is_told_whatever_the_end(api: Live, strategy: str) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id, **LIFECYCLE) as reader:
        first = await api.background(thread_id, ["emit", 1], ["gate", "never"])
        await api.executor.reached["never"].wait()
        second = await api.background(thread_id, ["emit", 2], multitask_strategy=strategy)
        assert await reader.events(4) == [
            started(first),
            done(first),
            started(second),
            done(second),
        ]


async def test_who_wants_lifecycle_only_causes_no_parts(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id, **LIFECYCLE) as reader:
        run = await api.background(thread_id, ["gate", "g"])
        assert await reader.event() == started(run)
        assert not api.supervisor.executing[run["run_id"]].wants_parts
        async with following(api, thread_id):
            assert api.supervisor.executing[run["run_id"]].wants_parts
        api.executor.gates["g"].set()
        assert await reader.event() == done(run)


async def test_joined_in_the_middle_of_a_run(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], ["gate", "g"], ["emit", 2])
    await api.executor.reached["g"].wait()
    async with following(api, thread_id) as reader:
        api.executor.gates["g"].set()
        assert await reader.events(2) == [("values", 2), done(run)]


async def test_a_run_that_never_started_is_not_told(api: Live) -> None:
    thread_id = await api.thread()
    first = await api.background(thread_id, ["gate", "g"])
    async with following(api, thread_id, **LIFECYCLE) as reader:
        second = await api.background(thread_id, ["emit", 1])
        await api.supervisor.stopper.cancel(
            thread_id, [second["run_id"]], action="interrupt", wait=True
        )
        api.executor.gates["g"].set()
        third = await api.background(thread_id)
        assert await reader.events(3) == [done(first), started(third), done(third)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"stream_modes": "state_update"}, ["state_update"]),
        ({"stream_mode": "state_update"}, ["state_update"]),
        ({"stream_modes": "lifecycle,state_update"}, ["metadata", "metadata", "state_update"]),
        ({"stream_mode": ["lifecycle", "state_update"]}, ["metadata", "metadata", "state_update"]),
        (
            {"stream_mode": ["run_modes", "state_update"]},
            ["metadata", "values", "metadata", "state_update"],
        ),
    ],
)
async def test_quirk_28_modes_in_both_spellings(
    api: Live, query: dict[str, Any], told: list[str]
) -> None:
    thread_id = await api.thread(metadata={"graph_id": "scripted"})
    async with following(api, thread_id, **query) as reader:
        run = await api.background(thread_id, ["emit", 1])
        assert await api.ended(run["run_id"]) == "success"
        answer = await api.http.post(f"/threads/{thread_id}/state", json={"values": {"a": 2}})
        assert answer.status_code in (200, 201), answer.text
        events = await reader.events(len(told))
        assert [name for name, _ in events] == told
        assert events[-1][1] == {"thread_id": thread_id, "state": api.states.state}


async def test_states_are_not_read_for_nobody(api: Live) -> None:
    thread_id = await api.thread(metadata={"graph_id": "scripted"})
    async with following(api, thread_id):
        await api.http.post(f"/threads/{thread_id}/state", json={"values": {"a": 2}})
    assert [name for name, _ in api.states.calls] == ["update_state"]


async def test_other_threads_are_not_told(api: Live) -> None:
    mine, other = await api.thread(), await api.thread()
    async with following(api, mine) as reader:
        await api.ended((await api.background(other, ["emit", 1]))["run_id"])
        run = await api.background(mine)
        assert await reader.event() == started(run)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        (f"/threads/{UNKNOWN}/stream", 404, "not found"),
        ("/threads/nonsense/stream", 422, "UUID"),
        ("/threads/{}/stream?stream_mode=values", 422, "run_modes"),
    ],
)
async def test_refused(api: Live, path: str, status: int, text: str) -> None:
    answer = await api.http.get(path.format(await api.thread()))
    assert answer.status_code == status
    assert text in answer.json()["detail"]


# -- its end -------------------------------------------------------------------------------


async def test_it_ends_when_the_thread_is_deleted(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id) as reader:
        run = await api.background(thread_id, ["gate", "never"])
        assert await reader.event() == started(run)
        assert (await api.http.delete(f"/threads/{thread_id}")).status_code == 204
        assert await reader.rest() == [done(run)]
    assert not api.supervisor.threads._followers


async def test_it_ends_with_a_temporary_thread(api: Live) -> None:
    answer = await api.http.post("/runs", json=run_body([["gate", "g"], ["emit", 1]]))
    await api.executor.reached["g"].wait()
    async with following(api, answer.json()["thread_id"]) as reader:
        api.executor.gates["g"].set()
        assert await reader.rest() == [("values", 1), done(answer.json())]


async def test_it_breaks_when_the_server_goes_down() -> None:
    async with live(shutdown_grace=0.0) as api:
        thread_id = await api.thread()
        idle, busy = await api.connect(), await api.connect()
        run = await api.background(thread_id, ["gate", "never"])
        await api.executor.reached["never"].wait()
        for stream, followed in ((idle, await api.thread()), (busy, thread_id)):
            await stream.send_all(
                f"GET /threads/{followed}/stream HTTP/1.1\r\nhost: a\r\n\r\n".encode()
            )
            await read_until(stream, b"\r\n\r\n")
        await api.supervisor.shut_down()
        for stream in (idle, busy):
            assert b"\r\n0\r\n\r\n" not in await read_to_end(stream), "a break, not an end"
        assert await api.status(run["run_id"]) == "pending"


async def test_a_reader_that_leaves_is_forgotten(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id) as reader:
        await api.background(thread_id, ["gate", "g"])
        await reader.event()
    while api.supervisor.threads._followers:
        await trio.testing.wait_all_tasks_blocked()
    (handle,) = api.supervisor.executing.values()
    assert not handle.wants_parts


# -- coming back ---------------------------------------------------------------------------


async def test_what_is_stored_comes_again_from_any_place(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id) as reader:
        for number in range(3):
            resumable = number != 1
            run = await api.background(thread_id, ["emit", number], stream_resumable=resumable)
            await api.ended(run["run_id"])
        events = await reader.events(9)
        ids = reader.ids
    stored = [index for index in range(9) if not 3 <= index < 6]
    for seen in range(-1, 9):
        after = "-1" if seen < 0 else ids[seen]
        expected = [events[index] for index in stored if index > seen]
        async with following(api, thread_id, after=after) as reader:
            assert await reader.events(len(expected)) == expected, f"after {seen}"
            assert reader.ids == [ids[index] for index in stored if index > seen]
            follow_up = await api.thread()  # and nothing more, until something happens
            assert (await api.http.delete(f"/threads/{follow_up}")).status_code == 204


@pytest.mark.parametrize("word", ["-1", "-", "0", "0-0"])
async def test_from_the_start_into_a_run_that_goes_on(api: Live, word: str) -> None:
    thread_id = await api.thread()
    first = await api.background(thread_id, ["emit", 1], stream_resumable=True)
    second = await api.background(
        thread_id, ["emit", 2], ["gate", "g"], ["emit", 3], stream_resumable=True
    )
    await api.executor.reached["g"].wait()
    async with following(api, thread_id, after=word) as reader:
        assert await reader.events(5) == [
            *(started(first), ("values", 1), done(first)),
            *(started(second), ("values", 2)),
        ]
        api.executor.gates["g"].set()
        assert await reader.events(2) == [("values", 3), done(second)]


async def test_lifecycles_are_replayed_too(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], ["fail"], stream_resumable=True)
    await api.ended(run["run_id"])
    async with following(api, thread_id, after="-1", **LIFECYCLE) as reader:
        assert await reader.events(2) == [started(run), done(run)]


async def test_an_id_of_the_runs_own_stream_serves_too(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], ["emit", 2], stream_resumable=True)
    await api.ended(run["run_id"])
    frames = await api.storage.read_frames(run["run_id"], after=0)
    async with following(api, thread_id, after=f"{frames[1].at_ms}-2") as reader:
        assert await reader.events(2) == [("values", 2), done(run)]


async def test_a_place_in_a_run_that_is_gone(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id) as reader:
        gone = await api.background(thread_id, ["emit", 1], stream_resumable=True)
        await reader.events(3)
        last = reader.ids[-2]
    assert (await api.http.delete(f"/threads/{thread_id}/runs/{gone['run_id']}")).status_code == 204
    run = await api.background(thread_id, ["emit", 2], stream_resumable=True)
    await api.ended(run["run_id"])
    async with following(api, thread_id, after=last) as reader:
        assert await reader.events(3) == [started(run), ("values", 2), done(run)]


async def test_location_leads_back_with_the_same_query(api: Live) -> None:
    thread_id = await api.thread()
    async with following(api, thread_id, stream_mode=["lifecycle", "state_update"]) as reader:
        location = reader.head.split("location: ")[1].split("\r\n")[0]
    run = await api.background(thread_id, ["emit", 1], stream_resumable=True)
    await api.ended(run["run_id"])
    async with opened(api, location) as reader:
        assert await reader.events(2) == [started(run), done(run)]


async def test_text_that_is_no_id(api: Live) -> None:
    thread_id = await api.thread()
    answer = await api.http.get(
        f"/threads/{thread_id}/stream", headers={"Last-Event-ID": "nonsense"}
    )
    assert answer.status_code == 422
    assert "Last-Event-ID" in answer.json()["detail"]
    assert not api.supervisor.threads._followers


# -- slow readers --------------------------------------------------------------------------


async def test_a_reader_that_stalls_slows_nobody_and_is_told(api: Live) -> None:
    """Hundreds of runs end while it reads nothing; then it gets what it was kept, and an error."""
    thread_id = await api.thread()
    stalled = await api.connect()
    request = f"GET /threads/{thread_id}/stream HTTP/1.1\r\nhost: a\r\n\r\n"
    await stalled.send_all(request.encode())
    await read_until(stalled, b"\r\n\r\n")
    big = "x" * 40_000
    async with following(api, thread_id, **LIFECYCLE) as reader:
        for _ in range(300):
            run = await api.background(thread_id, ["emit", big])
            assert await reader.events(2) == [started(run), done(run)]
    seen = await read_until(stalled, b"\r\n0\r\n\r\n")
    assert b"SlowConsumer" in seen
    assert seen.count(b"run_done") >= 256
    await stalled.send_all(raw_post("/runs/wait", run_body([["emit", 1]])))
    await read_until(stalled, b'{"seen":[1]}')  # the connection is alive
