"""Requests that last as long as a run: stream it, wait for it, join one that is there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from attrs import frozen
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

from lgtrio.api.answers import run_path
from lgtrio.api.asking import (
    body_of,
    last_event_id,
    location_after,
    query,
    request_id,
    run_of,
    thread_of,
)
from lgtrio.api.bodies import ResultSource, RunBody, Source, StreamSource
from lgtrio.api.orders import Orders
from lgtrio.api.runs import existing_run
from lgtrio.api.services import Services
from lgtrio.errors import NotFound
from lgtrio.runs.frames import Selection
from lgtrio.runs.streams import Subscription
from lgtrio.runs.supervisor import Submitted
from lgtrio.wire.enums import DisconnectMode
from lgtrio.wire.query import Query
from lgtrio.wire.runs import RunCreate

STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
_RESULT_HEADERS: Final = {"Content-Type": "application/json"}


@frozen
class StreamRoutes:
    services: Services
    orders: Orders

    # -- create and follow ---------------------------------------------------------------

    async def stream(self, thread_id: str) -> Response:
        body = await body_of(RunCreate)
        submitted = await self.orders.on_thread(
            thread_of(thread_id), body, actor=request_id(), follow=True
        )
        return self._created_stream(submitted, body, stateless=False)

    async def stream_stateless(self) -> Response:
        body = await body_of(RunCreate)
        submitted = await self.orders.stateless(body, actor=request_id(), follow=True)
        return self._created_stream(submitted, body, stateless=True)

    async def wait(self, thread_id: str) -> Response:
        body = await body_of(RunCreate)
        submitted = await self.orders.on_thread(thread_of(thread_id), body, actor=request_id())
        return self._created_result(submitted, body)

    async def wait_stateless(self) -> Response:
        body = await body_of(RunCreate)
        submitted = await self.orders.stateless(body, actor=request_id())
        return self._created_result(submitted, body)

    def _created_stream(
        self, submitted: Submitted, body: RunCreate, *, stateless: bool
    ) -> Response:
        assert submitted.subscription is not None, "asked for with follow=True"
        submitted.subscription.selection = Selection(namespaces=_namespaces(query()))
        run = submitted.run
        path = run_path(run.thread_id, run.run_id)
        return self._answer(
            StreamSource(submitted.subscription),
            run.run_id,
            headers={
                **STREAM_HEADERS,
                "Content-Location": f"/runs/{run.run_id}" if stateless else path,
                "Location": location_after(f"{path}/stream", "-1" if run.resumable else None),
            },
            cancel_on_disconnect=body.on_disconnect is DisconnectMode.CANCEL,
        )

    def _created_result(self, submitted: Submitted, body: RunCreate) -> Response:
        run = submitted.run
        return self._answer(
            ResultSource(self.services.supervisor, run, submitted.handle),
            run.run_id,
            headers=_result_headers(run.thread_id, run.run_id),
            cancel_on_disconnect=body.on_disconnect is DisconnectMode.CANCEL,
        )

    # -- follow a run that is there ------------------------------------------------------

    async def join(self, thread_id: str, run_id: str) -> Response:
        run = await existing_run(self.services.storage, thread_id, run_id)
        supervisor = self.services.supervisor
        return self._answer(
            ResultSource(supervisor, run, await supervisor.following.handle_of(run)),
            run.run_id,
            headers=_result_headers(run.thread_id, run.run_id),
            cancel_on_disconnect=query().boolean("cancel_on_disconnect"),
        )

    async def join_stream(self, thread_id: str, run_id: str) -> Response:
        return await self._join_stream(thread_of(thread_id), run_of(run_id))

    async def join_stateless_stream(self, run_id: str) -> Response:
        storage, run_id = self.services.storage, run_of(run_id)
        run = await storage.get_run(run_id)
        thread_id = run.thread_id if run else await storage.thread_of_kept_stream(run_id)
        if thread_id is None:
            raise NotFound("Run not found")
        return await self._join_stream(thread_id, run_id)

    async def _join_stream(self, thread_id: str, run_id: str) -> Response:
        cancel_on_disconnect = query().boolean("cancel_on_disconnect")
        subscription, resumable = await self._followed(thread_id, run_id)
        path = run_path(thread_id, run_id)
        since = f"0-{subscription.after}" if resumable else None
        return self._answer(
            StreamSource(subscription),
            run_id,
            headers={
                **STREAM_HEADERS,
                "Content-Location": path,
                "Location": location_after(f"{path}/stream", since),
            },
            cancel_on_disconnect=cancel_on_disconnect,
        )

    async def _followed(self, thread_id: str, run_id: str) -> tuple[Subscription, bool]:
        """The run's stream, or what is kept of it, and whether clients may come back to it."""
        storage, following = self.services.storage, self.services.supervisor.following
        asked = query()
        modes = frozenset(asked.all("stream_mode")) or None
        selection = Selection(modes=modes, namespaces=_namespaces(asked))
        known = {"last_event_id": last_event_id(), "checkpoint_id": asked.last("checkpoint_id")}
        try:
            run = await existing_run(storage, thread_id, run_id)
        except NotFound as error:
            missing = error
        else:
            return await following.follow(run, selection=selection, **known), run.resumable
        if await storage.thread_of_kept_stream(run_id) != thread_id:
            raise missing
        return await following.follow_kept(run_id, selection=selection, **known), True

    def _answer(
        self,
        source: Source,
        run_id: str,
        *,
        headers: dict[str, str],
        cancel_on_disconnect: bool,
    ) -> Response:
        disconnected = partial(self.services.supervisor.stopper.disconnected, run_id)
        body = RunBody(
            source,
            self.services.heartbeat,
            on_disconnect=disconnected if cancel_on_disconnect else None,
        )
        return TrioResponse(body, headers=headers)


def _namespaces(asked: Query) -> Sequence[str] | None:
    """Where events must come from; None for anywhere. The empty one is the root graph."""
    return asked.given("namespace") or None


def _result_headers(thread_id: str, run_id: str) -> dict[str, str]:
    path = run_path(thread_id, run_id)
    return {**_RESULT_HEADERS, "Content-Location": path, "Location": f"{path}/join"}
