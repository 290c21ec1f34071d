"""The run that a cron's firing makes. Pure."""

from __future__ import annotations

from typing import Any, Final

import attrs
from attrs import frozen
from orjson import loads

from lgtrio.storage.interface import AssistantRecord, CronRecord, Firing, Json
from lgtrio.wire.converter import structure
from lgtrio.wire.crons import CronFields
from lgtrio.wire.enums import OnCompletion
from lgtrio.wire.ids import new_id
from lgtrio.wire.new_run import RunPlan
from lgtrio.wire.runs import RunCreate
from lgtrio.wire.schedules import next_time

_FIELDS: Final = frozenset(each.name for each in attrs.fields(CronFields)) & frozenset(
    each.name for each in attrs.fields(RunCreate)
)
"""What of a payload speaks of the runs; a client may have put anything else into it."""


def firing_of(cron: CronRecord, at: str) -> Firing:
    """The firing of a cron that is due at a time, however long it has been: what was missed in
    between is not made up for one by one."""
    assert cron.next_run_date is not None, "found due"
    after = max(cron.next_run_date, at)
    return Firing(cron.cron_id, cron.next_run_date, next_time(cron.schedule, cron.timezone, after))


@frozen
class CronRun:
    """Everything that decides what the run is."""

    cron: CronRecord
    firing: Firing
    assistant: AssistantRecord
    thread_metadata: Json = b"{}"
    """Of the cron's thread."""

    def plan(self) -> RunPlan:
        """
        Raises:
            InvalidRequest: the payload is not what a run can be made of.
        """
        cron = self.cron
        return RunPlan(
            body=structure(RunCreate, self._body()),
            assistant=self.assistant,
            thread_id=cron.thread_id or new_id(),
            thread_metadata=self.thread_metadata,
            request_id=None,
            temporary=cron.on_run_completed is OnCompletion.DELETE,
            firing=self.firing,
        )

    def _body(self) -> dict[str, Any]:
        payload: dict[str, Any] = loads(self.cron.payload)
        body = {name: payload[name] for name in _FIELDS if name in payload}
        config = body["config"]
        # The server puts it there again; a configurable of the client's own and a context exclude
        # each other.
        configurable = {**config["configurable"]}
        del configurable["cron_id"]
        return {
            **body,
            "assistant_id": self.assistant.assistant_id,
            "config": {**config, "configurable": configurable},
        }
