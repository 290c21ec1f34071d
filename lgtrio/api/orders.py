"""From the body of a create to a stored run: assistant found, thread looked at, submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import frozen

from lgtrio.api.services import Services
from lgtrio.errors import InvalidRequest, NotFound
from lgtrio.runs.supervisor import Submitted
from lgtrio.storage.interface import AssistantRecord, NewThread, RunOrder, RunRecord
from lgtrio.wire.enums import IfNotExists, OnCompletion
from lgtrio.wire.ids import default_assistant_id, new_id, parse_uuid
from lgtrio.wire.new_run import RunPlan
from lgtrio.wire.runs import BatchedRun, RunCreate

log = structlog.get_logger(__name__)

_NOT_FOUND: Final = "Thread or assistant not found."


@frozen
class Orders:
    """Creates runs. `actor` is the request's id, which run and journal carry."""

    services: Services

    async def on_thread(
        self, thread_id: str, body: RunCreate, *, actor: str, follow: bool = False
    ) -> Submitted:
        """Create a run on a thread.

        Raises:
            NotFound: no such assistant; no such thread, and `if_not_exists` is not `create`.
            BadRequest, InvalidRequest: the body contradicts itself or asks for what is not
                there. ThreadBusy: strategy reject. ShuttingDown: stop flag.
        """
        order = await self._on_thread(thread_id, body, actor)
        return await self._submit(order, actor=actor, follow=follow)

    async def stateless(self, body: RunCreate, *, actor: str, follow: bool = False) -> Submitted:
        """Create a run on a thread made for it alone; raises as `on_thread`."""
        return await self._submit(await self._stateless(body, actor), actor=actor, follow=follow)

    async def batch(self, bodies: Sequence[BatchedRun], *, actor: str) -> Sequence[RunRecord]:
        """Create all of these runs or, when one of them cannot be, none; raises as `on_thread`."""
        orders = [await self._batched(body, actor) for body in bodies]
        return await self.services.supervisor.submit_all(orders, actor=actor)

    async def _submit(self, order: RunOrder, *, actor: str, follow: bool) -> Submitted:
        return await self.services.supervisor.submit(
            order.run, thread=order.thread, follow=follow, actor=actor
        )

    # -- what is to be stored ------------------------------------------------------------

    async def _batched(self, body: BatchedRun, actor: str) -> RunOrder:
        if body.thread_id is None:
            return await self._stateless(body, actor)
        return await self._on_thread(parse_uuid("thread", body.thread_id), body, actor)

    async def _on_thread(self, thread_id: str, body: RunCreate, actor: str) -> RunOrder:
        self._check(body)
        assistant = await self.assistant(body.assistant_id)
        thread = await self.services.storage.get_thread(thread_id)
        may_create = body.if_not_exists is IfNotExists.CREATE
        if thread is None and not may_create:
            raise NotFound(_NOT_FOUND)
        plan = RunPlan(
            body=body,
            assistant=assistant,
            thread_id=thread_id,
            thread_metadata=b"{}" if thread is None else thread.metadata,
            request_id=actor,
            temporary=False,
        )
        return _order(plan, may_create=may_create)

    async def _stateless(self, body: RunCreate, actor: str) -> RunOrder:
        self._check(body)
        body.refuse_checkpoint()
        plan = RunPlan(
            body=body,
            assistant=await self.assistant(body.assistant_id),
            thread_id=new_id(),
            thread_metadata=b"{}",
            request_id=actor,
            temporary=body.on_completion is OnCompletion.DELETE,
        )
        return _order(plan, may_create=True)

    def _check(self, body: RunCreate) -> None:
        """
        Raises:
            InvalidRequest: its webhook must not be called.
        """
        if body.webhook is not None:
            self.services.webhooks.check(body.webhook)
        if body.feedback_keys:
            log.warning(
                "feedback_keys have no effect: there is no feedback service to make links from",
                keys=body.feedback_keys,
            )

    async def assistant(self, given: str) -> AssistantRecord:
        """The assistant of this id, or the one that every graph has.

        Raises:
            InvalidRequest: neither a UUID nor a graph. NotFound: no such assistant, or its
                graph is not served any more.
        """
        graphs = self.services.graphs
        assistant_id = default_assistant_id(given) if given in graphs else self._uuid(given)
        assistant = await self.services.storage.get_assistant(assistant_id)
        if assistant is None:
            raise NotFound(_NOT_FOUND)
        self.services.check_graph(assistant.graph_id)
        return assistant

    def _uuid(self, given: str) -> str:
        try:
            return parse_uuid("assistant", given)
        except InvalidRequest:
            raise InvalidRequest(
                f"Invalid assistant: '{given}'. Must be either:\n- A valid assistant UUID, or\n"
                f"- One of the registered graphs: {', '.join(self.services.graphs)}"
            ) from None


def _order(plan: RunPlan, *, may_create: bool) -> RunOrder:
    thread = NewThread(plan.thread_id, plan.thread_metadata_json()) if may_create else None
    return RunOrder(plan.new_run(), thread)
