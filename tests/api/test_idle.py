"""Connections that wait for a request, in virtual time."""

from __future__ import annotations

import trio
from attrs import define
from trio.testing import MockClock, wait_all_tasks_blocked

from lgtrio.api.idle import IdleConnections


@define(eq=False)
class Client:
    idle: IdleConnections
    closed_at: float | None = None

    def hang_up(self) -> None:
        self.closed_at = trio.current_time()


async def test_who_waits_too_long_is_closed(
    autojump_clock: MockClock,  # noqa: ARG001 - asked for by name
    nursery: trio.Nursery,
) -> None:
    idle = IdleConnections(10)
    nursery.start_soon(idle.watch)
    await wait_all_tasks_blocked()
    start = trio.current_time()
    early, busy, late = Client(idle), Client(idle), Client(idle)
    idle.add(early)
    idle.add(busy)
    await trio.sleep(4)
    idle.discard(busy)
    idle.add(late)
    await trio.sleep(5)
    idle.add(busy)
    await trio.sleep(100)
    assert (early.closed_at, late.closed_at, busy.closed_at) == (start + 10, start + 14, start + 19)
    nursery.cancel_scope.cancel()


async def test_all_are_closed_at_once() -> None:
    idle = IdleConnections(10)
    waiting, busy = Client(idle), Client(idle)
    for client in (waiting, busy):
        idle.add(client)
    idle.discard(busy)
    idle.hang_up()
    assert waiting.closed_at is not None
    assert busy.closed_at is None
