"""What a row of the table of routes holds: enough to serve a path and to describe it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen
from quart.wrappers import Response

Handler = Callable[..., Awaitable[Response]]


@frozen
class Parameter:
    """A value that a request may have beside its path and its body."""

    name: str
    kind: Any
    """Python type of the value (lists are sent by repeating the name), or a JSON schema where
    that says more."""
    about: str
    place: str = "query"
    """`query` or `header`."""
    required: bool = False


class Content(StrEnum):
    """What a good answer is."""

    JSON = "JSON"
    EVENTS = "server-sent events"
    METRICS = "metrics"
    PAGE = "HTML"
    NOTHING = "no body"


@frozen
class Route:
    method: str
    path: str
    """Its parts in angle brackets are the handler's arguments."""
    handler: Handler
    summary: str
    answer: str
    """What a good answer says, as a phrase."""
    content: Content = Content.JSON
    empty_status: int | None = None
    """Of a good answer without a body, where there is one; an answer with a body has 200."""
    empty_answer: str | None = None
    """What that one says, if not the same."""
    body: Any = None
    """The class that parses the request's body."""
    parameters: Sequence[Parameter] = ()
    gives: Any = Any
    """Type of the JSON of a good answer, see `lgtrio.wire.answers`."""
    selects: bool = False
    """Clients may leave out keys of it."""
    headers: Sequence[str] = ()
    """That a good answer may have, and that say something of their own."""
    refusals: Sequence[int] = ()
    """Statuses of errors, beside those that follow from path, parameters and body."""
    described: bool = True
    """In the document of the API."""
    tag: str = ""
    """Heading of the documentation; see `under`."""


def under(tag: str, *routes: Route) -> Iterator[Route]:
    """Routes that stand under one heading."""
    return (evolve(route, tag=tag) for route in routes)
