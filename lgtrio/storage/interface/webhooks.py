"""Ends of runs that webhooks have not been told of yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import trio
from attrs import frozen

from lgtrio.storage.interface.shared import Json


@frozen
class WebhookRecord:
    """The end of a run that its webhook has not been told of yet."""

    webhook_id: int
    """Grows with the order of the ends."""
    run_id: str
    url: str
    body: Json
    """What is sent, less the time of sending."""
    attempts: int
    """How often it has been tried."""
    due_at: str
    """When it is to be tried next."""


class WebhookStorage(Protocol):
    """Part of `Storage`. The end of a run with a webhook is queued in the transaction that stores
    the end."""

    async def due_webhooks(self, at: str, *, limit: int) -> Sequence[WebhookRecord]:
        """Those to be tried at that time, in the order of the ends."""
        ...

    async def next_webhook_time(self, *, after: str) -> str | None:
        """The first time after this one at which one is to be tried; None if there is none."""
        ...

    async def postpone_webhook(self, webhook_id: int, *, due_at: str) -> None:
        """An attempt has failed, there will be another."""
        ...

    async def drop_webhook(self, webhook_id: int) -> None:
        """It was delivered, or given up."""
        ...

    def webhooks_changed(self) -> trio.Event:
        """Set when one is queued that no read before this call has seen; as `journal_changed`."""
        ...
