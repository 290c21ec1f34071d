"""The journal on the wire: which part of it is asked for, and how a line is shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from attrs import frozen
from orjson import dumps

from lgtrio.errors import InvalidRequest
from lgtrio.storage.interface import JournalLine, JournalSpan
from lgtrio.wire.enums import RunStatus


@frozen
class Place:
    """A place in the journal, as a client names it: by a seq or by a time."""

    seq: int | None = None
    at: str | None = None
    """In the form of `JournalLine.at`."""

    @classmethod
    def parse(cls, name: str, text: str) -> Place:
        """
        Args:
            name: of the parameter, for the sentence.

        Raises:
            InvalidRequest: neither a number nor a time.
        """
        if text.isascii() and text.isdigit() and len(text) < 19:
            return cls(seq=int(text))
        try:
            return cls(at=_canonical(text))
        except (ValueError, OverflowError):
            raise InvalidRequest(
                f"`{name}` must be a time such as 2026-01-31T12:00:00Z or the seq of a line,"
                f" got {text!r}"
            ) from None


def _canonical(text: str) -> str:
    """An ISO 8601 time in the one form that the journal sorts by; without a zone it is UTC."""
    # A plus in a query that was not escaped arrives as a space.
    time = datetime.fromisoformat(text[:11] + text[11:].replace(" ", "+"))
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat(timespec="microseconds")


def span_between(since: str | None, until: str | None) -> JournalSpan:
    """The lines behind a seq or from a time on, up to and with a seq or before a time.

    Raises:
        InvalidRequest: one of the two is neither a number nor a time.
    """
    start = Place.parse("since", since) if since else Place()
    end = Place.parse("until", until) if until else Place()
    return JournalSpan(after=start.seq or 0, up_to=end.seq, since=start.at, before=end.at)


def last_event_seq(text: str) -> int:
    """The seq behind which a client goes on that has had a part of the live journal.

    Returns:
        0 for `-1`: everything there is.

    Raises:
        InvalidRequest: no id of that stream.
    """
    place = Place() if text == "-1" else Place.parse("Last-Event-ID", text)
    if place.at is not None:
        raise InvalidRequest(f"Invalid Last-Event-ID {text!r}: send the seq of a line, or -1.")
    return place.seq or 0


def render_line(line: JournalLine) -> bytes:
    return dumps(_shown(line))


def render_lines(lines: Iterable[JournalLine]) -> bytes:
    return dumps([_shown(line) for line in lines])


def _shown(line: JournalLine) -> dict[str, str | int | float | RunStatus | None]:
    return {
        "seq": line.seq,
        "at": line.at,
        "monotonic": line.monotonic,
        "thread_id": line.thread_id,
        "run_id": line.run_id,
        "assistant_id": line.assistant_id,
        "graph_id": line.graph_id,
        "from": line.from_status,
        "to": line.to_status,
        "cause": line.cause,
        "actor": line.actor,
        "asked": line.asked,
    }
