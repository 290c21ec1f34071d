"""What `join` answers for a run that has ended: from its stored thread, pure."""

from __future__ import annotations

from typing import Any

import orjson

from lgtrio.storage.interface import Json, RunRecord, ThreadRecord
from lgtrio.wire.enums import RunStatus


def stored_result(run: RunRecord, thread: ThreadRecord | None) -> Json:
    """The thread's values as `wait` would have answered them."""
    if thread is None:
        return b"{}"
    if run.status is RunStatus.ERROR and thread.error is not None:
        return b'{"__error__":' + thread.error + b"}"
    if thread.interrupts == b"{}" or thread.values is None:
        return thread.values or b"{}"
    return _with_interrupts(thread.values, thread.interrupts)


def _with_interrupts(values: Json, interrupts: Json) -> Json:
    """Add `__interrupt__` to an object of values (a state that is no object has no place)."""
    decoded: Any = orjson.loads(values)
    if not isinstance(decoded, dict):
        return values
    pending = [
        {**interrupt, "response_schema": None}
        for task in orjson.loads(interrupts).values()
        for interrupt in task
    ]
    return orjson.dumps({**decoded, "__interrupt__": pending})
