"""The clock that fires crons.

A firing stores its run and moves the cron on in one transaction, guarded by the time it was found
due at. So each firing has exactly one run, however the server dies, and none comes from a cron
that was changed or deleted meanwhile. What was missed while no server ran fires once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
import trio
from attrs import define, field
from orjson import dumps, loads

from lgtrio.errors import NotDue, RequestError, ShuttingDown, StorageError
from lgtrio.runs.alarm import wall_now
from lgtrio.runs.execution import RETRY_SECONDS
from lgtrio.runs.supervisor import Supervisor
from lgtrio.storage.interface import CronRecord, Firing, NewThread
from lgtrio.wire.cron_runs import CronRun, firing_of
from lgtrio.wire.times import iso

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
"""Crons read at one time."""
LONGEST_WAIT: Final = 60.0
"""Seconds until the crons are looked at again, whatever the wall clock has done meanwhile."""


@define(eq=False)
class CronClock:
    supervisor: Supervisor
    now: Callable[[], datetime] = wall_now
    _changed: trio.Event = field(factory=trio.Event, init=False)

    def look_again(self) -> None:
        """A cron may be due earlier than was known."""
        self._changed.set()

    async def watch(self) -> None:
        """Task: fire what is due, until the supervisor stops."""
        storage = self.supervisor.storage
        while not self.supervisor.stopping:
            self._changed = trio.Event()
            try:
                due = await storage.due_crons(iso(self.now()), limit=AT_ONCE)
                for cron in due:
                    await self._fire(cron)
                wait = 0.0 if due else self._seconds_to(await storage.next_cron_time())
            except StorageError:
                log.exception("the crons could not be read or moved on; trying again")
                wait = RETRY_SECONDS
            except ShuttingDown:
                return
            with trio.move_on_after(wait):
                await self._changed.wait()

    def _seconds_to(self, upcoming: str | None) -> float:
        if upcoming is None:
            return LONGEST_WAIT
        wait = (datetime.fromisoformat(upcoming) - self.now()).total_seconds()
        return min(max(wait, 0.0), LONGEST_WAIT)

    async def _fire(self, cron: CronRecord) -> None:
        firing = firing_of(cron, iso(self.now()))
        try:
            await self._submit(cron, firing)
        except ShuttingDown:
            raise
        except NotDue:
            return  # changed or deleted since it was read
        except RequestError as error:
            # Not the next one's fault, nor that of other crons.
            log.warning("a cron was due and made no run", cron_id=cron.cron_id, why=error.detail)
            await self.supervisor.storage.skip_firing(firing)
        except StorageError:
            raise  # it stays due
        except Exception:
            # A mistake of ours, in what was stored once: it must not end the server at each start.
            log.exception("a cron was due and could not be read", cron_id=cron.cron_id)
            await self.supervisor.storage.skip_firing(firing)

    async def _submit(self, cron: CronRecord, firing: Firing) -> None:
        """
        Raises:
            RequestError: there is no run of it, such as `ThreadBusy` with strategy reject.
        """
        storage = self.supervisor.storage
        assistant = await storage.get_assistant(cron.assistant_id)
        thread = cron.thread_id and await storage.get_thread(cron.thread_id)
        if assistant is None or (cron.thread_id and not thread):
            raise NotDue(cron.cron_id)  # deleted with it
        run = CronRun(cron, firing, assistant, thread.metadata if thread else b"{}")
        plan = run.plan()
        metadata = dumps({**loads(cron.metadata), **plan.identity()})
        await self.supervisor.submit(
            plan.new_run(),
            thread=None if thread else NewThread(plan.thread_id, metadata),
            actor=f"cron {cron.cron_id}, due {firing.due}",
        )
