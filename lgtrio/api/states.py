"""The state of a thread: now, at a checkpoint, its history, and changed by hand."""

from __future__ import annotations

from typing import Final

import trio
from attrs import frozen
from orjson import loads
from quart.wrappers import Response

from lgtrio.api.answers import json_answer
from lgtrio.api.asking import body_of, query, thread_of
from lgtrio.api.services import Services
from lgtrio.api.state_writing import at_rest, graph_for_states
from lgtrio.api.threads import answer_patched, existing_thread, unknown_thread
from lgtrio.errors import InvalidRequest, NotFound, StorageUnavailable
from lgtrio.runs.executor import StateUpdated
from lgtrio.storage.interface import Json, ThreadRecord
from lgtrio.wire.converter import encode
from lgtrio.wire.states import (
    EMPTY_STATE,
    HistoryQuery,
    StateAtCheckpoint,
    StatePatch,
    StateUpdate,
    render_updated,
    select_from_history,
    select_from_state,
    with_checkpoint,
)

_UPDATE_SECONDS: Final = 30.0
"""Deadline of a shielded state update: its checkpoint and its thread row belong together."""

Place = dict[str, object]
"""Some of `checkpoint_id`, `checkpoint_ns`, `checkpoint_map`; empty for the latest state."""


@frozen
class StateRoutes:
    services: Services

    # -- reading -------------------------------------------------------------------------

    async def latest(self, thread_id: str) -> Response:
        return await self._answer_state(thread_id, {})

    async def at_checkpoint_id(self, thread_id: str, checkpoint_id: str) -> Response:
        return await self._answer_state(thread_id, {"checkpoint_id": checkpoint_id})

    async def at_checkpoint(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        body = await body_of(StateAtCheckpoint)
        state = await self._state(thread_id, body.checkpoint.given(), subgraphs=body.subgraphs)
        select = body.select or query().all("select")
        return json_answer(select_from_state(with_checkpoint(state, thread_id), select))

    async def _answer_state(self, thread_id: str, place: Place) -> Response:
        asked = query()
        state = await self._state(thread_of(thread_id), place, subgraphs=asked.boolean("subgraphs"))
        return json_answer(select_from_state(state, asked.all("select")))

    async def _state(self, thread_id: str, place: Place, *, subgraphs: bool) -> Json:
        thread = await existing_thread(self.services.storage, thread_id)
        graph_id = _graph_of(thread)
        if graph_id is not None:
            return await self.services.states.get_state(
                thread_id, graph_id, checkpoint=place or None, subgraphs=subgraphs
            )
        if "checkpoint_id" in place:
            raise NotFound(f"Thread {thread_id} has no checkpoints yet")
        return EMPTY_STATE

    async def history(self, thread_id: str) -> Response:
        """By query: how many, and before which checkpoint."""
        asked = query()
        limit = asked.count("limit", default=1, error=InvalidRequest)
        return json_answer(
            await self._history(thread_of(thread_id), limit=limit, before=asked.last("before"))
        )

    async def search_history(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        body = await body_of(HistoryQuery)
        states = await self._history(
            thread_id,
            limit=body.limit,
            before=body.before,
            metadata=body.metadata,
            place=body.checkpoint.given() if body.checkpoint else None,
        )
        return json_answer(select_from_history(states, body.select or ()))

    async def _history(
        self,
        thread_id: str,
        *,
        limit: int,
        before: str | None = None,
        metadata: dict[str, object] | None = None,
        place: Place | None = None,
    ) -> Json:
        thread = await existing_thread(self.services.storage, thread_id)
        graph_id = _graph_of(thread)
        if graph_id is None or limit == 0:
            return b"[]"
        return await self.services.states.get_history(
            thread_id,
            graph_id,
            limit=limit,
            before=before,
            metadata=metadata,
            checkpoint=place or None,
        )

    # -- changing ------------------------------------------------------------------------

    async def update(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        body = await body_of(StateUpdate)
        body.check_values()
        thread = await existing_thread(self.services.storage, thread_id)
        graph_id = graph_for_states(loads(thread.metadata), thread_id)
        with trio.move_on_after(_UPDATE_SECONDS, shield=True):
            updated = await self._update(thread_id, graph_id, body)
            return json_answer(render_updated(updated.config))
        raise StorageUnavailable(f"The update took longer than {_UPDATE_SECONDS:.0f} seconds.")

    async def _update(self, thread_id: str, graph_id: str, body: StateUpdate) -> StateUpdated:
        async with self.services.supervisor.quiet(thread_id):
            updated = await self.services.states.update_state(
                thread_id,
                graph_id,
                values=body.values,
                as_node=body.as_node,
                checkpoint=body.base(),
                metadata=body.metadata,
            )
            storage = self.services.storage
            if await storage.set_thread_state(thread_id, at_rest(updated)) is None:
                await storage.discard_states(thread_id)  # it was deleted, or expired, meanwhile
                raise unknown_thread(thread_id)
            await self._tell(thread_id, graph_id)
        return updated

    async def _tell(self, thread_id: str, graph_id: str) -> None:
        """Those who follow the thread see the new state before a run can change it again."""
        threads = self.services.supervisor.threads
        if threads.wants_state(thread_id):
            state = await self.services.states.get_state(thread_id, graph_id)
            threads.state_updated(thread_id, state)

    async def patch(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        body = await body_of(StatePatch)
        body.check()
        patched = await self.services.storage.patch_state(thread_id, encode(body.metadata))
        return answer_patched(thread_id, patched)


def _graph_of(thread: ThreadRecord) -> str | None:
    """The graph that ran on the thread last, or that it was made for."""
    graph_id = loads(thread.metadata).get("graph_id")
    return graph_id if isinstance(graph_id, str) else None
