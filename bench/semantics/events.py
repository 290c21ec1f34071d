"""Server-sent events, read with the time of their arrival."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from attrs import frozen


@frozen
class Event:
    at: float
    """Seconds on `time.perf_counter`."""
    name: str
    data: Any
    id: str | None

    @property
    def number(self) -> int | None:
        """The number that the probe has given to a custom event."""
        return self.data["number"] if self.name == "custom" else None


async def events_of(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a stream, up to its end or to where it breaks off."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\r\n")
        name, _, value = line.partition(":")
        if name:  # a comment has none
            fields[name] = value.removeprefix(" ")
        elif not line and "event" in fields:
            data = json.loads(fields.get("data", "null"))
            yield Event(time.perf_counter(), fields["event"], data, fields.get("id"))
            fields = {}
