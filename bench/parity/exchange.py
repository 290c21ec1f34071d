"""Requests and answers as they went over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx
from attrs import define, field, frozen

HEADERS = (
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-location",
    "content-type",
    "location",
    "vary",
    "x-accel-buffering",
    "x-pagination-next",
    "x-pagination-total",
)
"""Those that clients may look at; others (dates, lengths, the server's name) are not compared."""


@frozen
class Frame:
    """One server-sent event; `data` is parsed."""

    event: str
    data: Any
    id: str | None = None


@frozen
class Answer:
    """What came back.

    `body` is parsed JSON, a text, or None if there was none.
    """

    status: int
    headers: Mapping[str, str]
    body: Any = None
    frames: Sequence[Frame] | None = None
    """Of a stream, as far as it was read."""
    line_ends: str | None = None
    """Of a stream: `CRLF`, `LF` or `mixed`."""


@frozen
class Exchange:
    step: str
    request: str
    """Method and path, for readers."""
    answer: Answer


@define
class Recording:
    """One scenario on one server."""

    exchanges: dict[str, Exchange] = field(factory=dict)
    failure: str | None = None
    """Why it could not be played to its end."""


def head_of(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in HEADERS if name in answer.headers}


def answer_of(response: httpx.Response) -> Answer:
    """An answer whose body has been read."""
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        reader = SseReader()
        frames = list(reader.read([response.text]))
        return Answer(
            response.status_code, head_of(response), frames=frames, line_ends=reader.line_ends
        )
    return Answer(response.status_code, head_of(response), _body_of(response))


def _body_of(response: httpx.Response) -> Any:
    if not response.content:
        return None
    if response.headers.get("content-type", "").startswith("application/json"):
        return response.json()
    return response.text


class SseReader:
    """Frames out of the text of a stream, however it is cut into chunks."""

    def __init__(self) -> None:
        self._rest = ""
        self._fields: dict[str, str] = {}
        self._crlf = self._lf = 0

    @property
    def line_ends(self) -> str | None:
        if self._crlf and self._lf:
            return "mixed"
        return "CRLF" if self._crlf else "LF" if self._lf else None

    def read(self, chunks: Iterable[str]) -> Iterator[Frame]:
        for chunk in chunks:
            self._rest += chunk
            *lines, self._rest = self._rest.split("\n")
            for line in lines:
                self._crlf += line.endswith("\r")
                self._lf += not line.endswith("\r")
                if frame := self._line(line.removesuffix("\r")):
                    yield frame

    def _line(self, line: str) -> Frame | None:
        if line:
            name, _, value = line.partition(":")
            if name:  # a comment has none
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if not fields:
            return None
        data = json.loads(fields["data"]) if fields.get("data") else None
        return Frame(fields.get("event", "message"), data, fields.get("id"))
