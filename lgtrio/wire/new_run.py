"""A run as it is stored: body, assistant and thread merged, every default applied. Pure."""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, field, frozen
from orjson import loads

from lgtrio.storage.interface import AssistantRecord, Firing, Json, NewRun
from lgtrio.wire.converter import encode
from lgtrio.wire.ids import new_id
from lgtrio.wire.kwargs import RunKwargs
from lgtrio.wire.merging import AssistantParts, Merged, merge
from lgtrio.wire.runs import RunCreate
from lgtrio.wire.times import in_seconds_iso, now_ms

_NOBODY: Final[dict[str, object]] = {
    "user_id": "",
    "langgraph_auth_user": None,
    "langgraph_auth_user_id": "",
    "langgraph_auth_permissions": [],
}
"""Who is asking, as graphs see it on a server without authentication."""
_CLOCK: Final[dict[str, object]] = {
    **_NOBODY,
    "langgraph_auth_user": {"identity": "", "is_authenticated": True, "display_name": ""},
}
"""Who is asking when a cron fires."""


@frozen
class RunPlan:
    """Everything that decides what a new run is."""

    body: RunCreate
    assistant: AssistantRecord
    thread_id: str
    thread_metadata: Json
    request_id: str | None
    """None for a run that no request has asked for."""
    temporary: bool
    run_id: str = field(factory=new_id)
    firing: Firing | None = None
    """Of the cron that this is a run of."""

    def identity(self) -> dict[str, str]:
        """What the metadata of the run always has."""
        return {
            "graph_id": self.assistant.graph_id,
            "assistant_id": self.assistant.assistant_id,
        }

    def thread_metadata_json(self) -> Json:
        """The metadata of a thread that is made for the run: what the request gave to the run."""
        config: dict[str, Any] = self.body.config.get("metadata") or {}
        return encode({**config, **self.body.metadata, **self.identity()})

    def new_run(self) -> NewRun:
        """
        Raises:
            BadRequest: the body has both a configurable and a context.
            InvalidRequest: it is nested too deeply to be stored.
        """
        merged = self._merged()
        delay = self.body.after_seconds
        return NewRun(
            run_id=self.run_id,
            thread_id=self.thread_id,
            assistant_id=self.assistant.assistant_id,
            graph_id=self.assistant.graph_id,
            multitask_strategy=self.body.multitask_strategy,
            metadata=encode(merged.metadata),
            kwargs=self._kwargs(merged).to_json(),
            thread_config=encode(merged.thread_config),
            temporary=self.temporary,
            resumable=self.body.stream_resumable,
            not_before=in_seconds_iso(delay) if delay else None,
            webhook=self.body.webhook,
            firing=self.firing,
        )

    def _merged(self) -> Merged:
        body, assistant = self.body, self.assistant
        return merge(
            AssistantParts(
                config=loads(assistant.config),
                context=loads(assistant.context),
                metadata=loads(assistant.metadata),
            ),
            loads(self.thread_metadata),
            config=body.config,
            context=body.context,
            metadata=body.metadata,
            fork_point=body.fork_point(),
            server_keys=self._server_keys(),
            identity=self.identity(),
        )

    def _server_keys(self) -> dict[str, Any]:
        cron = {} if self.firing is None else {**_CLOCK, "cron_id": self.firing.cron_id}
        return {
            "run_id": self.run_id,
            "thread_id": self.thread_id,
            **self.identity(),
            **_NOBODY,
            **cron,
            "langgraph_request_id": self.request_id,
            "__request_start_time_ms__": now_ms(),
            "__after_seconds__": self.body.after_seconds,
        }

    def _kwargs(self, merged: Merged) -> RunKwargs:
        body, tracer = self.body, self.body.langsmith_tracer
        return RunKwargs(
            input=body.input,
            command=body.command,
            config=merged.config,
            context=merged.context,
            stream_mode=body.stream_mode,
            interrupt_before=body.interrupt_before,
            interrupt_after=body.interrupt_after,
            webhook=body.webhook,
            feedback_keys=body.feedback_keys,
            langsmith_tracer=None if tracer is None else asdict(tracer),
            temporary=self.temporary,
            subgraphs=body.stream_subgraphs,
            resumable=body.stream_resumable,
            checkpoint_during=body.checkpoint_during is not False,
            durability=body.effective_durability(),
            context_given=bool(body.context),
            strict_resume=body.strict_resume,
        )
