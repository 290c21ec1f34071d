"""What a stream may keep in memory for readers that are slow, and for a database that is."""

# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked

from lgtrio.runs import streams
from lgtrio.storage.interface import Frame, Storage
from lgtrio.storage.sqlite import open_sqlite
from support.scripted import Bench, bench, new_run, read_all

T = "11111111-1111-4111-8111-111111111111"


@define(eq=False)
class SlowLog:
    """A storage that stores no frame before it is let go."""

    storage: Storage
    goes_on: trio.Event = field(factory=trio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    async def append_frames(self, run_id: str, frames: Sequence[Frame]) -> None:
        await self.goes_on.wait()
        await self.storage.append_frames(run_id, frames)


@pytest.fixture
async def storage() -> AsyncIterator[SlowLog]:
    async with open_sqlite(":memory:", inline=True) as storage:
        yield SlowLog(storage)


@pytest.fixture
async def b(storage: SlowLog) -> AsyncIterator[Bench]:
    async with bench(storage) as b:  # type: ignore[arg-type]  # it has what a Storage has
        yield b


def datas(text: bytes) -> list[Any]:
    """The data of all frames but `metadata`."""
    frames = text.decode().split("\r\n\r\n")[:-1]
    lines = [frame.split("\r\n")[1] for frame in frames if not frame.startswith("event: metadata")]
    return [orjson.loads(line.removeprefix("data: ")) for line in lines]


async def test_a_log_that_is_slow_holds_frames_back_and_loses_none(
    autojump_clock: MockClock, b: Bench, storage: SlowLog
) -> None:
    run = await b.submit(new_run(T, ["burst", 500], ["emit", "last"], resumable=True))
    subscription = await b.supervisor.following.follow(run)
    await wait_all_tasks_blocked()
    storage.goes_on.set()
    assert datas(await read_all(subscription)) == [*range(500), "last"]


async def test_a_run_that_is_too_far_ahead_of_its_log_is_ended(
    autojump_clock: MockClock, b: Bench, storage: SlowLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_BYTES_UNLOGGED", 2000)
    run = await b.submit(new_run(T, *[["emit", "x" * 90]] * 100, ["sleep", 60], resumable=True))
    subscription = await b.supervisor.following.follow(run)
    await wait_all_tasks_blocked()
    (handle,) = b.supervisor.executing.values()
    assert handle.stream._unlogged_bytes <= 2000
    storage.goes_on.set()
    *seen, error = datas(await read_all(subscription))
    assert len(seen) in range(15, 25)
    assert error["error"] == "StorageError"
    assert await b.status(run.run_id) == "error"
    assert trio.current_time() < 60, "it was cancelled"
    frames = await b.storage.read_frames(run.run_id, after=0)
    assert [orjson.loads(frame.data) for frame in frames][1:] == [*seen, error]


async def test_one_part_may_be_larger_than_any_bound(
    autojump_clock: MockClock, b: Bench, storage: SlowLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_BYTES_UNLOGGED", 2000)
    monkeypatch.setattr(streams, "_BYTES_BEHIND", 2000)
    storage.goes_on.set()
    big = ["x" * 10_000, "y" * 10_000]
    script = [["sleep", 1], ["emit", big[0]], ["sleep", 1], ["emit", big[1]]]
    for resumable in (False, True):
        run = await b.submit(new_run(T, *script, resumable=resumable))
        assert datas(await read_all(await b.supervisor.following.follow(run))) == big
        assert await b.status(run.run_id) == "success"


@pytest.mark.parametrize("resumable", [True, False])
async def test_a_reader_is_behind_by_so_many_bytes_and_no_more(
    autojump_clock: MockClock,
    b: Bench,
    storage: SlowLog,
    monkeypatch: pytest.MonkeyPatch,
    resumable: bool,
) -> None:
    monkeypatch.setattr(streams, "_BYTES_BEHIND", 2000)
    storage.goes_on.set()
    script = [["emit", f"{number:090}"] for number in range(100)]
    run = await b.submit(new_run(T, ["sleep", 1], *script, ["sleep", 1], resumable=resumable))
    subscription = await b.supervisor.following.follow(run)
    await trio.sleep(1.5)
    assert subscription.fell_behind
    assert subscription._waiting <= 2000
    seen = datas(await read_all(subscription))
    if resumable:
        assert seen == [value for _, value in script], "the rest is read from the log"
    else:
        assert 10 < len(seen) < 25
        assert seen[-1]["error"] == "SlowConsumer"
    assert await b.status(run.run_id) == ("success" if resumable else "running")
