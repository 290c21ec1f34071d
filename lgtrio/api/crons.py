"""Crons: runs that come again and again."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from orjson import dumps
from quart.wrappers import Response

from lgtrio.api.answers import empty, json_answer
from lgtrio.api.asking import body_of, raw_body, thread_of
from lgtrio.api.orders import Orders
from lgtrio.api.services import Services
from lgtrio.errors import InvalidRequest, NotFound
from lgtrio.storage.interface import AssistantRecord, CronRecord
from lgtrio.wire.converter import decode, structure
from lgtrio.wire.cron_runs import CronRun, firing_of
from lgtrio.wire.crons import (
    CronCount,
    CronCreate,
    CronFields,
    CronSearch,
    check_select,
    new_cron,
    patched,
    read_patch,
    render_cron,
    render_crons,
)
from lgtrio.wire.ids import parse_uuid
from lgtrio.wire.paging import page_headers
from lgtrio.wire.times import iso

_NOT_FOUND: Final = "Not Found"


@frozen
class CronRoutes:
    services: Services
    orders: Orders

    # -- one cron ------------------------------------------------------------------------

    async def create(self) -> Response:
        return await self._create(None)

    async def create_for_thread(self, thread_id: str) -> Response:
        return await self._create(thread_of(thread_id))

    async def _create(self, thread_id: str | None) -> Response:
        sent = decode(await raw_body())
        body = structure(CronCreate, sent)
        self._check_webhook(body)
        assistant = await self._assistant(body.assistant_id)
        cron = new_cron(
            body, sent, assistant_id=assistant.assistant_id, thread_id=thread_id, at=self._now()
        )
        self._check_run(cron, assistant)
        created = await self.services.storage.create_cron(cron)
        self.services.crons.look_again()
        return json_answer(render_cron(created))

    async def get(self, cron_id: str) -> Response:
        cron = await self.services.storage.get_cron(_cron_of(cron_id))
        if cron is None:
            raise NotFound(_NOT_FOUND)
        return json_answer(render_cron(cron))

    async def patch(self, cron_id: str) -> Response:
        cron_id = _cron_of(cron_id)
        body, sent = read_patch(await raw_body())
        self._check_webhook(body)
        storage = self.services.storage
        old = await storage.get_cron(cron_id)
        assistant = None if old is None else await storage.get_assistant(old.assistant_id)
        at = self._now()

        def change(cron: CronRecord) -> CronRecord:
            new = patched(cron, body, sent, at)
            if assistant is not None:
                self._check_run(new, assistant)
            return new

        changed = await storage.update_cron(cron_id, change)
        if changed is None:
            raise NotFound(f"Cron '{cron_id}' not found")
        self.services.crons.look_again()
        return json_answer(render_cron(changed))

    async def delete(self, cron_id: str) -> Response:
        if not await self.services.storage.delete_cron(_cron_of(cron_id)):
            raise NotFound(_NOT_FOUND)
        return empty(204)

    # -- many ----------------------------------------------------------------------------

    async def search(self) -> Response:
        body = await body_of(CronSearch)
        select = check_select(body.select)
        found = await self.services.storage.search_crons(
            body.wanted(), order=body.order, limit=body.limit, offset=body.offset
        )
        headers = page_headers(
            total=found.total, more=found.more, limit=body.limit, offset=body.offset
        )
        crons = render_crons(found.crons, select, now=self._now())
        return json_answer(crons, headers=headers)

    async def count(self) -> Response:
        body = await body_of(CronCount)
        return json_answer(dumps(await self.services.storage.count_crons(body.wanted())))

    # -- what a cron has to be -----------------------------------------------------------

    def _now(self) -> str:
        return iso(self.services.supervisor.now())

    async def _assistant(self, given: str) -> AssistantRecord:
        """
        Raises:
            NotFound: no assistant of this id, no graph of this name.
        """
        try:
            return await self.orders.assistant(given)
        except (InvalidRequest, NotFound) as error:
            raise NotFound(f"Assistant '{given}' not found") from error

    def _check_webhook(self, body: CronFields) -> None:
        if body.webhook is not None:
            self.services.webhooks.check(body.webhook)

    def _check_run(self, cron: CronRecord, assistant: AssistantRecord) -> None:
        """Make a run of it and throw it away: what is wrong is said now and not when it is due.

        Raises:
            BadRequest, InvalidRequest: as the create of a run.
        """
        CronRun(cron, firing_of(cron, cron.created_at), assistant).plan().new_run()


def _cron_of(text: str) -> str:
    """A cron id from the path.

    Raises:
        InvalidRequest: no UUID.
    """
    return parse_uuid("cron", text)
