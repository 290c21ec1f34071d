"""Cancelling many runs at once, on the wire."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from lgtrio.errors import InvalidRequest
from lgtrio.wire.converter import JSON_FORMS
from lgtrio.wire.enums import CancelStatus, RunStatus
from lgtrio.wire.ids import parse_uuid


@frozen
class CancelMany:
    """Body of POST /runs/cancel: either `status`, or `thread_id` with `run_ids`."""

    status: CancelStatus | None = None
    thread_id: str | None = None
    run_ids: list[str] | None = None

    def named(self) -> tuple[str, list[str]] | None:
        """The thread and its runs, if the body names them; None if it has a status.

        Raises:
            InvalidRequest: both, neither or half of it is given; an id is no UUID.
        """
        if self.status is not None and self.thread_id is None and self.run_ids is None:
            return None
        if self.status is not None or self.thread_id is None or not self.run_ids:
            raise InvalidRequest("Give either `status`, or `thread_id` and `run_ids`")
        run_ids = [parse_uuid("run", run_id) for run_id in dict.fromkeys(self.run_ids)]
        return parse_uuid("thread", self.thread_id), run_ids

    def run_status(self) -> RunStatus | None:
        """The status that the runs have; None for any that has not ended."""
        every = self.status is None or self.status is CancelStatus.ALL
        return None if every else RunStatus(str(self.status))


_NULL: Final = {"type": "null"}
JSON_FORMS[CancelMany] = {
    "anyOf": [
        {
            "required": ["status"],
            "properties": {"status": {"type": "string"}, "thread_id": _NULL, "run_ids": _NULL},
        },
        {
            "required": ["thread_id", "run_ids"],
            "properties": {
                "thread_id": {"type": "string"},
                "run_ids": {"type": "array", "minItems": 1},
                "status": _NULL,
            },
        },
    ]
}
