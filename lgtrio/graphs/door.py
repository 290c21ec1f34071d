"""The crossing between the Trio loop and the graph loops.

Both directions are batched in the same way: what is put while a wake-up is on its way travels with
it, so a burst of a thousand parts costs the other side one wake-up, not a thousand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import structlog
import trio
from attrs import define, field

log = structlog.get_logger(__name__)

T = TypeVar("T")


@define(eq=False)
class Conveyor(Generic[T]):
    """Carries items from any thread to one loop, in order."""

    wake: Callable[[Callable[[], None]], object]
    """Makes the loop call a function soon; may be called from any thread."""
    deliver: Callable[[Sequence[T]], None]
    """Called on the loop with everything that is waiting."""
    _waiting: deque[T] = field(factory=deque, init=False)
    _woken: bool = field(default=False, init=False)

    def put(self, item: T) -> None:
        """
        Raises:
            Exception: whatever `wake` raises when its loop has ended; the item is dropped.
        """
        self._waiting.append(item)
        if not self._woken:
            self._woken = True
            try:
                self.wake(self._deliver)
            except BaseException:
                self._waiting.clear()
                self._woken = False
                raise

    def _deliver(self) -> None:
        # First the flag, then the items: what is put from here on brings its own wake-up.
        self._woken = False
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if batch:
            self.deliver(batch)


class Receiver(Protocol):
    """Somebody on the Trio loop that the graph side reports to."""

    def receive(self, items: Sequence[Any]) -> None:
        """What has arrived since the last call, in order. Must not block."""


@define(eq=False)
class Door:
    """The Trio side of the crossing: hands what arrives to its receivers."""

    _conveyor: Conveyor[tuple[Receiver, Any]]

    @classmethod
    def open(cls) -> Door:
        """Called on the Trio loop."""
        token = trio.lowlevel.current_trio_token()
        return cls(Conveyor(token.run_sync_soon, _distribute))

    def send(self, receiver: Receiver, item: object) -> None:
        """From any thread; what is sent after the Trio loop has ended is dropped."""
        try:
            self._conveyor.put((receiver, item))
        except trio.RunFinishedError:
            log.debug("sent through the door after the Trio loop had ended")


def _distribute(batch: Sequence[tuple[Receiver, Any]]) -> None:
    per_receiver: dict[Receiver, list[Any]] = {}
    for receiver, item in batch:
        per_receiver.setdefault(receiver, []).append(item)
    for receiver, items in per_receiver.items():
        try:
            receiver.receive(items)
        except Exception:  # one receiver's bug must not cost the others their items
            log.exception("a receiver behind the door raised")
