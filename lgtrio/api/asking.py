"""Reading a request: body, query, ids, headers."""

from __future__ import annotations

from typing import TypeVar

from quart import request

from lgtrio.wire.converter import parse
from lgtrio.wire.ids import parse_uuid, random_id
from lgtrio.wire.query import Query

T = TypeVar("T")


async def body_of(cls: type[T]) -> T:
    """The request's JSON body as `cls`, whatever its content type says.

    Raises:
        InvalidRequest: not JSON, or not of the shape.
    """
    return parse(cls, await request.get_data(cache=False, as_text=False, parse_form_data=False))


def query() -> Query:
    return Query(list(request.args.items(multi=True)))


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
    """The client's own name for this request, else one of ours; runs and journal carry it."""
    return request.headers.get("X-Request-ID") or random_id()
