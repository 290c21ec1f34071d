"""Routes of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lgtrio.api.journal import DEFAULT_LIMIT, MAX_LIMIT, JournalFormat, JournalRoutes
from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.services import Services
from lgtrio.wire.answers import JournalLine, Trace

_LAST_SEQ: Final = Parameter(
    "Last-Event-ID",
    {"type": "string", "pattern": "^(-1|[0-9]{1,18})$"},
    "Seq of the last line received, or -1 for all from the start.",
    "header",
)
_JOURNAL: Final = (
    Parameter("since", str, "Lines from this time on (ISO 8601), or behind the one of this seq."),
    Parameter("until", str, "Lines before this time, or up to and with the one of this seq."),
    Parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        f"How many lines; {DEFAULT_LIMIT} if not given, a trace has all.",
    ),
    Parameter("format", JournalFormat, "`trace`: Chrome trace events, which Perfetto opens."),
)


def journal_routes(services: Services) -> Iterator[Route]:
    journal = JournalRoutes(services)
    lines = "Lines, oldest first; with `format=trace` a trace"
    return under(
        "Journal (lgtrio's own)",
        Route(
            "GET",
            "/journal",
            journal.of_all,
            "Every change of every run's status",
            lines,
            parameters=_JOURNAL,
            gives=list[JournalLine] | Trace,
            headers=("X-Pagination-Next",),
        ),
        Route(
            "GET",
            "/journal/stream",
            journal.stream,
            "Follow the journal live",
            "A `transition` event for each line; its id is the line's seq",
            Content.EVENTS,
            parameters=(_LAST_SEQ,),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/journal",
            journal.of_thread,
            "The journal of a thread, also of one that is gone",
            lines,
            parameters=_JOURNAL,
            gives=list[JournalLine] | Trace,
            headers=("X-Pagination-Next",),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/runs/<run_id>/journal",
            journal.of_run,
            "The journal of a run, also of one that is gone",
            lines,
            parameters=_JOURNAL,
            gives=list[JournalLine] | Trace,
            headers=("X-Pagination-Next",),
        ),
    )
