"""Worker places: how many runs may execute at once, and whose turn is next. Sync and pure.

A node has so many places; a graph and an assistant may be allowed only some of them. Threads that
have a run to start queue for a place. Assistants take turns, and so do the threads of one, so
nobody waits for all the runs of somebody else. A thread whose next run belongs to a graph or an
assistant that has no place left leaves the queue, so that it holds up nobody. It comes back when
all that it waits for has a place, which is then promised to it: all or nothing, since threads that
held a place of the one while they wait for the other would wait for each other. Who waits for both
may be passed over by those that wait for one; how often has a bound.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Literal

import trio
from attrs import define, field, frozen

Owner = tuple[Literal["graph", "assistant"], str]
"""Who may be allowed only some of the places: a graph or an assistant, and its id."""
Owners = tuple[Owner, ...]
"""Those against whose limits a run counts."""


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

    owners: Owners = ()
    """Against whose limits it counts; those that have none are left out."""


@frozen
class Turn:
    """A thread whose turn it is, with the place that its next run may have."""

    thread_id: str
    place: Place


@frozen
class _Parked:
    """A thread whose next run may not start before these have places."""

    owners: Owners
    group: str
    arrival: int


@define(eq=False)
class Places:
    total: int
    per_graph: int | None = None
    per_assistant: int | None = None
    patience: int = 8
    """How often a thread that waits longest for several owners may see others get their places;
    then each that comes free is kept for it until it has them all."""
    taken: int = field(default=0, init=False)
    _used: Counter[Owner] = field(factory=Counter, init=False)
    """Places of runs that have been started, and promised ones."""
    _queue: FairQueue = field(factory=FairQueue, init=False)
    _parked: dict[str, _Parked] = field(factory=dict, init=False)
    """Threads that wait for their owners, longest first."""
    _parked_for: dict[Owners, dict[str, None]] = field(factory=dict, init=False)
    """The same by what they wait for."""
    _arrivals: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False)
    """How often the first of the parked threads has been passed over."""
    _promised: dict[str, Owners] = field(factory=dict, init=False)
    """Queued thread to those of whose places one is kept for it."""
    _all_free: trio.Event = field(factory=trio.Event, init=False)

    @property
    def limited(self) -> bool:
        """Graphs or assistants have limits: whose run is next has to be known before its start."""
        return self.per_graph is not None or self.per_assistant is not None

    @property
    def waiting(self) -> int:
        """Threads that wait for a place."""
        return len(self._queue) + len(self._parked)

    # -- taking and giving back ----------------------------------------------------------

    def offer(self, graph_id: str, assistant_id: str) -> Place | None:
        """A place for a run that has just been asked for; None if there is none free."""
        owners = self._owners(graph_id, assistant_id)
        if self.taken >= self.total or not self._fits(owners):
            return None
        self.taken += 1
        self._use(owners)
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
        if promised == owners:
            self._hand_on(set(self._unpark(turn.thread_id)))
            return True
        turn.place.owners = ()
        self._used.subtract(promised)
        given = self._fits(owners, turn.thread_id)
        if given:
            freed = self._unpark(turn.thread_id)
            self._use(owners)
            turn.place.owners = owners
        else:
            freed = self._park(turn.thread_id, owners, assistant_id)
        self._hand_on({*promised, *freed})
        return given

    def release(self, place: Place) -> None:
        """Give a place back."""
        self._used.subtract(place.owners)
        self._hand_on(set(place.owners))
        self.taken -= 1
        if not self.taken:
            self._all_free.set()

    async def all_free(self) -> None:
        """Wait until no place is in use."""
        while self.taken:
            self._all_free = trio.Event()
            await self._all_free.wait()

    # -- limits --------------------------------------------------------------------------

    def _owners(self, graph_id: str, assistant_id: str) -> Owners:
        """Those of a run that have a limit."""
        owners: list[Owner] = []
        if self.per_graph is not None:
            owners.append(("graph", graph_id))
        if self.per_assistant is not None:
            owners.append(("assistant", assistant_id))
        return tuple(owners)

    def _fits(self, owners: Owners, thread_id: str | None = None) -> bool:
        """Whether all of them have a place, for that thread or for a new one."""
        kept = () if thread_id == self._first else self._kept
        return all(self._spare(owner) > (owner in kept) for owner in owners)

    def _spare(self, owner: Owner) -> float:
        limit = self.per_graph if owner[0] == "graph" else self.per_assistant
        return inf if limit is None else limit - self._used[owner]

    def _use(self, owners: Owners) -> None:
        """Somebody gets a place of each."""
        self._used.update(owners)
        if (first := self._first) is not None:
            self._passed += not set(owners).isdisjoint(self._parked[first].owners)

    # -- waiting for owners --------------------------------------------------------------

    @property
    def _first(self) -> str | None:
        return next(iter(self._parked), None)

    @property
    def _kept(self) -> Owners:
        """Of whose places one is kept for the first parked thread."""
        first = self._first
        if first is None or self._passed < self.patience:
            return ()
        return self._parked[first].owners

    def _park(self, thread_id: str, owners: Owners, group: str) -> Owners:
        """Have a thread wait; returns as `_unpark`, if it was waiting for others."""
        parked = self._parked.get(thread_id)
        if thread_id in self._promised or (parked is not None and parked.owners == owners):
            return ()
        freed = self._unpark(thread_id)
        self._arrivals += 1
        self._parked[thread_id] = _Parked(owners, group, self._arrivals)
        self._parked_for.setdefault(owners, {})[thread_id] = None
        return freed

    def _unpark(self, thread_id: str) -> Owners:
        """A thread waits no more; returns those of whose places none is kept for it any more."""
        first, kept = self._first, self._kept
        parked = self._parked.pop(thread_id, None)
        if parked is None:
            return ()
        threads = self._parked_for[parked.owners]
        del threads[thread_id]
        if not threads:
            del self._parked_for[parked.owners]
        if thread_id != first:
            return ()
        self._passed = 0
        return kept

    def _hand_on(self, freed: set[Owner]) -> None:
        """Promise places to the threads that wait for them longest.

        A promised place counts as used, so that nobody who comes later gets it.

        Args:
            freed: of whom there may be more places than before.
        """
        while (thread_id := self._next_that_fits(freed)) is not None:
            parked = self._parked[thread_id]
            freed.update(self._unpark(thread_id))
            self._use(parked.owners)
            self._promised[thread_id] = parked.owners
            self._queue.put(thread_id, parked.group)
        for owner in freed:
            if not self._used[owner]:
                del self._used[owner]

    def _next_that_fits(self, freed: set[Owner]) -> str | None:
        """The thread that waits longest of those that wait for one of these, and may start."""
        firsts = [
            next(iter(threads))
            for owners, threads in self._parked_for.items()
            if not freed.isdisjoint(owners)
        ]
        fitting = [each for each in firsts if self._fits(self._parked[each].owners, each)]
        return min(fitting, key=lambda each: self._parked[each].arrival, default=None)
