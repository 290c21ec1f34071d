"""Following runs: reading a run's stream, waiting for its end, and the handle that both need."""

from __future__ import annotations

from functools import partial
from typing import Final

import trio
from attrs import define

from lgtrio.errors import InvalidRequest, ShuttingDown
from lgtrio.runs.execution import Execution
from lgtrio.runs.frames import EVERYTHING, Selection, parse_frame_id
from lgtrio.runs.handles import Handles, RunHandle
from lgtrio.runs.results import stored_result
from lgtrio.runs.retries import until_done
from lgtrio.runs.streams import Subscription
from lgtrio.runs.thread_streams import ThreadFollower, ThreadStreams
from lgtrio.storage.interface import RunRecord, Storage
from lgtrio.wire.enums import ACTIVE, ThreadStreamMode

_FROM_START: Final = "-1"


@define(eq=False)
class Following:
    """Joins clients to runs that are active or have ended."""

    storage: Storage
    handles: Handles
    threads: ThreadStreams
    execution: Execution
    nursery: trio.Nursery

    async def follow(
        self,
        run: RunRecord,
        *,
        selection: Selection = EVERYTHING,
        last_event_id: str | None = None,
        checkpoint_id: str | None = None,
    ) -> Subscription:
        """Join a run's stream.

        Args:
            run: as read from the storage.
            last_event_id: the client's `Last-Event-ID`; only resumable runs can honour it. None
                for what happens from now on.
            checkpoint_id: of a state that the client knows already. Of a resumable run it has
                what came after it, or everything if that is no checkpoint of the run. Of no
                effect beside a `last_event_id` that names an event.

        Returns:
            The subscription; of a resumable run its `after` is where it starts.

        Raises:
            InvalidRequest: that is no id of a resumable run's stream.
        """
        handle = await self.handle_of(run)
        after = 0
        if run.resumable:
            after = await self._place_in_log(run.run_id, handle, last_event_id, checkpoint_id)
        return Subscription(
            run.run_id,
            self.storage,
            handle.stream if handle else None,
            selection=selection,
            after=after,
            reading_log=run.resumable,
        )

    async def follow_kept(
        self,
        run_id: str,
        *,
        selection: Selection = EVERYTHING,
        last_event_id: str | None = None,
        checkpoint_id: str | None = None,
    ) -> Subscription:
        """Join what is kept of the stream of a stateless run that is gone; see `follow`."""
        after = await self._place_in_log(run_id, None, last_event_id, checkpoint_id)
        return Subscription(
            run_id, self.storage, None, selection=selection, after=after, reading_log=True
        )

    async def _place_in_log(
        self,
        run_id: str,
        handle: RunHandle | None,
        last_event_id: str | None,
        checkpoint_id: str | None,
    ) -> int:
        if checkpoint_id is not None and last_event_id in {None, _FROM_START}:
            place = handle.stream.place_of(checkpoint_id) if handle else None
            return place or await self.storage.frame_of_mark(run_id, checkpoint_id) or 0
        if last_event_id is None:
            return await self.storage.last_frame(run_id)
        after = parse_frame_id(last_event_id)
        if after is None:
            raise InvalidRequest(
                f"Invalid Last-Event-ID {last_event_id!r}: send an id of this stream, or -1."
            )
        return after

    async def follow_thread(
        self,
        thread_id: str,
        modes: frozenset[ThreadStreamMode],
        *,
        last_event_id: str | None = None,
    ) -> ThreadFollower:
        """Join the stream of a thread that exists; see `ThreadStreams.follow`."""
        running = self.handles.claimed_of(thread_id)
        return await self.threads.follow(
            thread_id, modes, running=running, last_event_id=last_event_id
        )

    async def join(self, run: RunRecord, handle: RunHandle | None = None) -> bytes:
        """Wait for the run's real end.

        Args:
            handle: as `submit` or `handle_of` gave it; None looks for it now.

        Returns:
            JSON as `wait` answers it.

        Raises:
            StreamCut: the server is going down before the run's end.
        """
        handle = handle or await self.handle_of(run)
        result = None if handle is None else await handle.result()
        if result is not None:
            return result
        latest = await self.storage.get_run(run.run_id) or run
        return stored_result(latest, await self.storage.get_thread(run.thread_id))

    async def wait_ended(self, run_id: str) -> None:
        """Return when the run is not active any more (at once for unknown runs)."""
        if handle := self.handles.get(run_id):
            await handle.done.wait()

    async def handle_of(self, run: RunRecord) -> RunHandle | None:
        """The handle of an active run, made if nobody has needed one yet.

        Raises:
            ShuttingDown: the run is left to the next start of the server.
        """
        if run.status not in ACTIVE:
            return None
        handle = self.handles.get(run.run_id)
        if handle is not None:
            return handle
        if self.execution.stopping:
            raise ShuttingDown
        # The status is read again after the handle stands: an end that is stored from then on
        # finds the handle and ends it.
        handle = self.handles.of(run.run_id, run.thread_id, resumable=run.resumable)
        try:
            active = await self._is_active(run.run_id)
        except BaseException:
            end_if_over = partial(self._end_if_over, run.run_id)
            self.nursery.start_soon(until_done, end_if_over)
            raise
        if not active:
            self.handles.end(run.run_id, None)
            return None
        return handle

    async def _end_if_over(self, run_id: str) -> None:
        if not await self._is_active(run_id):
            self.handles.end(run_id, None)

    async def _is_active(self, run_id: str) -> bool:
        run = await self.storage.get_run(run_id)
        return run is not None and run.status in ACTIVE
