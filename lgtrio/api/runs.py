"""Runs in the background: create, list, get, cancel, delete."""

from __future__ import annotations

from attrs import frozen
from quart.wrappers import Response

from lgtrio.api.answers import empty, json_answer, run_path
from lgtrio.api.asking import body_of, query, raw_body, request_id, run_of, thread_of
from lgtrio.api.orders import Orders
from lgtrio.api.services import Services
from lgtrio.api.threads import existing_thread
from lgtrio.errors import InvalidRequest, NotFound
from lgtrio.runs.stopping import CANCEL_MANY
from lgtrio.storage.interface import RunRecord, Storage
from lgtrio.wire.cancels import CancelMany
from lgtrio.wire.enums import CancelAction, CancelReason
from lgtrio.wire.query import Query
from lgtrio.wire.runs import RunCreate, read_batch, render_run, render_runs


async def existing_run(storage: Storage, thread_id: str, run_id: str) -> RunRecord:
    """The run of this thread; both ids as they stand in the path.

    Raises:
        InvalidRequest: not UUIDs. NotFound: no such thread, or no such run on it.
    """
    thread_id, run_id = thread_of(thread_id), run_of(run_id)
    run = await storage.get_run(run_id)
    if run is not None and run.thread_id == thread_id:
        return run
    await existing_thread(storage, thread_id)
    raise NotFound("Run not found")


@frozen
class RunRoutes:
    services: Services
    orders: Orders

    async def create(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        submitted = await self.orders.on_thread(
            thread_id, await body_of(RunCreate), actor=request_id()
        )
        run = submitted.run
        location = {"Content-Location": run_path(thread_id, run.run_id)}
        return json_answer(render_run(run), headers=location)

    async def create_stateless(self) -> Response:
        submitted = await self.orders.stateless(await body_of(RunCreate), actor=request_id())
        run = submitted.run
        return json_answer(render_run(run), headers={"Content-Location": f"/runs/{run.run_id}"})

    async def create_batch(self) -> Response:
        runs = await self.orders.batch(read_batch(await raw_body()), actor=request_id())
        return json_answer(render_runs(runs))

    async def list_runs(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        asked = query()
        await existing_thread(self.services.storage, thread_id)
        runs = await self.services.storage.list_runs(
            thread_id,
            limit=asked.count("limit", default=10),
            offset=asked.count("offset", default=0),
            status=asked.last("status"),
        )
        return json_answer(render_runs(runs, asked.all("select")))

    async def get(self, thread_id: str, run_id: str) -> Response:
        run = await existing_run(self.services.storage, thread_id, run_id)
        return json_answer(render_run(run))

    async def delete(self, thread_id: str, run_id: str) -> Response:
        run = await existing_run(self.services.storage, thread_id, run_id)
        await self.services.supervisor.stopper.delete_run(run, actor=request_id())
        return empty(204)

    async def cancel(self, thread_id: str, run_id: str) -> Response:
        thread_id, run_id = thread_of(thread_id), run_of(run_id)
        asked = query()
        wait = asked.boolean("wait")
        action = asked.word("action", CancelAction, default=CancelAction.INTERRUPT)
        actor = _cancelling_actor(asked, action)
        await self.services.supervisor.stopper.cancel(
            thread_id, [run_id], action=action, wait=wait, actor=actor
        )
        if not wait:
            return empty(202)
        path = run_path(thread_id, run_id)
        return json_answer(b"{}", headers={"Content-Location": path, "Location": f"{path}/join"})

    async def cancel_many(self) -> Response:
        asked = query()
        wait = asked.boolean("wait")
        action = asked.word("action", CancelAction, default=CancelAction.INTERRUPT)
        body = await body_of(CancelMany)
        named, actor = body.named(), request_id()
        supervisor = self.services.supervisor
        if named is None:
            await supervisor.stopper.cancel_all(
                body.run_status(), action=action, wait=wait, actor=actor
            )
        else:
            await supervisor.stopper.cancel(
                *named, action=action, wait=wait, actor=actor, request=CANCEL_MANY
            )
        return empty(204)


def _cancelling_actor(asked: Query, action: CancelAction) -> str:
    """Who cancels, with the reason where the client gives one.

    Raises:
        InvalidRequest: no such reason, or the run will not be there to have it.
    """
    reason = asked.optional_word("reason", CancelReason)
    if reason is None:
        return request_id()
    if action is CancelAction.ROLLBACK:
        raise InvalidRequest(
            "`reason` goes with action=interrupt: nothing stays of a run that is rolled back"
        )
    return f"{reason}: {request_id()}"
