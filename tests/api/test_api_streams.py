"""Streams, waits and joins: frames and headers, resuming, filters, what ends them."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
import trio
from live import Live, live, raw_post, read_to_end, run_body


def events(text: str) -> list[tuple[str, Any]]:
    """(event, data) of each frame; comments are skipped."""
    return [
        (event, orjson.loads(data))
        for event, data in re.findall(r"event: (\S+)\r\ndata: ([^\r\n]*)\r\n", text)
    ]


def ids(text: str) -> list[str]:
    return re.findall(r"id: (\S+)\r\n", text)


# -- create and follow ---------------------------------------------------------------------


async def test_stream(api: Live) -> None:
    thread_id = await api.thread()
    answer = await api.http.post(
        f"/threads/{thread_id}/runs/stream", json=run_body([["emit", "ünï"], ["emit", 2]])
    )
    assert answer.status_code == 200
    path = answer.headers["content-location"]
    run_id = path.removeprefix(f"/threads/{thread_id}/runs/")
    assert answer.headers["location"] == f"{path}/stream"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text == (
        f'event: metadata\r\ndata: {{"run_id":"{run_id}","attempt":1}}\r\n\r\n'
        'event: values\r\ndata: "ünï"\r\n\r\n'
        "event: values\r\ndata: 2\r\n\r\n"
    )


async def test_a_failing_run_ends_its_stream_with_the_error(api: Live) -> None:
    answer = await api.http.post("/runs/stream", json=run_body([["emit", 1], ["fail"]]))
    assert answer.status_code == 200
    assert events(answer.text)[1:] == [
        ("values", 1),
        ("error", {"error": "ValueError", "message": "boom"}),
    ]


async def test_a_stateless_stream_names_a_place_to_rejoin(api: Live) -> None:
    body = run_body([["gate", "g"], ["emit", 1]])
    async with api.http.stream("POST", "/runs/stream", json=body) as answer:
        run_id = answer.headers["content-location"].removeprefix("/runs/")
        async with api.http.stream("GET", answer.headers["location"]) as rejoined:
            assert rejoined.status_code == 200
            api.executor.gates["g"].set()
            assert events((await rejoined.aread()).decode()) == [("values", 1)]
        assert events((await answer.aread()).decode())[0][1]["run_id"] == run_id
    assert await api.ended(run_id) is None, "its thread and itself are gone"


async def test_wait_answers_the_result(api: Live) -> None:
    thread_id = await api.thread()
    answer = await api.http.post(f"/threads/{thread_id}/runs/wait", json=run_body([["emit", 1]]))
    assert (answer.status_code, answer.json()) == (200, {"seen": [1]})
    assert answer.headers["content-type"] == "application/json"
    path = answer.headers["content-location"]
    assert path.startswith(f"/threads/{thread_id}/runs/")
    assert answer.headers["location"] == f"{path}/join"
    assert (await api.http.get(answer.headers["location"])).json() == {"seen": [1]}


async def test_wait_answers_a_failure_with_200(api: Live) -> None:
    answer = await api.http.post("/runs/wait", json=run_body([["fail"]]))
    error = {"__error__": {"error": "ValueError", "message": "boom"}}
    assert (answer.status_code, answer.json()) == (200, error)


@pytest.mark.parametrize("keep", [False, True])
async def test_a_stateless_wait_tells_where_its_thread_is(api: Live, keep: bool) -> None:
    on_completion = "keep" if keep else "delete"
    answer = await api.http.post(
        "/runs/wait",
        json=run_body([["emit", 1]], on_completion=on_completion, if_not_exists="reject"),
    )
    assert answer.json() == {"seen": [1]}
    thread = answer.headers["content-location"].rpartition("/runs/")[0]
    assert (await api.http.get(thread)).status_code == (200 if keep else 404)


async def test_headers_come_before_the_run_has_done_anything(api: Live) -> None:
    for path in ("/runs/wait", "/runs/stream"):
        body = run_body([["gate", path], ["emit", 1]])
        async with api.http.stream("POST", path, json=body) as answer:
            assert "content-location" in answer.headers
            assert not api.executor.gates[path].is_set()
            api.executor.gates[path].set()
            await answer.aread()


async def test_many_waits_of_quick_runs_lose_no_result(api: Live) -> None:
    results: list[Any] = []

    async def one(number: int) -> None:
        answer = await api.http.post("/runs/wait", json=run_body([["emit", number]]))
        results.append(answer.json()["seen"][0])

    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(one, number)
    assert sorted(results) == list(range(40))


# -- join ----------------------------------------------------------------------------------


async def test_join_before_and_after_the_end(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["gate", "g"], ["emit", 1])
    path = f"/threads/{thread_id}/runs/{run['run_id']}/join"
    async with api.http.stream("GET", path) as answer:
        api.executor.gates["g"].set()
        assert orjson.loads(await answer.aread()) == {"seen": [1]}
    late = await api.http.get(path)
    assert late.json() == {"seen": [1]}
    assert late.headers["location"] == path


async def test_join_of_a_temporary_run_gets_the_result_though_the_run_is_gone(api: Live) -> None:
    run = (await api.http.post("/runs", json=run_body([["gate", "g"], ["emit", 1]]))).json()
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}/join"
    async with api.http.stream("GET", path) as answer:
        api.executor.gates["g"].set()
        assert orjson.loads(await answer.aread()) == {"seen": [1]}
    assert (await api.http.get(path)).status_code == 404


async def test_join_of_a_cancelled_run(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], ["gate", "g"])
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}"
    async with api.http.stream("GET", f"{path}/join") as answer:
        assert (await api.http.post(f"{path}/cancel")).status_code == 202
        assert orjson.loads(await answer.aread()) == {"seen": [1]}


async def test_join_stream_late_gets_what_follows(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["emit", 1], ["gate", "g"], ["emit", 2])
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    async with api.http.stream("GET", path) as answer:
        api.executor.gates["g"].set()
        assert events((await answer.aread()).decode()) == [("values", 2)]
    over = await api.http.get(path)
    assert (over.status_code, over.content) == (200, b"")
    assert over.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["metadata", "values", "custom", "error"]),
        ("?stream_mode=", ["metadata", "values", "custom", "error"]),
        ("?stream_mode=custom", ["metadata", "custom", "error"]),
        ("?stream_mode=custom&stream_mode=values", ["metadata", "values", "custom", "error"]),
        ("?stream_mode=updates", ["metadata", "error"]),
    ],
)
async def test_join_stream_keeps_the_modes_asked_for(
    api: Live, query: str, expected: list[str]
) -> None:
    thread_id = await api.thread()
    first = await api.background(thread_id, ["gate", "g"])
    run = await api.background(thread_id, ["emit", 1], ["burst", 1], ["fail"])
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    async with api.http.stream("GET", f"{path}{query}") as answer:
        api.executor.gates["g"].set()
        assert [name for name, _ in events((await answer.aread()).decode())] == expected
    assert await api.ended(first["run_id"]) == "success"


async def test_a_resumable_run_is_replayed_by_last_event_id(api: Live) -> None:
    thread_id = await api.thread()
    body = run_body([["emit", 1], ["emit", 2], ["emit", 3]], stream_resumable=True)
    answer = await api.http.post(f"/threads/{thread_id}/runs/stream", json=body)
    seen = ids(answer.text)
    assert len(seen) == 4
    path = f"{answer.headers['content-location']}/stream"

    async def replay(last: str) -> httpx.Response:
        return await api.http.get(path, headers={"Last-Event-ID": last})

    assert (await replay("-1")).text == answer.text
    assert ids((await replay(seen[1])).text) == seen[2:]
    assert (await replay(seen[-1])).text == ""
    assert (await api.http.get(path)).text == ""
    location = answer.headers["location"]
    assert (await api.http.get(location)).text == answer.text, "for who broke off before an event"
    bad = await replay("nonsense")
    assert bad.status_code == 422
    assert "Last-Event-ID" in bad.json()["detail"]


async def test_location_of_a_join_keeps_its_query_and_its_start(api: Live) -> None:
    thread_id = await api.thread()
    script = [["emit", 1], ["gate", "g"], ["burst", 2], ["emit", 2]]
    run = await api.background(thread_id, *script, stream_resumable=True)
    await api.executor.reached["g"].wait()
    while await api.storage.last_frame(run["run_id"]) < 2:
        await trio.testing.wait_all_tasks_blocked()
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream?stream_mode=values"
    async with api.http.stream("GET", path) as answer:
        api.executor.gates["g"].set()
        text = (await answer.aread()).decode()
    assert events(text) == [("values", 2)]
    assert (await api.http.get(answer.headers["location"])).text == text


async def test_events_that_are_not_stored_any_more_are_not_passed_over_in_silence() -> None:
    async with live(max_frames_per_run=5) as api:
        body = run_body([["burst", 20]], stream_resumable=True)
        answer = await api.http.post(f"/threads/{await api.thread()}/runs/stream", json=body)
        path = f"{answer.headers['content-location']}/stream"
        seen = ids(answer.text)
        expired = await api.http.get(path, headers={"Last-Event-ID": seen[3]})
        ((name, error),) = events(expired.text)
        assert (name, error["error"]) == ("error", "EventsExpired")
        for last, expected in ((seen[15], seen[16:]), ("-1", seen[16:])):
            replayed = await api.http.get(path, headers={"Last-Event-ID": last})
            assert ids(replayed.text) == expected


async def test_the_stream_of_a_stateless_run_outlives_it(api: Live) -> None:
    body = run_body([["emit", 1], ["emit", 2]], stream_resumable=True)
    answer = await api.http.post("/runs/stream", json=body)
    location = answer.headers["location"]
    path = location.partition("?")[0]
    assert (await api.http.get(path.removesuffix("/stream"))).status_code == 404, "it is gone"
    assert (await api.http.get(location)).text == answer.text, "for one that had no event yet"
    rest = await api.http.get(path, headers={"Last-Event-ID": ids(answer.text)[1]})
    assert ids(rest.text) == ids(answer.text)[2:]
    assert rest.headers["location"] == f"{path}?last_event_id=0-2"
    nothing_new = await api.http.get(path)
    assert (nothing_new.status_code, nothing_new.text) == (200, "")
    one_mode = await api.http.get(f"{location}&stream_mode=custom")
    assert [name for name, _ in events(one_mode.text)] == ["metadata"]
    assert (await api.http.get(path, headers={"Last-Event-ID": "x"})).status_code == 422
    other = path.replace(path.split("/")[2], str(uuid4()))
    assert (await api.http.get(other)).status_code == 404, "of another thread"


async def test_a_stateless_run_that_fails_or_is_cancelled_keeps_its_stream_too(api: Live) -> None:
    body = run_body([["emit", 1], ["fail"]], stream_resumable=True)
    failed = await api.http.post("/runs/stream", json=body)
    replayed = await api.http.get(failed.headers["location"])
    assert replayed.text == failed.text
    assert events(replayed.text)[-1][0] == "error"
    body = run_body([["gate", "g"]], stream_resumable=True)
    run = (await api.http.post("/runs", json=body)).json()
    await api.executor.reached["g"].wait()
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}"
    await api.http.post(f"{path}/cancel", params={"wait": True})
    replayed = await api.http.get(f"{path}/stream", headers={"Last-Event-ID": "-1"})
    assert [name for name, _ in events(replayed.text)] == ["metadata"]


@pytest.mark.parametrize("how", ["delete", "rollback", "not resumable"])
async def test_what_keeps_no_stream(api: Live, how: str) -> None:
    body = run_body([["emit", 1], ["gate", "g"]], stream_resumable=how != "not resumable")
    run = (await api.http.post("/runs", json=body)).json()
    await api.executor.reached["g"].wait()
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}"
    if how == "delete":
        await api.http.delete(f"/threads/{run['thread_id']}")
    elif how == "rollback":
        await api.http.post(f"{path}/cancel", params={"action": "rollback", "wait": True})
    else:
        api.executor.gates["g"].set()
        await api.supervisor.following.wait_ended(run["run_id"])
    answer = await api.http.get(f"{path}/stream", headers={"Last-Event-ID": "-1"})
    assert answer.status_code == 404
    assert await api.storage.last_frame(run["run_id"]) == 0


async def test_runs_that_are_not_resumable_have_no_ids(api: Live) -> None:
    answer = await api.http.post("/runs/stream", json=run_body([["emit", 1]]))
    assert ids(answer.text) == []


async def test_head_of_a_stream_follows_nothing(api: Live) -> None:
    thread_id = await api.thread()
    run = await api.background(thread_id, ["gate", "g"])
    await api.executor.reached["g"].wait()
    path = f"/threads/{thread_id}/runs/{run['run_id']}"
    for suffix in ("stream", "join"):
        answer = await api.http.head(f"{path}/{suffix}?cancel_on_disconnect=1")
        assert (answer.status_code, answer.content) == (200, b"")
    api.executor.gates["g"].set()
    assert await api.ended(run["run_id"]) == "success"


# -- signs of life -------------------------------------------------------------------------


async def test_signs_of_life_on_the_wire() -> None:
    async with live(heartbeat=0.02) as api:
        for path, sign in (("/runs/stream", ": heartbeat\r\n"), ("/runs/wait", "\n")):
            body = run_body([["gate", path], ["emit", 1]])
            async with api.http.stream("POST", path, json=body) as answer:
                text = ""
                async for chunk in answer.aiter_text():
                    text += chunk
                    if text.count(sign) >= 3:
                        api.executor.gates[path].set()
            if path == "/runs/wait":
                assert orjson.loads(text) == {"seen": [1]}
                assert text.startswith("\n\n\n")
            else:
                assert "heartbeat\r\n\r\n" not in text
                assert events(text)[-1] == ("values", 1)


async def test_old_clients_without_chunked_encoding_get_everything(api: Live) -> None:
    request = raw_post("/runs/wait", run_body([["emit", 1]])).replace(b"HTTP/1.1", b"HTTP/1.0")
    async with await api.connect() as stream:
        await stream.send_all(request)
        assert (await read_to_end(stream)).endswith(b'\r\n\r\n{"seen":[1]}')
