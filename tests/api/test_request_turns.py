"""Turns: a crowd waits for what is quick, in order, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import chain

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from lgtrio.api.turns import ATTENTIVE, TURNS, Turns

CROWD = 5 * TURNS


@pytest.fixture
async def turns() -> AsyncIterator[Turns]:
    turns = Turns()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.pace)
        await trio.testing.wait_all_tasks_blocked()
        yield turns
        nursery.cancel_scope.cancel()


async def _began(turns: Turns) -> list[list[int]]:
    """Who of a crowd began in each round, until all have; this task's rounds begin in the middle
    of Trio's, so that one of Trio's may fall into two of them."""
    rounds: list[list[int]] = []

    async def request(number: int) -> None:
        await turns.take("POST")
        rounds[-1].append(number)

    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(request, number)
        while sum(map(len, rounds)) < CROWD:
            assert len(rounds) < 10 * CROWD
            rounds.append([])
            await trio.lowlevel.checkpoint()
    return [each for each in rounds if each]


async def test_a_crowd_by_itself_begins_at_once(turns: Turns) -> None:
    assert len(await _began(turns)) <= 2


async def test_beside_what_is_quick_a_few_begin_in_each_round(turns: Turns) -> None:
    await turns.take("GET")
    rounds = await _began(turns)
    assert max(map(len, rounds)) <= 2 * TURNS
    assert len(rounds) >= CROWD / (2 * TURNS)
    assert sorted(chain(*rounds)) == list(range(CROWD))


async def test_nobody_waits_long_after_it(turns: Turns, autojump_clock: MockClock) -> None:  # noqa: ARG001
    await turns.take("GET")
    await trio.sleep(ATTENTIVE)
    assert len(await _began(turns)) <= 2


async def test_one_that_is_cancelled_keeps_nobody_back(turns: Turns) -> None:
    await turns.take("GET")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            for _ in range(CROWD):
                nursery.start_soon(turns.take, "POST")
            scope.cancel()
    assert sorted(chain(*await _began(turns))) == list(range(CROWD))
