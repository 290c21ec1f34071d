"""Bodies in virtual time: signs of life are strictly regular, whatever else flows."""

# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from lgtrio.api.bodies import RunBody


@define(eq=False)
class TimedSource:
    """Chunks at given times; None is the end."""

    at: Sequence[tuple[float, bytes | None]]
    sign: bytes = b"~"
    whole: bool = False
    closed: int = 0
    _given: int = field(default=0, init=False)

    async def next_chunk(self) -> bytes | None:
        time, chunk = self.at[self._given]
        await trio.sleep_until(time)
        self._given += 1
        return chunk

    def close(self) -> None:
        self.closed += 1


async def sent(body: RunBody) -> list[tuple[float, bytes]]:
    async with body:
        return [(trio.current_time(), chunk) async for chunk in body]


async def test_a_quiet_source(autojump_clock: MockClock) -> None:
    body = RunBody(TimedSource([(12.5, b"a"), (13, None)]), 5)
    assert await sent(body) == [(5, b"~"), (10, b"~"), (12.5, b"a")]


async def test_a_busy_source_does_not_shift_the_signs(autojump_clock: MockClock) -> None:
    chunks: list[tuple[float, bytes | None]] = [(n * 2, b"x") for n in range(1, 8)]
    body = RunBody(TimedSource([*chunks, (15, None)]), 5)
    signs = [time for time, chunk in await sent(body) if chunk == b"~"]
    assert signs == [5, 10, 15]


async def test_a_source_that_never_pauses(autojump_clock: MockClock) -> None:
    """Each chunk is there at once, but sending it takes a second."""
    body = RunBody(TimedSource([(0, b"x")] * 20 + [(0, None)]), 5)
    signs = []
    async with body:
        async for chunk in body:
            if chunk == b"~":
                signs.append(trio.current_time())
            else:
                await trio.sleep(1)
    assert signs == [5, 10, 15, 20]


async def test_a_slow_reader_gets_the_signs_it_missed_no_later_than_chunks(
    autojump_clock: MockClock,
) -> None:
    body = RunBody(TimedSource([(0, b"x"), (0, None)]), 5)
    async with body:
        assert await anext(body) == b"x"
        await trio.sleep(7)
        assert await anext(body) == b"~"
        with pytest.raises(StopAsyncIteration):
            await anext(body)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_closing_before_the_end_is_a_disconnect(times: int) -> None:
    lost = []
    source = TimedSource([(0, b"x"), (0, None)])
    body = RunBody(source, 5, lambda: lost.append(1))

    async def read_some() -> None:
        async with body:
            for _ in range(times):
                async for _chunk in body:
                    break

    trio.run(read_some)
    body.close()
    assert lost == ([] if times == 2 else [1])
    assert source.closed == 1


@pytest.mark.parametrize(("at", "soon"), [(0.01, b"x"), (0.2, None)])
async def test_a_head_waits_for_what_is_whole_but_not_for_long(
    autojump_clock: MockClock, at: float, soon: bytes | None
) -> None:
    body = RunBody(TimedSource([(at, b"x"), (at, None)], whole=True), 5)
    assert await body.soon() == soon
    assert trio.current_time() <= 0.1
    assert body.finished is (soon is not None)
    if soon is None:
        assert await sent(body) == [(at, b"x")], "nothing is lost by having waited"


async def test_the_head_of_a_stream_does_not_wait(autojump_clock: MockClock) -> None:
    body = RunBody(TimedSource([(0, b"x"), (0, None)]), 5)
    assert await body.soon() is None
    assert await sent(body) == [(0, b"x")]
