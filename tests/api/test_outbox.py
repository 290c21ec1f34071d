"""The outbox of a connection, in virtual time."""

from __future__ import annotations

import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked

from lgtrio.api.outbox import ENOUGH, PATIENCE, Outbox


@define(eq=False)
class Wire(trio.abc.SendStream):
    """Records writes; each of them takes until `open` is set."""

    writes: list[bytes] = field(factory=list)
    open: trio.Event = field(factory=trio.Event)
    broken: bool = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.open.wait()
        if self.broken:
            raise trio.BrokenResourceError
        self.writes.append(bytes(data))

    async def wait_send_all_might_not_block(self) -> None: ...

    async def aclose(self) -> None: ...


def nothing_at_once(_data: bytes) -> int:
    return 0


@define(eq=False)
class QuickWire(Wire):
    """Takes some bytes at once, and the others when somebody waits for it."""

    at_once: int = 0

    def write_nowait(self, data: bytes) -> int:
        taken = data[: self.at_once]
        self.at_once -= len(taken)
        if taken:
            self.writes.append(taken)
        return len(taken)


async def test_what_is_taken_at_once_needs_no_task() -> None:
    wire = QuickWire(at_once=100)
    outbox = Outbox(wire, wire.write_nowait)
    await outbox.put(b"head")
    assert wire.writes == [], "it waits for what follows"
    await outbox.put(b"body")
    outbox.send_nowait()
    await outbox.put(b"next")
    await outbox.flush()
    assert wire.writes == [b"headbody", b"next"]


async def test_what_is_not_taken_at_once_follows_in_order(nursery: trio.Nursery) -> None:
    wire = QuickWire(at_once=5)
    outbox = Outbox(wire, wire.write_nowait)
    nursery.start_soon(outbox.run)
    await wait_all_tasks_blocked()
    await outbox.put(b"1234567")
    outbox.send_nowait()
    wire.at_once = 100  # it could be taken at once now, but must not overtake
    await outbox.put(b"89")
    outbox.send_nowait()
    await wait_all_tasks_blocked()
    assert wire.writes == [b"12345"]
    wire.open.set()
    await outbox.flush()
    await outbox.put(b"end")
    outbox.send_nowait()
    assert b"".join(wire.writes) == b"123456789end"
    assert wire.writes[-1] == b"end"
    nursery.cancel_scope.cancel()


async def test_a_writer_waits_for_a_wire_that_takes_a_part_at_once(nursery: trio.Nursery) -> None:
    wire = QuickWire(at_once=ENOUGH)
    wire.open.set()
    outbox = Outbox(wire, wire.write_nowait)
    nursery.start_soon(outbox.run)
    for _ in range(5):
        await outbox.put(b"a" * (ENOUGH - 1))
    await outbox.flush()
    assert len(b"".join(wire.writes)) == 5 * (ENOUGH - 1)
    nursery.cancel_scope.cancel()


async def test_what_is_put_in_one_go_leaves_in_one_write(nursery: trio.Nursery) -> None:
    wire = Wire()
    wire.open.set()
    outbox = Outbox(wire, nothing_at_once)
    nursery.start_soon(outbox.run)
    await wait_all_tasks_blocked()
    for piece in (b"head", b"body", b"", b"end"):
        await outbox.put(piece)
    await outbox.flush()
    await outbox.put(b"next")
    await outbox.flush()
    assert wire.writes == [b"headbodyend", b"next"]
    nursery.cancel_scope.cancel()


async def test_who_writes_waits_while_much_is_waiting(nursery: trio.Nursery) -> None:
    wire = Wire()
    outbox = Outbox(wire, nothing_at_once)
    nursery.start_soon(outbox.run)
    written = trio.Event()

    async def write() -> None:
        await outbox.put(b"a" * ENOUGH)
        await outbox.put(b"b")
        written.set()

    nursery.start_soon(write)
    await wait_all_tasks_blocked()
    assert not written.is_set()
    wire.open.set()
    await written.wait()
    await outbox.flush()
    assert b"".join(wire.writes) == b"a" * ENOUGH + b"b"
    nursery.cancel_scope.cancel()


async def test_a_cancelled_write_is_sent_all_the_same(nursery: trio.Nursery) -> None:
    wire = Wire()
    outbox = Outbox(wire, nothing_at_once)
    nursery.start_soon(outbox.run)
    with trio.CancelScope() as scope:
        scope.cancel()
        await outbox.put(b"a" * (ENOUGH + 1))
    wire.open.set()
    await outbox.flush()
    assert len(b"".join(wire.writes)) == ENOUGH + 1
    nursery.cancel_scope.cancel()


async def test_a_client_that_takes_nothing_is_gone(
    autojump_clock: MockClock,  # noqa: ARG001 - asked for by name
) -> None:
    wire = Wire()
    outbox = Outbox(wire, nothing_at_once)
    await outbox.put(b"a" * ENOUGH)
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        nursery.start_soon(outbox.put, b"b")
        nursery.start_soon(outbox.flush)
    assert trio.current_time() - started == PATIENCE
    await outbox.put(b"c" * (ENOUGH + 1))
    await outbox.flush()
    assert wire.writes == []


async def test_a_client_that_is_slow_but_steady_gets_everything(
    autojump_clock: MockClock,  # noqa: ARG001 - asked for by name
) -> None:
    class SlowWire(Wire):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await trio.sleep(PATIENCE / 2)
            self.writes.append(bytes(data))

    wire = SlowWire()
    outbox = Outbox(wire, nothing_at_once)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        await outbox.put(b"a" * (10 * ENOUGH + 1))
        await outbox.flush()
        nursery.cancel_scope.cancel()
    assert b"".join(wire.writes) == b"a" * (10 * ENOUGH + 1)


async def test_a_broken_connection_lets_everybody_go() -> None:
    wire = Wire(broken=True)
    wire.open.set()
    outbox = Outbox(wire, nothing_at_once)
    await outbox.put(b"a" * ENOUGH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.put, b"b")
        nursery.start_soon(outbox.flush)
        nursery.start_soon(outbox.run)
