"""What a webhook is told of the end of a run. Pure."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from orjson import Fragment, dumps

from lgtrio.storage.interface import Json, RunRecord
from lgtrio.wire.runs import run_columns

ROLLED_BACK: Final = "rollback"
"""Status of a run that has been undone; no stored run has it."""
_NEVER_STARTED: Final = b'{"error":"UserInterrupt","message":"The run ended before it started"}'


@frozen
class EndOfRun:
    status: str
    """A run's status, or `rollback`."""
    started_at: str | None
    """When it was started last; None if it never was."""
    ended_at: str
    values: Json | None
    """The state that it left; None if there is none, or nothing of the run stays."""
    error: Json | None
    """`{"error", "message"}` of a run that failed or was cancelled."""
    cancel_reason: str | None = None


def webhook_body(run: RunRecord, end: EndOfRun) -> Json:
    """The body, less the time of sending (see `sent_at`)."""
    body = {
        **run_columns(run),
        "status": end.status,
        "cancel_reason": end.cancel_reason,
        "updated_at": end.ended_at,
        "run_started_at": end.started_at,
        "run_ended_at": end.ended_at,
        "values": None if end.values is None else Fragment(end.values),
    }
    error = end.error
    if error is None and end.started_at is None and end.status != ROLLED_BACK:
        error = _NEVER_STARTED
    if error is not None:
        body["error"] = Fragment(error)
    return dumps(body)


def sent_at(body: Json, at: str) -> Json:
    """The body with the time of sending; what is in it may be large and is not parsed."""
    return body[:-1] + b',"webhook_sent_at":' + dumps(at) + b"}"
