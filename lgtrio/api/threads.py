"""Threads: create, get, update, delete."""

from __future__ import annotations

from attrs import frozen
from quart import request
from quart.wrappers import Response

from lgtrio.api.answers import empty, json_answer
from lgtrio.api.asking import body_of, request_id, thread_of
from lgtrio.api.services import Services
from lgtrio.errors import NotFound
from lgtrio.storage.interface import NewThread, Storage, ThreadRecord
from lgtrio.wire.converter import encode
from lgtrio.wire.enums import OnConflict
from lgtrio.wire.ids import new_id
from lgtrio.wire.threads import ThreadCreate, ThreadPatch, render_thread


async def existing_thread(storage: Storage, thread_id: str) -> ThreadRecord:
    """
    Raises:
        NotFound: naming the thread.
    """
    thread = await storage.get_thread(thread_id)
    if thread is None:
        raise unknown_thread(thread_id)
    return thread


def unknown_thread(thread_id: str) -> NotFound:
    return NotFound(f"Thread with ID {thread_id} not found")


@frozen
class ThreadRoutes:
    services: Services

    async def create(self) -> Response:
        body = await body_of(ThreadCreate)
        body.refuse_unbuilt()
        thread_id = new_id() if body.thread_id is None else thread_of(body.thread_id)
        thread = await self.services.storage.create_thread(
            NewThread(thread_id, encode(body.metadata)),
            exist_ok=body.if_exists is OnConflict.DO_NOTHING,
        )
        return json_answer(render_thread(thread))

    async def get(self, thread_id: str) -> Response:
        thread = await existing_thread(self.services.storage, thread_of(thread_id))
        return json_answer(render_thread(thread))

    async def patch(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        body = await body_of(ThreadPatch)
        body.refuse_unbuilt()
        thread = await self.services.storage.patch_thread(thread_id, encode(body.metadata))
        if thread is None:
            raise unknown_thread(thread_id)
        if "return=minimal" in request.headers.get("Prefer", ""):
            return empty(204)
        return json_answer(render_thread(thread))

    async def delete(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        if not await self.services.supervisor.delete_thread(thread_id, actor=request_id()):
            raise unknown_thread(thread_id)
        return empty(204)
