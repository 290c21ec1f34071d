"""Gives graphs a new loop where the one they are on is lost: dead, or held by a run that is closed.

A node that blocks its loop is left alone as long as its run is wanted: it may come to an end. When
its run has been cancelled, the grace time has passed and it still holds the loop, nothing that the
server could do would free it. Then a new loop takes the place, the graphs are loaded again, and
the other runs that sat on the loop go on there as after a crash: from their last checkpoint.

The same holds for the loop of the Trio nodes, but that nothing has to be loaded again for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
import trio
from attrs import define, field, frozen

from lgtrio.graphs.calls import CALLS_OF_RUN
from lgtrio.graphs.door import Door
from lgtrio.graphs.executor import LanggraphExecutor
from lgtrio.graphs.loops import GraphLoop, LoopSlot
from lgtrio.graphs.served import ServedGraphs
from lgtrio.graphs.trio_nodes.thread import TRIO_THREAD, TrioThread, Visitor
from lgtrio.graphs.watch import Blocked, Blocker

log = structlog.get_logger(__name__)


@frozen
class LostLoop:
    """A loop that has been replaced while a node blocked it, and its thread has not ended."""

    name: str
    blocker: Blocker
    since: float
    """`trio.current_time()` of the replacement."""


@define(eq=False)
class LoopKeeper:
    """Used on the Trio loop, but for `report`."""

    door: Door
    served: ServedGraphs
    executor: LanggraphExecutor
    patience: float
    """Seconds that a closed run may hold a loop."""
    _lost: dict[GraphLoop | TrioThread, LostLoop] = field(factory=dict, init=False)
    _wanted: trio.Event = field(factory=trio.Event, init=False)
    """Set when graphs are to be loaded again."""

    @property
    def lost(self) -> Sequence[LostLoop]:
        """Oldest first."""
        return list(self._lost.values())

    def report(self, blocked: Blocked) -> None:
        """A loop has been at one step for long. From any thread, as often as one likes."""
        self.door.send(self, blocked)

    def receive(self, items: Sequence[Blocked | GraphLoop | TrioThread]) -> None:
        for item in items:
            if isinstance(item, Blocked):
                self._consider(item)
            else:
                self._ended(item)

    def replace_dead(self, slot: LoopSlot) -> None:
        """The slot's loop has died; which of its runs broke it nobody knows, so all fail."""
        self.executor.lose_runs(slot)
        self._renew(slot)

    async def load_again(self) -> None:
        """Task: load the graphs again whenever a loop has been replaced."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            await self.served.load_again()

    def _consider(self, blocked: Blocked) -> None:
        run_id = blocked.blocker.run_id
        if run_id is None or self.executor.is_open(run_id) or blocked.seconds < self.patience:
            return
        slot = next((each for each in self.served.slots if each.loop is blocked.loop), None)
        trio_thread = TRIO_THREAD.running
        if slot is not None:
            self._replace(slot, blocked.blocker)
        elif trio_thread is not None and trio_thread is blocked.loop:
            self._replace_trio(trio_thread, blocked.blocker)

    def _replace(self, slot: LoopSlot, blocker: Blocker) -> None:
        loop = slot.loop
        self._list(loop, blocker)
        moved = self.executor.move_runs(slot)
        self._renew(slot)
        self._tell(loop, blocker, moved)

    def _replace_trio(self, thread: TrioThread, blocker: Blocker) -> None:
        self._list(thread, blocker)
        visitors = {visitor: _run_of(visitor) for visitor in TRIO_THREAD.leave(thread)}
        moved = self.executor.move_calls({run_id for run_id in visitors.values() if run_id})
        # Those of closed runs stay: they are listed as stuck until they end.
        thread.give_up(
            [visitor for visitor, run_id in visitors.items() if run_id is None or run_id in moved]
        )
        self._tell(thread, blocker, len(moved))

    def _list(self, loop: GraphLoop | TrioThread, blocker: Blocker) -> None:
        self._lost[loop] = LostLoop(loop.name, blocker, trio.current_time())
        loop.on_end = lambda: self.door.send(self, loop)

    def _tell(self, loop: GraphLoop | TrioThread, blocker: Blocker, moved: int) -> None:
        log.error(
            f"a closed run blocks its {loop.kind}, which is replaced",
            loop=loop.name,
            run_id=blocker.run_id,
            node=blocker.node,
            place=blocker.place,
            moved_runs=moved,
        )

    def _renew(self, slot: LoopSlot) -> None:
        slot.replace()
        self.served.expect_new(slot)
        self._wanted.set()

    def _ended(self, loop: GraphLoop | TrioThread) -> None:
        if lost := self._lost.pop(loop, None):
            log.warning(
                f"a {loop.kind} that had been replaced has ended",
                loop=lost.name,
                run_id=lost.blocker.run_id,
                node=lost.blocker.node,
                lost_for=round(trio.current_time() - lost.since, 3),
            )


def _run_of(visitor: Visitor) -> str | None:
    calls = visitor.context.get(CALLS_OF_RUN)
    return None if calls is None else calls.run_id
