"""Delivers what the ends of runs have queued for their webhooks.

An end is queued in the transaction that stores it, and leaves the queue when its webhook has
answered, or when it is given up. So each is told at least once, and again if the server dies
between the answer and the note of it. How it is sent is the poster's business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

import structlog
import trio
from attrs import define, field

from lgtrio.errors import LgtrioError, StorageError
from lgtrio.runs.alarm import wall_now
from lgtrio.runs.execution import RETRY_SECONDS
from lgtrio.storage.interface import Json, Storage, WebhookRecord
from lgtrio.wire.times import iso
from lgtrio.wire.webhooks import sent_at

log = structlog.get_logger(__name__)

PAUSES: Final = (1.0, 3.0)
"""Seconds before the second and the third attempt; there is no fourth."""
AT_ONCE: Final = 16
"""Attempts at one time: a webhook that does not answer should not hold up the others."""
LONGEST_WAIT: Final = 60.0
"""Seconds until the queue is looked at again, whatever the wall clock has done meanwhile."""


class DeliveryFailed(LgtrioError):
    """An attempt has failed; `detail` says why, for the log."""


class Poster(Protocol):
    async def post(self, url: str, body: Json) -> None:
        """Send once, within a time limit of its own.

        Raises:
            DeliveryFailed: it was not taken.
        """
        ...


@define(eq=False)
class WebhookQueue:
    storage: Storage
    poster: Poster
    now: Callable[[], datetime] = wall_now
    _under_way: set[int] = field(factory=set, init=False)
    _settled: trio.Event = field(factory=trio.Event, init=False)
    """Set when an attempt is over."""

    async def deliver(self) -> None:
        """Task: deliver for as long as the server runs.

        Cancellation: attempts under way are made again at the next start.
        """
        async with trio.open_nursery() as nursery:
            while True:
                changed, self._settled = self.storage.webhooks_changed(), trio.Event()
                try:
                    await self._begin(nursery)
                    wait = await self._seconds_to_next()
                except StorageError:
                    log.exception("the queue of webhooks could not be read; trying again")
                    wait = RETRY_SECONDS
                with trio.move_on_after(wait):
                    await _first_of(changed, self._settled)

    async def _begin(self, nursery: trio.Nursery) -> None:
        """Start an attempt for each that is due, as far as there is room."""
        # Those under way are due too, also one that settles while the queue is being read.
        under_way = frozenset(self._under_way)
        due = await self.storage.due_webhooks(iso(self.now()), limit=2 * AT_ONCE)
        waiting = [hook for hook in due if hook.webhook_id not in under_way]
        for hook in waiting[: AT_ONCE - len(self._under_way)]:
            self._under_way.add(hook.webhook_id)
            nursery.start_soon(self._attempt, hook)

    async def _seconds_to_next(self) -> float:
        """Until one becomes due that is not yet."""
        now = self.now()
        upcoming = await self.storage.next_webhook_time(after=iso(now))
        if upcoming is None:
            return LONGEST_WAIT
        return min((datetime.fromisoformat(upcoming) - now).total_seconds(), LONGEST_WAIT)

    async def _attempt(self, hook: WebhookRecord) -> None:
        try:
            await self.poster.post(hook.url, sent_at(hook.body, iso(self.now())))
        except DeliveryFailed as failure:
            await self._failed(hook, failure)
        except Exception:
            log.exception("a webhook could not be called", run_id=hook.run_id)
            await self._failed(hook, DeliveryFailed("of an error in this server"))
        else:
            await self._note(partial(self.storage.drop_webhook, hook.webhook_id))
        self._under_way.discard(hook.webhook_id)
        self._settled.set()

    async def _failed(self, hook: WebhookRecord, failure: DeliveryFailed) -> None:
        about = {"run_id": hook.run_id, "url": hook.url, "reason": failure.detail}
        if hook.attempts < len(PAUSES):
            log.info("a webhook failed and is tried again", **about)
            due_at = iso(self.now() + timedelta(seconds=PAUSES[hook.attempts]))
            await self._note(partial(self.storage.postpone_webhook, hook.webhook_id, due_at=due_at))
        else:
            log.warning("a webhook failed and is given up", **about)
            await self._note(partial(self.storage.drop_webhook, hook.webhook_id))

    async def _note(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write until it is written: what is not noted would be sent again at once."""
        while True:
            try:
                return await write()
            except StorageError:
                log.exception("an attempt of a webhook could not be noted; trying again")
                await trio.sleep(RETRY_SECONDS)


async def _first_of(*events: trio.Event) -> None:
    async with trio.open_nursery() as nursery:
        for event in events:
            nursery.start_soon(_then_cancel, event, nursery.cancel_scope)


async def _then_cancel(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
