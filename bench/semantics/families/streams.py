"""What listeners get: every event once, in order, whatever happens to the connection."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

from bench.semantics.events import Event
from bench.semantics.lab import LONG, Lab
from bench.semantics.runs import Run
from bench.semantics.scenario import Family

EVENTS = 100
_WORK = {"work": {"ticks": EVENTS, "seconds": 0.005}}
_WHOLE = f"all {EVENTS}"

streams = Family("stream", "Whether listeners get every event once and in order.")


@streams.scenario("whole")
async def whole(lab: Lab) -> None:
    async with lab.stream(_WORK) as (_, events):
        seen = [event async for event in events]
    lab.note("ends", _last_name(seen))
    _expect_events(lab, seen)
    lab.expect(ends="custom")


@streams.scenario("cut {cuts} times and taken up by Last-Event-ID", cuts=(1, 5, 20))
async def cut(lab: Lab, cuts: int) -> None:
    points = sorted(random.Random(cuts).sample(range(2, EVENTS), cuts))
    async with lab.stream(_WORK, stream_resumable=True) as (run, events):
        seen = await _until(events, points[0])
    for point in [*points[1:], None]:
        async with lab.join(run, after=seen[-1].id) as events:
            seen += await _until(events, point)
    _expect_events(lab, seen)


@streams.scenario("replayed from the start (-1) {moment}", moment=("while it runs", "at its end"))
async def replayed(lab: Lab, moment: str) -> None:
    run = await lab.start(_WORK, stream_resumable=True)
    await run.ticked(20)
    if moment == "at its end":
        await run.ended()
    async with lab.join(run, after="-1") as events:
        seen = [event async for event in events]
    lab.note("first", seen[0].name if seen else "-")
    lab.expect(first="metadata")
    _expect_events(lab, seen)


@streams.scenario("joined late, without an id")
async def late_joiner(lab: Lab) -> None:
    run = await lab.start(_WORK)
    await run.ticked(20)
    async with lab.join(run) as events:
        numbers = _numbers([event async for event in events])
    in_a_row = numbers == list(range(numbers[0], EVENTS)) if numbers else False
    lab.note("events", "all from there on" if in_a_row else f"{len(numbers)}, with gaps")
    lab.expect(events="all from there on", r1="success")


@streams.scenario("two who join before it starts")
async def two(lab: Lab) -> None:
    before = await lab.start({"work": {"ticks": 60, "seconds": 0.005}})
    run = await lab.start(_WORK)
    tasks = [lab.group.create_task(_joined(lab, run)) for _ in range(2)]
    await before.ended()
    one, other = [await task for task in tasks]
    lab.note("both", "same" if _numbers(one) == _numbers(other) else "differ")
    lab.expect(both="same")
    _expect_events(lab, one)


@streams.scenario(
    "of a run that is stopped: {action}", action=("interrupt", "rollback", "displaced")
)
async def stopped(lab: Lab, action: str) -> None:
    async with lab.stream(LONG) as (run, events):
        seen = await _until(events, 10)
        if action == "displaced":
            await lab.start(strategy="interrupt")
        else:
            await run.cancel(action)
        seen += [event async for event in events]
    numbers = _numbers(seen)
    ticks = [each.number for each in run.signs if each.what == "tick"]
    lab.note("ends", _last_name(seen))
    lab.note("events", "as emitted" if numbers == ticks else f"{len(numbers)} of {len(ticks)}")
    lab.expect(ends="custom", events="as emitted", late="none")


@streams.scenario("of a run that fails")
async def failing(lab: Lab) -> None:
    async with lab.stream({"work": {**_WORK["work"], "fails": True}}) as (_, events):
        seen = [event async for event in events]
    lab.note("ends", _last_name(seen))
    _expect_events(lab, seen)
    lab.expect(ends="error", r1="error", thread="error")


async def _joined(lab: Lab, run: Run) -> list[Event]:
    async with lab.join(run) as events:
        return [event async for event in events]


async def _until(events: AsyncIterator[Event], point: int | None) -> list[Event]:
    """The events up to that of number `point`, or all."""
    seen = []
    async for event in events:
        seen.append(event)
        if point is not None and event.number is not None and event.number >= point:
            break
    return seen


def _numbers(events: Iterable[Event]) -> list[int]:
    return [event.number for event in events if event.number is not None]


def _expect_events(lab: Lab, seen: list[Event]) -> None:
    lab.note("events", _completeness(_numbers(seen)))
    lab.expect(events=_WHOLE, r1="success", late="none")


def _completeness(numbers: list[int]) -> str:
    if numbers == list(range(EVENTS)):
        return _WHOLE
    lost = EVENTS - len(set(numbers))
    doubled = len(numbers) - len(set(numbers))
    return f"{lost} lost, {doubled} doubled" if lost or doubled else "out of order"


def _last_name(seen: list[Any]) -> str:
    return seen[-1].name if seen else "-"
