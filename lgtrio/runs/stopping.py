"""Stopping runs: cancelled, displaced, left by their client, deleted, alone or with their thread.

All of them are the same thing: a reason on the run's handle, then its scope cancelled. A run that
has not started has no scope; it is ended in the database. Where somebody is told before the run
has ended, or nobody waits for it, the reason is stored too, so that the next start ends the run if
this process does not live to do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import trio
from attrs import define

from lgtrio.errors import NotFound
from lgtrio.runs.errands import Errands
from lgtrio.runs.execution import Execution
from lgtrio.runs.following import Following
from lgtrio.runs.handles import Handles
from lgtrio.runs.retries import until_done
from lgtrio.runs.starting import Starter
from lgtrio.runs.thread_streams import ThreadStreams
from lgtrio.storage.interface import Cause, RunRecord, Stop, StopKind, Storage
from lgtrio.wire.enums import CancelAction, RunStatus

NO_RUNS: Final = "No runs found to cancel."
NO_MATCHING: Final = (
    "No matching runs to cancel. Please verify the thread ID and run IDs are correct, and the"
    " runs haven't been deleted or completed."
)
_CANCEL_ONE: Final = "POST /threads/{thread_id}/runs/{run_id}/cancel"
CANCEL_MANY: Final = "POST /runs/cancel"
"""Requests as the error of a cancelled run's thread names them; clients know these words."""
_STOP_KINDS: Final = {
    CancelAction.INTERRUPT: StopKind.INTERRUPT,
    CancelAction.ROLLBACK: StopKind.ROLLBACK,
}


