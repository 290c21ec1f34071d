"""Assistants: what a run names to say which graph it runs, and how it is configured."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from quart.wrappers import Response

from lgtrio.api.answers import empty, json_answer
from lgtrio.api.asking import assistant_of, body_of, query, request_id
from lgtrio.api.services import Services
from lgtrio.errors import NotFound
from lgtrio.storage.interface import AssistantRecord, ThreadFilter, ThreadOrder
from lgtrio.wire.assistants import (
    AssistantCount,
    AssistantCreate,
    AssistantPatch,
    AssistantSearch,
    LatestVersion,
    VersionSearch,
    render_assistant,
    render_assistants,
    render_versions,
)
from lgtrio.wire.converter import encode
from lgtrio.wire.enums import OnConflict
from lgtrio.wire.ids import random_id
from lgtrio.wire.paging import page_headers
from lgtrio.wire.times import now_iso

_TOGETHER: Final = 100
"""Threads that are looked for at once while those of an assistant are deleted."""


@frozen
class AssistantRoutes:
    services: Services

    # -- one assistant -------------------------------------------------------------------

    async def create(self) -> Response:
        body = await body_of(AssistantCreate)
        self.services.check_graph(body.graph_id)
        key = random_id() if body.assistant_id is None else assistant_of(body.assistant_id)
        assistant = await self.services.storage.create_assistant(
            body.record(key, now_iso()), exist_ok=body.if_exists is OnConflict.DO_NOTHING
        )
        return json_answer(render_assistant(assistant))

    async def get(self, assistant_id: str) -> Response:
        found = await self.services.storage.get_assistant(assistant_of(assistant_id))
        if found is None:
            raise NotFound("Not Found")
        return json_answer(render_assistant(found))

    async def patch(self, assistant_id: str) -> Response:
        key = assistant_of(assistant_id)
        body = await body_of(AssistantPatch)
        if body.graph_id is not None:
            self.services.check_graph(body.graph_id)
        patched = await self.services.storage.update_assistant(key, body.change())
        if patched is None:
            raise _unknown(key)
        return json_answer(render_assistant(patched))

    async def delete(self, assistant_id: str) -> Response:
        """With `delete_threads` the threads go first: a request that is cut off can be sent again.

        Then once more, since until the assistant was gone new ones could come.
        """
        key = assistant_of(assistant_id)
        with_threads = query().boolean("delete_threads")
        if with_threads and await self.services.storage.get_assistant(key) is not None:
            await self._delete_threads(key)
        if not await self.services.storage.delete_assistant(key):
            raise NotFound(f"Assistant with ID {key} not found")
        if with_threads:
            await self._delete_threads(key)
        return empty(204)

    async def _delete_threads(self, assistant_id: str) -> None:
        """Delete the threads that say in their metadata that they are this assistant's."""
        own = ThreadFilter(metadata={"assistant_id": assistant_id})
        while True:
            found = await self.services.storage.search_threads(
                own, order=ThreadOrder(), limit=_TOGETHER, offset=0, with_values=False
            )
            if not found.threads:
                return
            for thread in found.threads:
                await self.services.supervisor.stopper.delete_thread(
                    thread.thread_id, actor=request_id()
                )

    # -- many ----------------------------------------------------------------------------

    async def search(self) -> Response:
        body = await body_of(AssistantSearch)
        body.check()
        if body.graph_id:
            self.services.check_graph(body.graph_id)
        found = await self.services.storage.search_assistants(
            body.wanted(), order=body.order(), limit=body.limit, offset=body.offset
        )
        headers = page_headers(
            total=found.total, more=found.more, limit=body.limit, offset=body.offset
        )
        return json_answer(render_assistants(found.assistants, body.select), headers=headers)

    async def count(self) -> Response:
        body = await body_of(AssistantCount)
        if body.graph_id:
            self.services.check_graph(body.graph_id)
        number = await self.services.storage.count_assistants(body.wanted())
        return json_answer(encode(number))

    # -- versions ------------------------------------------------------------------------

    async def versions(self, assistant_id: str) -> Response:
        key = assistant_of(assistant_id)
        body = await body_of(VersionSearch)
        await self._existing(key)
        encode(body.metadata)  # refuses what is nested too deeply
        found = await self.services.storage.assistant_versions(
            key, metadata=body.metadata, limit=body.limit, offset=body.offset
        )
        return json_answer(render_versions(found))

    async def set_latest(self, assistant_id: str) -> Response:
        key = assistant_of(assistant_id)
        body = await body_of(LatestVersion)
        assistant = await self.services.storage.set_assistant_version(key, body.version)
        if assistant is None:
            await self._existing(key)
            raise NotFound(f"Version {body.version} not found for assistant {key}")
        return json_answer(render_assistant(assistant))

    async def _existing(self, assistant_id: str) -> AssistantRecord:
        assistant = await self.services.storage.get_assistant(assistant_id)
        if assistant is None:
            raise _unknown(assistant_id)
        return assistant


def _unknown(assistant_id: str) -> NotFound:
    return NotFound(f"Assistant {assistant_id} not found")
