"""Threads on the wire."""

from __future__ import annotations

from attrs import field, frozen
from orjson import Fragment, dumps

from lgtrio.errors import InvalidRequest
from lgtrio.storage.interface import ThreadRecord
from lgtrio.wire.converter import NotYet, Object
from lgtrio.wire.enums import OnConflict

_NO_TTL = "`ttl` is not in this version yet: threads are kept until they are deleted"


@frozen
class ThreadCreate:
    """Body of POST /threads."""

    thread_id: str | None = None
    metadata: Object = field(factory=dict)
    if_exists: OnConflict = OnConflict.RAISE
    ttl: NotYet | None = None
    supersteps: NotYet | None = None

    def refuse_unbuilt(self) -> None:
        """
        Raises:
            InvalidRequest: a field was given that this version cannot honour.
        """
        if self.ttl is not None:
            raise InvalidRequest(_NO_TTL)
        if self.supersteps:
            raise InvalidRequest(
                "`supersteps` are not in this version yet: create the thread, then update its"
                " state step by step"
            )


@frozen
class ThreadPatch:
    """Body of PATCH /threads/{id}; metadata is merged key by key, null is stored as null."""

    metadata: Object = field(factory=dict)
    ttl: NotYet | None = None

    def refuse_unbuilt(self) -> None:
        """
        Raises:
            InvalidRequest: a field was given that this version cannot honour.
        """
        if self.ttl is not None:
            raise InvalidRequest(_NO_TTL)


def render_thread(record: ThreadRecord) -> bytes:
    return dumps(
        {
            "thread_id": record.thread_id,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "state_updated_at": record.state_updated_at,
            "metadata": Fragment(record.metadata),
            "status": record.status,
            "config": Fragment(record.config),
            "values": None if record.values is None else Fragment(record.values),
            "error": None if record.error is None else Fragment(record.error),
            "interrupts": Fragment(record.interrupts),
        }
    )
