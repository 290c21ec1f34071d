"""The journal over HTTP: of a run, of a thread, of everything; as JSON, as a trace, live."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from attrs import define, field, frozen
from quart import request
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

from lgtrio.api.answers import json_answer
from lgtrio.api.asking import query, run_of, thread_of
from lgtrio.api.bodies import FILLER, HEARTBEAT, RunBody, Source
from lgtrio.api.services import Services
from lgtrio.api.streams import STREAM_HEADERS
from lgtrio.api.threads import unknown_thread
from lgtrio.errors import InvalidRequest, NotFound
from lgtrio.runs.frames import encode_frame
from lgtrio.runs.journal import JournalReader
from lgtrio.storage.interface import JournalLine, JournalSpan, Storage
from lgtrio.wire.journal import last_event_seq, render_line, render_lines, span_between
from lgtrio.wire.query import Query
from lgtrio.wire.times import now_iso
from lgtrio.wire.trace import TraceText

DEFAULT_LIMIT: Final = 1000
MAX_LIMIT: Final = 5000
"""Lines of one answer; it is made in one go on the loop that serves everybody."""
_TRACE_PAGE: Final = 500
"""Lines that become a piece of a trace at once, which takes some milliseconds."""
_TRACE_HEADERS: Final = {
    "Content-Type": "application/json",
    "Content-Disposition": 'inline; filename="lgtrio-trace.json"',
}


class JournalFormat(StrEnum):
    JSON = "json"
    TRACE = "trace"


@frozen
class Lines:
    """Whose lines, and which of them."""

    storage: Storage
    run_id: str | None
    thread_id: str | None
    span: JournalSpan

    async def read(self, limit: int, *, after: int = 0) -> Sequence[JournalLine]:
        """The first ones behind `after`."""
        return await self.storage.journal(
            run_id=self.run_id,
            thread_id=self.thread_id,
            span=self.span.behind(after),
            limit=limit,
        )


@define(eq=False)
class TraceSource:
    """A trace in pieces: however long it is, little of it is in memory."""

    lines: Lines
    left: int | None
    """Lines that may still be read; None for all."""
    ends_with_line: bool
    """The last line is where the trace was to end, and not what is newest."""
    sign: bytes = FILLER
    exhausted: bool = False
    whole: bool = False
    _text: TraceText = field(factory=TraceText, init=False)
    _last: JournalLine | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)

    async def next_chunk(self) -> bytes | None:
        if self._ended:
            return None
        limit = _TRACE_PAGE if self.left is None else min(_TRACE_PAGE, self.left)
        lines = await self.lines.read(limit, after=self._last.seq if self._last else 0)
        if not lines:
            self._ended = True
            return self._text.last_piece(self._end())
        self._last = lines[-1]
        if self.left is not None:
            self.left -= len(lines)
        return self._text.piece(lines)

    def _end(self) -> str:
        """Up to when runs that go on are shown."""
        if self._last is not None and (self.ends_with_line or self.left == 0):
            return self._last.at
        return min(now_iso(), self.lines.span.before or "~")

    def close(self) -> None:
        pass


@define(eq=False)
class JournalSource:
    """The live journal; each chunk is everything that was waiting."""

    reader: JournalReader
    sign: bytes = HEARTBEAT
    exhausted: bool = False
    whole: bool = False

    async def next_chunk(self) -> bytes | None:
        lines = await self.reader.receive()
        return b"".join(
            encode_frame("transition", render_line(line), str(line.seq)) for line in lines
        )

    def close(self) -> None:
        pass


@frozen
class JournalRoutes:
    services: Services

    async def of_run(self, thread_id: str, run_id: str) -> Response:
        thread_id, run_id = thread_of(thread_id), run_of(run_id)
        storage = self.services.storage
        if not await storage.journal(run_id=run_id, thread_id=thread_id, limit=1):
            # The journal may have dropped the lines of a run that is still there.
            run = await storage.get_run(run_id)
            if run is None or run.thread_id != thread_id:
                raise NotFound("Run not found")
        return await self._answer(run_id, thread_id)

    async def of_thread(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        storage = self.services.storage
        known = await storage.journal(thread_id=thread_id, limit=1)
        if not known and await storage.get_thread(thread_id) is None:
            raise unknown_thread(thread_id)
        return await self._answer(None, thread_id)

    async def of_all(self) -> Response:
        return await self._answer(None, None)

    async def _answer(self, run_id: str | None, thread_id: str | None) -> Response:
        asked = query()
        span = span_between(asked.last("since"), asked.last("until"))
        limit = _limit(asked)
        storage = self.services.storage
        if asked.word("format", JournalFormat, default=JournalFormat.JSON) is JournalFormat.JSON:
            lines = Lines(storage, run_id, thread_id, span)
            return await _page(lines, limit or DEFAULT_LIMIT)
        # A trace ends with the lines of this moment, or runs could write them faster than it.
        now = span.not_behind(await storage.last_journal_seq())
        lines = Lines(storage, run_id, thread_id, now)
        source = TraceSource(lines, limit, ends_with_line=span.up_to is not None)
        return self._body(source, _TRACE_HEADERS)

    async def stream(self) -> Response:
        since = await self._since()
        reader = JournalReader(self.services.journal, since)
        return self._body(JournalSource(reader), STREAM_HEADERS)

    async def _since(self) -> int:
        """The seq behind which the client goes on; without a word of it, the newest one."""
        last_event_id = request.headers.get("Last-Event-ID")
        if last_event_id is None:
            return await self.services.storage.last_journal_seq()
        return last_event_seq(last_event_id)

    def _body(self, source: Source, headers: dict[str, str]) -> Response:
        return TrioResponse(RunBody(source, self.services.heartbeat), headers=headers)


def _limit(asked: Query) -> int | None:
    """
    Raises:
        InvalidRequest: not between 1 and `MAX_LIMIT`.
    """
    limit = asked.count("limit", default=-1, error=InvalidRequest)
    if limit == -1:
        return None
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"`limit` must be between 1 and {MAX_LIMIT}, got {limit}")
    return limit


async def _page(lines: Lines, limit: int) -> Response:
    """The first lines; where there are more, a header tells the `since` that goes on."""
    found = await lines.read(limit + 1)
    page = found[:limit]
    more = {"X-Pagination-Next": str(page[-1].seq)} if len(found) > limit else {}
    return json_answer(render_lines(page), headers=more)
