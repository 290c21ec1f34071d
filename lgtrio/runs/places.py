"""Worker places: how many runs may execute at once, and whose turn is next. Sync and pure.

A node has so many places; a graph and an assistant may be allowed only some of them. Threads that
have a run to start queue for a place. Assistants take turns, and so do the threads of one, so
nobody waits for all the runs of somebody else. A thread whose next run belongs to a graph or an
assistant that has no place left leaves the queue, so that it holds up nobody, and comes back with
the next place of that graph or assistant promised to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import trio
from attrs import define, field, frozen

Owner = tuple[Literal["graph", "assistant"], str]
"""Who may be allowed only some of the places: a graph or an assistant, and its id."""


@define(eq=False)
class FairQueue:
    """Threads in order of arrival, where groups of threads take turns."""

    _groups: dict[str, dict[str, None]] = field(factory=dict, init=False)
    """Group to its threads; both in the order of their turns."""
    _group_of: dict[str, str] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._group_of)

    def put(self, thread_id: str, group: str) -> None:
        """Queue a thread; one that is queued already keeps its turn."""
        if thread_id not in self._group_of:
            self._group_of[thread_id] = group
            self._groups.setdefault(group, {})[thread_id] = None

    def pop(self) -> str:
        """The next thread; its group then queues behind the other groups.

        Raises:
            StopIteration: the queue is empty.
        """
        group = next(iter(self._groups))
        threads = self._groups.pop(group)
        thread_id = next(iter(threads))
        del threads[thread_id]
        del self._group_of[thread_id]
        if threads:
            self._groups[group] = threads
        return thread_id


@define(eq=False)
class Place:
    """One worker place in use; given back with `Places.release`."""

    owners: tuple[Owner, ...] = ()
    """Against whose limits it counts; those that have none are left out."""


@frozen
class Turn:
    """A thread whose turn it is, with the place that its next run may have."""

    thread_id: str
    place: Place


@define(eq=False)
class Places:
    total: int
    per_graph: int | None = None
    per_assistant: int | None = None
    taken: int = field(default=0, init=False)
    _used: Counter[Owner] = field(factory=Counter, init=False)
    _queue: FairQueue = field(factory=FairQueue, init=False)
    _parked: dict[Owner, dict[str, str]] = field(factory=dict, init=False)
    """Owner without a place left to the threads that wait for one, in order, with their group."""
    _promised: dict[str, tuple[Owner, ...]] = field(factory=dict, init=False)
    """Queued thread to those of whose places one is kept for it."""
    _all_free: trio.Event = field(factory=trio.Event, init=False)

    @property
    def limited(self) -> bool:
        """Graphs or assistants have limits: whose run is next has to be known before its start."""
        return self.per_graph is not None or self.per_assistant is not None

    @property
    def waiting(self) -> int:
        """Threads that wait for a place."""
        return len(self._queue) + sum(map(len, self._parked.values()))

    # -- taking and giving back ----------------------------------------------------------

    def offer(self, graph_id: str, assistant_id: str) -> Place | None:
        """A place for a run that has just been asked for; None if there is none free."""
        owners = self._owners(graph_id, assistant_id)
        if self.taken >= self.total or self._full(owners) is not None:
            return None
        self.taken += 1
        self._used.update(owners)
        return Place(owners)

    def queue(self, thread_id: str, group: str) -> None:
        """The thread may have a run to start."""
        self._queue.put(thread_id, group)

    def next_turn(self) -> Turn | None:
        """Take a place for the thread whose turn it is; None without a place or a thread."""
        if self.taken >= self.total or not self._queue:
            return None
        thread_id = self._queue.pop()
        self.taken += 1
        return Turn(thread_id, Place(self._promised.pop(thread_id, ())))

    def assign(self, turn: Turn, graph_id: str, assistant_id: str) -> bool:
        """Say whose run is going to be started with a turn's place.

        Returns:
            False if that graph or assistant has no place left: the thread gets another turn
            when there is one. The turn's place is still to be given back.
        """
        owners = self._owners(graph_id, assistant_id)
        promised = turn.place.owners
        self._used.subtract(promised)
        full = self._full(owners)
        turn.place.owners = owners if full is None else ()
        self._used.update(turn.place.owners)
        self._hand_on(promised)
        if full is not None:
            self._parked.setdefault(full, {}).setdefault(turn.thread_id, assistant_id)
        return full is None

    def release(self, place: Place) -> None:
        """Give a place back."""
        self._used.subtract(place.owners)
        self._hand_on(place.owners)
        self.taken -= 1
        if not self.taken:
            self._all_free.set()

    async def all_free(self) -> None:
        """Wait until no place is in use."""
        while self.taken:
            self._all_free = trio.Event()
            await self._all_free.wait()

    # -- limits --------------------------------------------------------------------------

    def _owners(self, graph_id: str, assistant_id: str) -> tuple[Owner, ...]:
        """Those of a run that have a limit."""
        owners: list[Owner] = []
        if self.per_graph is not None:
            owners.append(("graph", graph_id))
        if self.per_assistant is not None:
            owners.append(("assistant", assistant_id))
        return tuple(owners)

    def _full(self, owners: Iterable[Owner]) -> Owner | None:
        """The first owner that has no place left."""
        return next((owner for owner in owners if not self._has_place(owner)), None)

    def _has_place(self, owner: Owner) -> bool:
        limit = self.per_graph if owner[0] == "graph" else self.per_assistant
        return limit is None or self._used[owner] < limit

    def _hand_on(self, owners: Iterable[Owner]) -> None:
        """Promise places that have become free to the threads that wait for them longest.

        A promised place counts as used, so that nobody who comes later gets it.
        """
        for owner in owners:
            waiting = self._parked.get(owner)
            while waiting and self._has_place(owner):
                thread_id = next(iter(waiting))
                self._queue.put(thread_id, waiting.pop(thread_id))
                self._promised[thread_id] = (*self._promised.get(thread_id, ()), owner)
                self._used[owner] += 1
            if not waiting:
                self._parked.pop(owner, None)
            if not self._used[owner]:
                del self._used[owner]
