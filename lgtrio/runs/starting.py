"""Starting runs: when a thread has one to start and a worker place is free, it is claimed.

Everything that makes a thread ready comes here: a create, the end of a run, the end of a delay,
a hold that is let go, the start of the server.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
import trio
from attrs import define, field

from lgtrio.errors import StorageError
from lgtrio.runs.alarm import Alarm
from lgtrio.runs.execution import RETRY_SECONDS, Execution
from lgtrio.runs.handles import Handles, RunHandle
from lgtrio.runs.holds import Holds
from lgtrio.runs.places import Place, Places, Turn
from lgtrio.storage.interface import (
    Cause,
    NewRun,
    RunRecord,
    Stop,
    StopKind,
    StoppedRun,
    Storage,
)
from lgtrio.wire.enums import RunStatus

log = structlog.get_logger(__name__)


@define(eq=False)
class Starter:
    """Claims runs and has them executed, each in a task of the supervisor's nursery."""

    storage: Storage
    handles: Handles
    execution: Execution
    places: Places
    nursery: trio.Nursery
    now: Callable[[], datetime]
    """The wall clock, the same as the storage's."""
    holds: Holds = field(init=False)
    """Threads whose lane is held (state update, delete): no run of theirs starts."""
    _alarm: Alarm = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.holds = Holds(let_go=self.mark_ready)
        self._alarm = Alarm(self.now)

    # -- becoming ready ------------------------------------------------------------------

    async def resume_pending(self) -> None:
        """Take up what is pending in the database (called once, after recovery)."""
        for pending in await self.storage.claimable(limit=1_000_000):
            if pending.not_before is not None:
                self._alarm.set(pending.not_before, pending.thread_id)
            else:
                self.mark_ready(pending.thread_id)

    async def watch_delays(self) -> None:
        """Task: mark threads ready when the delay of one of their runs has passed."""
        while True:
            for thread_id in await self._alarm.due():
                self.mark_ready(thread_id)

    def ring_at(self, not_before: str, thread_id: str) -> None:
        """A run of the thread may start at that time."""
        self._alarm.set(not_before, thread_id)

    def mark_ready(self, thread_id: str, assistant_id: str | None = None) -> None:
        """The thread may have a run to start.

        Args:
            assistant_id: probably that run's; the thread takes turns as one of it. None gives
                the thread turns of its own.
        """
        self.places.queue(thread_id, assistant_id or thread_id)
        self._dispatch()

    # -- places --------------------------------------------------------------------------

    def place_for(self, new: NewRun) -> Place | None:
        """A worker place, if the run might start at once."""
        if new.not_before is not None or self.holds.is_held(new.thread_id):
            return None
        return self.places.offer(new.graph_id, new.assistant_id)

    def release(self, place: Place) -> None:
        """Give a place back; who waits for one gets it."""
        self.places.release(place)
        self._dispatch()

    def _dispatch(self) -> None:
        """Give free worker places to threads that are ready. Sync: nothing can come between
        the decision and the reservation."""
        while not self.execution.stopping and (turn := self.places.next_turn()):
            if self.holds.is_held(turn.thread_id):
                self.places.release(turn.place)  # it is marked ready when it is let go
            else:
                self.nursery.start_soon(self._start_next, turn)

    # -- claiming ------------------------------------------------------------------------

    async def _start_next(self, turn: Turn) -> None:
        """Task: claim the thread's next run and execute it with the turn's place."""
        run, since = None, self.now()
        try:
            with self.holds.starting(turn.thread_id):
                run = await self._claim(turn)
                if run is not None:
                    self._handle_of_claimed(run)
            if run is None:
                await self._await_delay(turn.thread_id, since)
        except StorageError:
            log.exception("a run could not be claimed; trying again", thread_id=turn.thread_id)
            self._alarm.set_in(RETRY_SECONDS, turn.thread_id)
        if run is None:
            self.release(turn.place)
        else:
            await self._run(run, turn.place)

    async def _claim(self, turn: Turn) -> RunRecord | None:
        """Claim the thread's next run; None if no run of it may start now."""
        thread_id = turn.thread_id
        if not self.places.limited:
            return await self.storage.claim_next(thread_id)
        upcoming = await self.storage.next_run(thread_id)
        if upcoming is None:
            return None
        if not self.places.assign(turn, upcoming.graph_id, upcoming.assistant_id):
            return None
        claimed = await self.storage.claim_next(thread_id, only=upcoming.run_id)
        if claimed is None:  # another run is next by now
            self.mark_ready(thread_id, upcoming.assistant_id)
        return claimed

    async def _await_delay(self, thread_id: str, since: datetime) -> None:
        """Nothing of the thread may start now: if that is for a delay, ring when it is over.

        Args:
            since: before the claim looked; a delay that has ended meanwhile counts.
        """
        pending = await self.storage.list_runs(
            thread_id, limit=1000, offset=0, status=RunStatus.PENDING
        )
        delays = [run.not_before for run in pending if run.not_before is not None]
        ends = [end for end in delays if datetime.fromisoformat(end) > since]
        if ends:
            self._alarm.set(min(ends), thread_id)

    # -- running -------------------------------------------------------------------------

    def start(self, run: RunRecord, place: Place) -> None:
        """Execute a run that has been claimed, with a place that it gives back."""
        self.nursery.start_soon(self._run, run, place)

    def end_stopped(self, stopped: StoppedRun) -> None:
        """End a run that was being stopped when the last process died; it needs no place."""
        handle = self._handle_of_claimed(stopped.run)
        handle.stop = stopped.stop  # from here on a stronger one may replace it
        self.nursery.start_soon(self._end_stopped, stopped.run, handle)

    async def _end_stopped(self, run: RunRecord, handle: RunHandle) -> None:
        if await self.execution.end_stopped(run, handle):
            self.mark_ready(run.thread_id, run.assistant_id)

    def _handle_of_claimed(self, run: RunRecord) -> RunHandle:
        handle = self.handles.of(run.run_id, run.thread_id, resumable=run.resumable)
        handle.claimed = True
        return handle

    async def _run(self, run: RunRecord, place: Place) -> None:
        """Task: a claimed run, to its stored end."""
        handle = self._handle_of_claimed(run)
        if self.execution.stopping:
            # Claimed while the stop flag was being set: it goes back without having started.
            handle.request_stop(Stop(StopKind.SHUTDOWN, Cause.SHUTDOWN))
        try:
            if await self.execution.run(run, handle):
                self.mark_ready(run.thread_id, run.assistant_id)
        finally:
            self.release(place)
