"""What a resumable run stores comes behind the frames of what it has sent before.

Both leave the graph's thread at once and go different ways: parts through the door to the Trio
loop, which numbers them and stores them as frames; rows straight to the database's writer. A
process that dies with a step's checkpoint stored but not its frames would go on behind that step,
and the stream's log would never have its events. The other way round does no harm: the step is
repeated, and its events come again behind the next `metadata`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from attrs import define, field

from lgtrio.storage.sqlite.checkpoint_writer import Entry


@define(eq=False)
class FrameOrder:
    """One for each execution of a resumable run; may be called from any thread, never blocks for
    longer than `submit` does.

    Parts are counted, not told apart: those that a caller of `put` has sent before, or has waited
    for, are in the door by then, and the door keeps the order. So when as many as had been counted
    have arrived and been logged, they are among them.
    """

    submit: Callable[[Sequence[Entry]], None]
    """Gives rows to the database. Called one at a time, in the order of `put`; must be quick and
    must not raise, nor call this object."""
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _sent: int = field(default=0, init=False)
    """Parts that have been sent."""
    _logged: int = field(default=0, init=False)
    """So many of them are in the log."""
    _open: bool = field(default=False, init=False)
    """Nothing is held back any more."""
    _held: deque[tuple[int, Entry]] = field(factory=deque, init=False)
    """Rows, and how many parts had been sent before them; oldest first."""

    # -- the graph's side ----------------------------------------------------------------

    def count(self) -> None:
        """A part is about to be sent through the door."""
        with self._lock:
            self._sent += 1

    def put(self, entry: Entry) -> None:
        """Have rows submitted when the parts that have been sent so far are logged; now, if they
        are."""
        with self._lock:
            if self._open or self._logged >= self._sent:
                self.submit([entry])
            else:
                self._held.append((self._sent, entry))

    def withdraw(self, thread_id: str) -> Sequence[Entry]:
        """Take back what is held of this thread; see `CheckpointWriter.withdraw`."""
        with self._lock:
            held = list(self._held)
            self._held = deque(each for each in held if not each[1].is_of(thread_id))
        return [entry for _, entry in held if entry.is_of(thread_id)]

    @property
    def holding(self) -> bool:
        """Whether rows are held back now."""
        return bool(self._held)

    # -- the log's side ------------------------------------------------------------------

    def logged(self, count: int) -> None:
        """The first so many parts are in the log, or will never be."""
        with self._lock:
            self._logged = max(self._logged, count)
            self._submit_up_to(self._logged)

    def release(self) -> None:
        """Hold nothing back any more: what of the parts is not logged by now is not waited for."""
        with self._lock:
            self._open = True
            self._submit_up_to(self._sent)

    def _submit_up_to(self, count: int) -> None:
        released: list[Entry] = []
        while self._held and self._held[0][0] <= count:
            released.append(self._held.popleft()[1])
        if released:
            self.submit(released)