@define(eq=False)
class Stopper:
    """Stops runs, whatever they are doing."""

    storage: Storage
    handles: Handles
    threads: ThreadStreams
    execution: Execution
    starter: Starter
    following: Following
    errands: Errands
    nursery: trio.Nursery

    # -- cancelling ----------------------------------------------------------------------

    async def cancel(
        self,
        thread_id: str,
        run_ids: Sequence[str],
        *,
        action: CancelAction,
        wait: bool,
        actor: str | None = None,
        request: str = _CANCEL_ONE,
    ) -> int:
        """Cancel runs of one thread.

        Args:
            request: what asked for it, as the thread's error says.

        Returns:
            How many were active and are being cancelled, whatever becomes of this process; with
            `wait` they have ended.

        Raises:
            NotFound: none of the runs exists on the thread, or all have ended.
            StorageUnavailable: they are being cancelled, but a start of the server may resume them.
        """
        found = [run for run in await self._stored(run_ids) if run.thread_id == thread_id]
        return await self._cancel(found, action, request, wait=wait, actor=actor)

    async def cancel_all(
        self, status: RunStatus | None, *, action: CancelAction, wait: bool, actor: str | None
    ) -> int:
        """Cancel the runs of all threads that are pending or running, or in one of the two.

        Returns, raises: as `cancel`.
        """
        found = await self._stored(await self.storage.active_runs(status))
        return await self._cancel(found, action, CANCEL_MANY, wait=wait, actor=actor)

    async def _stored(self, run_ids: Sequence[str]) -> Sequence[RunRecord]:
        runs = [await self.storage.get_run(run_id) for run_id in run_ids]
        return [run for run in runs if run is not None]

    async def _cancel(
        self,
        runs: Sequence[RunRecord],
        action: CancelAction,
        request: str,
        *,
        wait: bool,
        actor: str | None,
    ) -> int:
        if not runs:
            raise NotFound(NO_RUNS)
        message = f"{action} requested via {request}"
        stop = Stop(_STOP_KINDS[action], Cause.CLIENT, actor, message)
        # Those that wait go first, or one could start when the one before it has ended.
        in_order = sorted(runs, key=lambda run: run.status is not RunStatus.PENDING)
        cancelled = [run for run in in_order if await self._stop(run, stop)]
        if not cancelled:
            raise NotFound(NO_MATCHING)
        await self._store([run.run_id for run in cancelled], stop)
        if wait:
            for run in cancelled:
                await self.following.wait_ended(run.run_id)
        return len(cancelled)

    # -- without a client that waits ------------------------------------------------------

    def displace(self, run_id: str, stop: Stop) -> None:
        """A newer run of the thread takes this one's place; that is stored with the newer one."""
        if handle := self.handles.get(run_id):
            handle.request_stop(stop)
        else:
            # Its claim has not been heard of yet, or its end has: the database knows.
            self.nursery.start_soon(self._stop_by_id, run_id, stop)

    def disconnected(self, run_id: str) -> None:
        """The client of a run with `on_disconnect=cancel` went away.

        Sync, because the request's own task is being cancelled when it learns of it.
        """
        if not self.execution.stopping:
            message = "client disconnected from the run stream (on_disconnect=cancel)"
            stop = Stop(StopKind.INTERRUPT, Cause.DISCONNECT, None, message)
            self.nursery.start_soon(self._stop_by_id, run_id, stop)

    async def _stop_by_id(self, run_id: str, stop: Stop) -> None:
        """Task: stop a run that nobody waits for."""

        async def find_and_stop() -> None:
            run = await self.storage.get_run(run_id)
            if run is not None and await self._stop(run, stop):
                await self._store([run_id], stop)

        await until_done(find_and_stop)

    async def _store(self, run_ids: Sequence[str], stop: Stop) -> None:
        """Keep the stop of runs that have not ended yet.

        Called without delay after `_stop`: an end that follows at once is stored together with it.
        """
        if stopping := [run_id for run_id in run_ids if self.handles.get(run_id)]:
            await self.storage.stop_runs(stopping, stop)

    # -- one run -------------------------------------------------------------------------

    async def _stop(self, run: RunRecord, stop: Stop) -> bool:
        """Stop one run, whatever it is doing; False if it had ended.

        A pending run is settled in the database, guarded by its status: if it was claimed in
        the meantime it is running, and its scope is cancelled instead.
        """
        handle = self.handles.get(run.run_id)
        if run.status is RunStatus.PENDING and not (handle and handle.claimed):
            settle = partial(self._settle_pending, run, stop)
            if await self.errands.carry_out_shielded(settle):
                return True
        handle = await self.following.handle_of(run)
        return handle is not None and handle.request_stop(stop)

    async def _settle_pending(self, run: RunRecord, stop: Stop) -> bool:
        """End a run that has not been claimed; False if it is not pending any more."""
        if stop.kind >= StopKind.ROLLBACK:
            finished = await self.storage.rollback_run(
                run.run_id, cause=stop.cause, actor=stop.actor, only=RunStatus.PENDING
            )
        else:
            finished = await self.storage.finish_run(
                run.run_id,
                RunStatus.INTERRUPTED,
                None,
                cause=stop.cause,
                actor=stop.actor,
                only=RunStatus.PENDING,
            )
        if finished is None:
            return False
        self.handles.end(run.run_id, b"{}")
        if finished.thread is None:
            self.threads.thread_deleted(run.thread_id)
        if finished.next_pending:
            self.starter.mark_ready(run.thread_id, run.assistant_id)
        return True

    # -- deleting ------------------------------------------------------------------------

    async def delete_run(self, run: RunRecord, *, actor: str | None = None) -> None:
        """Delete a run and what it wrote; a running one is stopped first.

        Raises:
            NotFound: it is gone already.
        """
        stopped = await self._stop(run, Stop(StopKind.DELETE, Cause.CLIENT, actor))
        await self.following.wait_ended(run.run_id)
        if not stopped and not await self.storage.delete_run(run.run_id, actor=actor):
            raise NotFound("Run not found")

    async def delete_thread(self, thread_id: str, *, actor: str | None = None) -> bool:
        """Stop the thread's run, then delete the thread with all it has; False if unknown.

        Cancellation: the delete goes on.
        """
        return await self.errands.carry_out(partial(self._delete_thread, thread_id, actor))

    async def _delete_thread(self, thread_id: str, actor: str | None) -> bool:
        async with self.starter.holds.hold(thread_id):
            claimed = self.handles.claimed_of(thread_id)
            for handle in claimed:
                handle.request_stop(Stop(StopKind.DELETE, Cause.CLIENT, actor))
                await handle.done.wait()
            active = await self.storage.delete_thread(thread_id, actor=actor)
            for run in active or ():
                self.handles.end(run.run_id, b"{}")
            self.threads.thread_deleted(thread_id)
            # The thread of a stateless run goes with its run.
            return active is not None or bool(claimed)
