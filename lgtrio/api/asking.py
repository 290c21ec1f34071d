"""Reading a request: body, query, ids, headers."""

from __future__ import annotations

from typing import Final, TypeVar, cast
from urllib.parse import urlencode

from quart import request

from lgtrio.api.connections import WholeBody, WholeRequest
from lgtrio.wire.converter import parse
from lgtrio.wire.ids import parse_uuid
from lgtrio.wire.query import Query

T = TypeVar("T")

_LAST_EVENT_ID: Final = "last_event_id"


async def body_of(cls: type[T]) -> T:
    """The request's JSON body as `cls`, whatever its content type says.

    Raises:
        InvalidRequest: not JSON, or not of the shape.
    """
    return parse(cls, await raw_body())


async def raw_body() -> bytes:
    """The request's body; whoever asks for it takes it."""
    return cast("WholeBody", request.body).take()


def query() -> Query:
    if not request.query_string:  # nearly always; parsing nothing takes as long as a look-up
        return Query(())
    return Query(list(request.args.items(multi=True)))


def assistant_of(text: str) -> str:
    """An assistant id from the path or a body.

    Raises:
        InvalidRequest: no UUID.
    """
    return parse_uuid("assistant", text)


def thread_of(text: str) -> str:
    """A thread id from the path.

    Raises:
        InvalidRequest: no UUID.
    """
    return parse_uuid("thread", text)


def run_of(text: str) -> str:
    """A run id from the path.

    Raises:
        InvalidRequest: no UUID.
    """
    return parse_uuid("run", text)


def request_id() -> str:
    """The client's own name for this request, else one of ours; runs, journal and answer carry
    it."""
    return cast("WholeRequest", request).own_id


def last_event_id() -> str | None:
    """Id of the last event that the client has had; the query is for those that come back to a
    `Location` before they have had one."""
    return request.headers.get("Last-Event-ID") or query().last(_LAST_EVENT_ID)


def location_after(path: str, event_id: str | None) -> str:
    """Where to come back to when a stream breaks off: `path` with the query of this request.

    Args:
        event_id: what the stream starts behind, for clients that break off before its first
            event; None where nothing is stored.
    """
    pairs = [pair for pair in query().pairs if pair[0] != _LAST_EVENT_ID]
    if event_id is not None:
        pairs.append((_LAST_EVENT_ID, event_id))
    return f"{path}?{urlencode(pairs)}" if pairs else path
