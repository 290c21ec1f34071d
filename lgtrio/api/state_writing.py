"""What the routes share that write states without running a graph."""

from __future__ import annotations

from collections.abc import Mapping

from lgtrio.errors import BadRequest
from lgtrio.runs.executor import StateUpdated
from lgtrio.storage.interface import ThreadOutcome
from lgtrio.wire.enums import ThreadStatus


def graph_for_states(metadata: Mapping[str, object], thread_id: str) -> str:
    """The graph whose states the thread can have, as its metadata says.

    Raises:
        BadRequest: it does not.
    """
    graph_id = metadata.get("graph_id")
    if isinstance(graph_id, str):
        return graph_id
    raise BadRequest(
        f"Thread '{thread_id}' has no assigned graph ID. Run a graph on it first, or create it"
        " with a `graph_id` in its metadata."
    )


def at_rest(updated: StateUpdated) -> ThreadOutcome:
    """What a state that was written by hand makes of its thread."""
    halted = bool(updated.next) or updated.interrupts != b"{}"
    return ThreadOutcome(
        rest_status=ThreadStatus.INTERRUPTED if halted else ThreadStatus.IDLE,
        values=updated.values,
        interrupts=updated.interrupts,
    )
