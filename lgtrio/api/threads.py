"""Threads: create, get, update, delete, copy, prune, search, count."""

from __future__ import annotations

from typing import Final

import trio
from attrs import frozen
from orjson import dumps
from quart import request
from quart.wrappers import Response

from lgtrio.api.answers import empty, json_answer
from lgtrio.api.asking import body_of, query, request_id, thread_of
from lgtrio.api.services import Services
from lgtrio.api.state_writing import at_rest, graph_for_states
from lgtrio.errors import AlreadyExists, NotFound
from lgtrio.storage.interface import NewThread, Storage, ThreadRecord
from lgtrio.wire.converter import encode
from lgtrio.wire.enums import KeepStrategy, OnConflict
from lgtrio.wire.ids import new_id, random_id
from lgtrio.wire.paging import page_headers
from lgtrio.wire.thread_search import ThreadCount, ThreadSearch
from lgtrio.wire.threads import (
    ThreadCreate,
    ThreadPatch,
    ThreadPrune,
    render_thread,
    render_thread_with_ttl,
    render_usage,
    thread_ttl,
)

_DISCARD_SECONDS: Final = 10.0
"""What is left of states that became no thread's is deleted within these; nobody sees it."""


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


def answer_patched(thread_id: str, patched: ThreadRecord | None) -> Response:
    """The thread as patched, or nothing if the client wants no more than to know that.

    Raises:
        NotFound: naming the thread.
    """
    if patched is None:
        raise unknown_thread(thread_id)
    if "return=minimal" in request.headers.get("Prefer", ""):
        return empty(204)
    return json_answer(render_thread(patched))


@frozen
class ThreadRoutes:
    services: Services

    # -- one thread ----------------------------------------------------------------------

    async def create(self) -> Response:
        body = await body_of(ThreadCreate)
        thread_id = new_id() if body.thread_id is None else thread_of(body.thread_id)
        new = NewThread(thread_id, encode(body.metadata), thread_ttl(body.ttl))
        exist_ok = body.if_exists is OnConflict.DO_NOTHING
        if body.supersteps:
            thread = await self._create_with_history(new, body, exist_ok=exist_ok)
        else:
            thread = await self.services.storage.create_thread(new, exist_ok=exist_ok)
        return json_answer(render_thread(thread))

    async def _create_with_history(
        self, new: NewThread, body: ThreadCreate, *, exist_ok: bool
    ) -> ThreadRecord:
        """The states are written under an id that nobody knows and then become the thread's, so
        that nobody ever sees a part of them.
        """
        storage, states = self.services.storage, self.services.states
        existing = await storage.get_thread(new.thread_id)
        if existing is not None and exist_ok:
            return existing
        if existing is not None:
            raise AlreadyExists(f"Thread with ID {new.thread_id} already exists")
        graph_id = graph_for_states(body.metadata, new.thread_id)
        draft = random_id()
        try:
            written = await states.write_history(draft, graph_id, supersteps=body.history())
            return await storage.adopt_thread(
                new, at_rest(written), source=draft, exist_ok=exist_ok
            )
        except BaseException:
            with trio.move_on_after(_DISCARD_SECONDS, shield=True):
                await storage.discard_states(draft)
            raise

    async def get(self, thread_id: str) -> Response:
        thread = await existing_thread(self.services.storage, thread_of(thread_id))
        included = {name for text in query().all("include") for name in text.split(",")}
        if "ttl" not in included:
            return json_answer(render_thread(thread))
        ttl = await self.services.storage.thread_ttl(thread.thread_id)
        return json_answer(render_thread_with_ttl(thread, ttl))

    async def patch(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        body = await body_of(ThreadPatch)
        patched = await self.services.storage.patch_thread(
            thread_id, encode(body.metadata), ttl=thread_ttl(body.ttl)
        )
        return answer_patched(thread_id, patched)

    async def delete(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        if not await self._delete(thread_id):
            raise unknown_thread(thread_id)
        return empty(204)

    async def copy(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        copied = await self.services.storage.copy_thread(thread_id, new_id())
        if copied is None:
            raise unknown_thread(thread_id)
        return json_answer(render_thread(copied))

    async def usage(self, thread_id: str) -> Response:
        thread = await existing_thread(self.services.storage, thread_of(thread_id))
        usage = await self.services.storage.thread_usage(thread.thread_id)
        return json_answer(render_usage(thread.thread_id, usage))

    # -- many ----------------------------------------------------------------------------

    async def search(self) -> Response:
        body = await body_of(ThreadSearch)
        wanted, view = body.wanted(), body.view()
        found = await self.services.storage.search_threads(
            wanted,
            order=body.order,
            limit=body.limit,
            offset=body.offset,
            with_values=view.needs_values,
        )
        headers = page_headers(
            total=found.total, more=found.more, limit=body.limit, offset=body.offset
        )
        return json_answer(view.render(found.threads), headers=headers)

    async def count(self) -> Response:
        body = await body_of(ThreadCount)
        return json_answer(dumps(await self.services.storage.count_threads(body.wanted())))

    async def prune(self) -> Response:
        """Each thread is a transaction of its own: a list of thousands holds nobody up."""
        body = await body_of(ThreadPrune)
        thread_ids = dict.fromkeys(thread_of(text) for text in body.thread_ids)
        deletes = body.strategy is KeepStrategy.DELETE
        prune_one = self._delete if deletes else self.services.storage.prune_thread
        pruned = [thread_id for thread_id in thread_ids if await prune_one(thread_id)]
        return json_answer(dumps({"pruned_count": len(pruned)}))

    async def _delete(self, thread_id: str) -> bool:
        return await self.services.supervisor.stopper.delete_thread(thread_id, actor=request_id())
