"""The journal as a Chrome trace: JSON that Perfetto and chrome://tracing show on a timeline.

A thread is a process there, and a run is a track of it. What a run was (pending, running) is a
slice; what became of it is an instant at the slice's end. Pure: lines in, text out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import define, field
from orjson import dumps

from lgtrio.storage.interface import JournalLine
from lgtrio.wire.enums import ACTIVE, RunStatus

Event = dict[str, Any]
"""One event of the trace event format."""

_HEAD: Final = b'{"displayTimeUnit":"ms","traceEvents":[\n'
_GLUE: Final = b",\n"
_TAIL: Final = b"\n]}\n"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: str) -> int:
    """An ISO time as the trace has it: microseconds since the epoch."""
    return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND


@define
class _Track:
    """One run on the timeline."""

    pid: int
    tid: int
    status: RunStatus | None
    """What the run is since `since`."""
    since: int
    began: JournalLine | None = None
    """The line that began the status; None if that was before the first line there is."""
    attempt: int | None = None
    """None if the first line of the run is not there."""

    def event(self, phase: str, name: str, ts: int, **more: Any) -> Event:
        return {
            "ph": phase,
            "name": name,
            "cat": "run",
            "pid": self.pid,
            "tid": self.tid,
            "ts": ts,
            **more,
        }


@define
class Timeline:
    """Makes events of lines, in order of their seq.

    Holds the names of threads and runs it has seen; of lines only those that are open slices.
    """

    _pids: dict[str, int] = field(factory=dict, init=False)
    _tracks: dict[str, _Track] = field(factory=dict, init=False)
    _first: int | None = field(default=None, init=False)
    """When the first line was written: a run that is older is shown from here on."""

    def events(self, line: JournalLine) -> Iterator[Event]:
        at = microseconds(line.at)
        if self._first is None:
            self._first = at
        if line.run_id not in self._tracks:
            yield from self._new_track(line, self._first)
        track = self._tracks[line.run_id]
        yield from _slice(track, at, ended=line)
        if line.asked is not None:
            waited = round((line.monotonic - line.asked) * 1_000_000)
            yield track.event("i", "stop asked for", at - waited, s="t", args=_reason(line))
        if line.to_status not in ACTIVE or line.from_status is RunStatus.RUNNING:
            yield track.event("i", line.to_status or "removed", at, s="t", args=_reason(line))
        _move(track, line, at)

    def unfinished(self, now: int) -> Iterator[Event]:
        """Slices of the runs that were pending or running after the last line."""
        for track in self._tracks.values():
            yield from _slice(track, now, ended=None)

    def _new_track(self, line: JournalLine, first: int) -> Iterator[Event]:
        """Names for the track, and for its thread if it is the first one there."""
        pid = self._pids.get(line.thread_id)
        if pid is None:
            pid = self._pids[line.thread_id] = len(self._pids) + 1
            yield _named("process", f"thread {line.thread_id}", pid=pid)
        track = _Track(pid, len(self._tracks) + 1, line.from_status, first)
        if line.from_status is None:
            track.attempt = 0
        self._tracks[line.run_id] = track
        yield _named("thread", f"{line.graph_id} {line.run_id}", pid=pid, tid=track.tid)


@define
class TraceText:
    """The text of a trace, piece by piece; one JSON object when all pieces are joined."""

    _timeline: Timeline = field(factory=Timeline, init=False)
    _glue: bytes = field(default=_HEAD, init=False)

    def piece(self, lines: Iterable[JournalLine]) -> bytes:
        """The next lines; they come in order of their seq."""
        return self._text(event for line in lines for event in self._timeline.events(line))

    def last_piece(self, now: str) -> bytes:
        """The end, with runs that go on shown up to `now`."""
        last = self._text(self._timeline.unfinished(microseconds(now)))
        return last + (_TAIL if self._glue is _GLUE else _HEAD + _TAIL)

    def _text(self, events: Iterable[Event]) -> bytes:
        text = dumps(list(events))[1:-1]
        if not text:
            return b""
        glue, self._glue = self._glue, _GLUE
        return glue + text


def _named(kind: str, name: str, **whose: int) -> Event:
    return {"ph": "M", "name": f"{kind}_name", **whose, "args": {"name": name}}


def _slice(track: _Track, at: int, *, ended: JournalLine | None) -> Iterator[Event]:
    """What the run was up to now; nothing once it has ended."""
    if track.status not in ACTIVE:
        return
    args: dict[str, object] = {"attempt": track.attempt}
    if track.began is not None:
        args.update(_reason(track.began), assistant_id=track.began.assistant_id)
    args["ended"] = "goes on" if ended is None else ended.to_status or "removed"
    # A wall clock may be set back, a slice cannot end before it began.
    duration = max(0, at - track.since)
    yield track.event("X", str(track.status), track.since, dur=duration, args=args)


def _move(track: _Track, line: JournalLine, at: int) -> None:
    track.status, track.since, track.began = line.to_status, at, line
    if line.to_status is RunStatus.RUNNING and track.attempt is not None:
        track.attempt += 1


def _reason(line: JournalLine) -> dict[str, object]:
    return {"seq": line.seq, "cause": line.cause, "actor": line.actor}
