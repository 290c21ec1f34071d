"""The journal over HTTP: whose lines, pages and spans, traces, and the live stream."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import h11
import pytest
import trio
from attrs import define, field
from live import Live, live, raw_post, read_to_end, read_until, run_body

from lgtrio.storage.interface import JournalLine
from lgtrio.wire.journal import render_line
from lgtrio.wire.times import now_iso
from lgtrio.wire.trace import microseconds

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def lines_of(api: Live, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await api.http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    lines: list[dict[str, Any]] = answer.json()
    return lines


async def finished(api: Live, thread_id: str, *script: list[Any]) -> str:
    run = await api.background(thread_id, *(script or (["emit", 1],)))
    await api.ended(run["run_id"])
    return str(run["run_id"])


# -- whose lines ---------------------------------------------------------------------------


async def test_a_line_says_everything(api: Live) -> None:
    thread_id = await api.thread()
    answer = await api.http.post(
        f"/threads/{thread_id}/runs",
        json=run_body([["emit", 1]]),
        headers={"X-Request-ID": "mine"},
    )
    run = answer.json()
    await api.ended(run["run_id"])
    created, started, ended = await lines_of(
        api, f"/threads/{thread_id}/runs/{run['run_id']}/journal"
    )
    assert created == {
        "seq": 1,
        "at": created["at"],
        "monotonic": created["monotonic"],
        "thread_id": thread_id,
        "run_id": run["run_id"],
        "assistant_id": run["assistant_id"],
        "graph_id": "scripted",
        "from": None,
        "to": "pending",
        "cause": "client",
        "actor": "mine",
        "asked": None,
    }
    assert datetime.fromisoformat(created["at"]) <= datetime.now(UTC)
    assert [line["to"] for line in (started, ended)] == ["running", "success"]
    assert [line["cause"] for line in (started, ended)] == ["scheduler", "graph"]


async def test_a_run_that_was_rolled_back_is_still_told_of(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["gate", "g"])
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}"
    headers = {"X-Request-ID": "the canceller"}
    cancel = {"action": "rollback", "wait": "true"}
    await api.http.post(f"{path}/cancel", params=cancel, headers=headers)
    assert (await api.http.get(path)).status_code == 404
    last = (await lines_of(api, f"{path}/journal"))[-1]
    assert (last["from"], last["to"]) == ("running", None)
    assert (last["cause"], last["actor"]) == ("client", "the canceller")
    assert last["asked"] <= last["monotonic"]


async def test_a_stateless_run_and_a_deleted_thread_are_still_told_of(api: Live) -> None:
    await api.http.post("/runs/wait", json=run_body([["emit", 1]]))
    whole = await lines_of(api, "/journal")
    thread_id, run_id = whole[0]["thread_id"], whole[0]["run_id"]
    assert [line["to"] for line in whole] == ["pending", "running", "success", None]
    assert (await api.http.get(f"/threads/{thread_id}")).status_code == 404
    assert await lines_of(api, f"/threads/{thread_id}/journal") == whole
    assert await lines_of(api, f"/threads/{thread_id}/runs/{run_id}/journal") == whole

    thread_id = await api.thread()
    await finished(api, thread_id)
    await api.http.delete(f"/threads/{thread_id}", headers={"X-Request-ID": "the deleter"})
    last = (await lines_of(api, f"/threads/{thread_id}/journal"))[-1]
    assert (last["from"], last["to"], last["actor"]) == ("success", None, "the deleter")


async def test_a_thread_without_runs_has_an_empty_journal(api: Live) -> None:
    assert await lines_of(api, f"/threads/{await api.thread()}/journal") == []


async def test_what_nobody_knows_is_not_found(api: Live) -> None:
    thread_id = await api.thread()
    run_id = await finished(api, thread_id)
    other = await api.thread()
    for path, status in [
        (f"/threads/{UNKNOWN}/journal", 404),
        (f"/threads/{thread_id}/runs/{UNKNOWN}/journal", 404),
        (f"/threads/{other}/runs/{run_id}/journal", 404),
        ("/threads/nonsense/journal", 422),
    ]:
        assert (await api.http.get(path)).status_code == status, path


# -- spans and pages -----------------------------------------------------------------------


async def test_pages_make_the_whole(api: Live) -> None:
    thread_id = await api.thread()
    for _ in range(3):
        await finished(api, thread_id)
    whole = await lines_of(api, "/journal")
    assert [line["seq"] for line in whole] == list(range(1, 10))
    for path in ("/journal", f"/threads/{thread_id}/journal"):
        pages, since = [], "0"
        while since:
            answer = await api.http.get(path, params={"limit": 4, "since": since})
            pages.append(answer.json())
            since = answer.headers.get("X-Pagination-Next", "")
        assert [len(page) for page in pages] == [4, 4, 1]
        assert [line for page in pages for line in page] == whole


async def test_spans_by_seq_and_by_time(api: Live) -> None:
    thread_id = await api.thread()
    await finished(api, thread_id)
    whole = await lines_of(api, "/journal")
    last = datetime.fromisoformat(whole[-1]["at"])
    assert await lines_of(api, "/journal", since=1, until=2) == whole[1:2]
    assert await lines_of(api, "/journal", since=whole[0]["at"]) == whole
    assert await lines_of(api, "/journal", until=whole[0]["at"]) == []
    assert await lines_of(api, "/journal", since=whole[-1]["at"], until=9) == whole[-1:]
    elsewhere = last.astimezone(UTC) + timedelta(hours=2)
    text = elsewhere.replace(tzinfo=None).isoformat()
    assert await lines_of(api, "/journal", since=f"{text}+02:00") == whole[-1:]
    naive = last.replace(tzinfo=None).isoformat()
    assert await lines_of(api, "/journal", since=naive) == whole[-1:]
    unescaped = await api.http.get(f"/journal?since={text}+02:00")
    assert unescaped.json() == whole[-1:]


@pytest.mark.parametrize(
    "wrong",
    [
        "since=yesterday",
        "since=-1",
        "since=99999999999999999999",
        "until=0001-01-01T00:00:00%2B23:00",
        "limit=0",
        "limit=5001",
        "limit=-1",
        "limit=x",
        "format=xml",
    ],
)
async def test_wrong_parameters_are_refused_with_their_name(api: Live, wrong: str) -> None:
    answer = await api.http.get(f"/journal?{wrong}")
    assert answer.status_code == 422
    assert wrong.partition("=")[0] in answer.json()["detail"]


# -- traces --------------------------------------------------------------------------------


async def test_a_trace_has_everything_however_long(api: Live) -> None:
    first, second = await api.thread(), await api.thread()
    run_id = await finished(api, first)
    for _ in range(200):
        await finished(api, second)
    await api.background(second, ["gate", "g"])
    await api.executor.reached["g"].wait()
    answer = await api.http.get("/journal", params={"format": "trace"})
    assert answer.headers["content-type"] == "application/json"
    events = answer.json()["traceEvents"]
    running = [event for event in events if event["ph"] == "X" and event["name"] == "running"]
    assert [event["args"]["ended"] for event in running] == ["success"] * 201 + ["goes on"]
    for path in (f"/threads/{first}/journal", f"/threads/{first}/runs/{run_id}/journal"):
        own = (await api.http.get(path, params={"format": "trace"})).json()["traceEvents"]
        assert [event["name"] for event in own if event["ph"] != "M"] == [
            "pending",
            "running",
            "success",
        ]
    cut = (await api.http.get("/journal", params={"format": "trace", "limit": 2})).json()
    slices = [event for event in cut["traceEvents"] if event["ph"] == "X"]
    assert [(event["name"], event["args"]["ended"]) for event in slices] == [
        ("pending", "running"),
        ("running", "goes on"),
    ]
    lines = await lines_of(api, "/journal", limit=2)
    assert slices[1]["ts"] + slices[1]["dur"] == microseconds(lines[1]["at"])
    none = await api.http.get("/journal", params={"format": "trace", "since": 10**6})
    assert none.json()["traceEvents"] == []


async def test_runs_that_go_on_are_shown_up_to_the_end_that_was_asked_for(api: Live) -> None:
    thread_id = await api.thread()
    await api.background(thread_id, ["gate", "g"])
    await api.executor.reached["g"].wait()
    started = (await lines_of(api, "/journal"))[-1]["at"]
    later = datetime.now(UTC).isoformat(timespec="microseconds")

    async def shown_up_to(**params: str) -> int:
        answer = await api.http.get("/journal", params={"format": "trace", **params})
        running = answer.json()["traceEvents"][-1]
        assert running["name"] == "running"
        return int(running["ts"] + running["dur"])

    assert await shown_up_to(until=later) == microseconds(later)
    assert await shown_up_to(until="2") == microseconds(started)
    for params in ({}, {"until": "9999-01-01"}):
        assert microseconds(later) < await shown_up_to(**params) <= microseconds(now_iso())


# -- live ----------------------------------------------------------------------------------


def sse(lines: list[JournalLine]) -> str:
    return "".join(
        f"event: transition\r\ndata: {render_line(line).decode()}\r\nid: {line.seq}\r\n\r\n"
        for line in lines
    )


@define
class Follower:
    """A client of the live stream that can stop anywhere, which HTTP clients do not like."""

    stream: trio.SocketStream
    head: h11.Response | None = None
    text: str = ""
    _parser: h11.Connection = field(factory=lambda: h11.Connection(h11.CLIENT))

    async def begin(self, headers: dict[str, str]) -> None:
        request = h11.Request(
            method="GET", target="/journal/stream", headers=[("host", "a"), *headers.items()]
        )
        await self.stream.send_all(self._parser.send(request) or b"")
        await self.stream.send_all(self._parser.send(h11.EndOfMessage()) or b"")
        self.head = await self._next()

    async def read(self, until: str = "") -> None:
        """At least one more piece, and so many that the text has `until`."""
        while True:
            self.text += bytes((await self._next()).data).decode()
            if until in self.text:
                break

    async def _next(self) -> Any:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            self._parser.receive_data(await self.stream.receive_some())
        return event


@asynccontextmanager
async def following(api: Live, **headers: str) -> AsyncIterator[Follower]:
    async with await api.connect() as stream:
        follower = Follower(stream)
        await follower.begin(headers)
        yield follower


async def test_the_live_stream_begins_now_and_tells_each_line_once(api: Live) -> None:
    thread_id = await api.thread()
    await finished(api, thread_id)
    async with following(api) as follower:
        assert follower.head is not None
        assert dict(follower.head.headers)[b"content-type"] == b"text/event-stream; charset=utf-8"
        await finished(api, thread_id)
        await follower.read(until="id: 6\r\n")
        assert follower.text == sse(list(await api.storage.journal())[3:])


async def test_a_client_that_comes_back_gets_neither_a_gap_nor_a_double(api: Live) -> None:
    threads = [await api.thread() for _ in range(4)]
    text, last, times = "", "-1", 0

    async def make_runs(thread_id: str) -> None:
        for _ in range(12):
            await finished(api, thread_id)

    async with trio.open_nursery() as nursery:
        for thread_id in threads:
            nursery.start_soon(make_runs, thread_id)
        while last != str(3 * 12 * len(threads)):
            async with following(api, **{"Last-Event-ID": last}) as follower:
                await follower.read()
                text += follower.text
                last = re.findall(r"id: (\d+)\r\n\r\n", text)[-1]
                times += 1
    assert text == sse(list(await api.storage.journal()))
    assert times > 3


async def test_a_quiet_stream_shows_signs_of_life() -> None:
    async with live(heartbeat=0.02) as api, following(api) as follower:
        while follower.text.count(": heartbeat\r\n") < 3:
            await follower.read()
        assert set(follower.text.split("\r\n")) == {": heartbeat", ""}


@pytest.mark.parametrize("wrong", ["nonsense", "2026-01-01T00:00:00Z", "-2", "1-1"])
async def test_an_id_of_another_stream_is_refused(api: Live, wrong: str) -> None:
    answer = await api.http.get("/journal/stream", headers={"Last-Event-ID": wrong})
    assert answer.status_code == 422
    assert "Last-Event-ID" in answer.json()["detail"]


async def test_shutdown_breaks_the_live_stream_off_after_its_last_lines() -> None:
    async with live(shutdown_grace=0) as api:
        thread_id = await api.thread()
        stream = await api.connect()
        await stream.send_all(b"GET /journal/stream HTTP/1.1\r\nhost: a\r\n\r\n")
        await read_until(stream, b"\r\n\r\n")
        runner = await api.connect()
        await runner.send_all(
            raw_post(f"/threads/{thread_id}/runs/stream", run_body([["gate", "g"]]))
        )
        await api.executor.reached["g"].wait()
        await api.server.refuse_new()
        await api.supervisor.shut_down()
        api.services.journal.break_off()
        seen = await read_to_end(stream)
        assert b'"from":"running","to":"pending","cause":"shutdown"' in seen
        assert not seen.endswith(b"0\r\n\r\n")
