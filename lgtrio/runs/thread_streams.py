"""The stream of a thread: its runs one after the other, and what happens between them.

Whoever follows a thread reads one chapter after the other. The chapter of a run is a subscription
that begins when the run does, so a reader that is still busy with an earlier run misses nothing,
and slows nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import orjson
import trio
from attrs import define, field

from lgtrio.errors import InvalidRequest
from lgtrio.runs.frames import MARK, Batch, encode_frame, error_frame
from lgtrio.runs.handles import RunHandle
from lgtrio.runs.streams import RunStream, StreamCut, Subscription
from lgtrio.runs.thread_places import Place, Rest, parse_place, rest_after
from lgtrio.storage.interface import Json, Storage
from lgtrio.wire.enums import ThreadStreamMode

_CHAPTERS: Final = 256
"""May wait for a reader; one that is further behind is ended."""

_RUNS: Final = frozenset({ThreadStreamMode.RUN_MODES, ThreadStreamMode.LIFECYCLE})

_FELL_BEHIND: Final = error_frame(
    "SlowConsumer",
    "This client read too slowly and missed runs. Join the stream again with Last-Event-ID: the"
    " events of runs with stream_resumable=true are stored.",
)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@define(eq=False)
class _RunChapter(Subscription):
    """One run, as the stream of its thread tells it: every frame has an id, which names the run."""

    lifecycle_only: bool = False
    ends: bool = True
    """The run's end is to be told behind its frames."""
    at_ms: int = 0
    """Wall clock of its last frame, or of its beginning."""

    def render(self, batch: Batch) -> bytes:
        self.at_ms = batch.frames[-1].frame.at_ms
        wanted = [
            sent.frame
            for sent in batch.frames
            if sent.seq > self.after
            and sent.mode != MARK
            and (sent.mode == "metadata" or not self.lifecycle_only)
        ]
        return b"".join(
            encode_frame(frame.event, frame.data, self._id(frame.at_ms, frame.seq))
            for frame in wanted
        )

    def end(self) -> bytes:
        if not self.ends:
            return b""
        last = self.after if self.stream is None else self.stream.last_seq
        done = orjson.dumps({"status": "run_done", "run_id": self.run_id})
        return encode_frame("metadata", done, self._id(self.at_ms, last + 1))

    def _id(self, at_ms: int, seq: int) -> str:
        return str(Place(at_ms, self.run_id, seq))


@define(eq=False)
class ThreadFollower:
    """One reader of one thread."""

    modes: frozenset[ThreadStreamMode]
    since: Place
    """Where it began."""
    storage: Storage
    leave: Callable[[ThreadFollower], None]
    now_ms: Callable[[], int]
    _chapters: deque[_RunChapter | bytes] = field(factory=deque, init=False)
    """What is being read and what is to be read; bytes are ready frames."""
    _read: _RunChapter | None = field(default=None, init=False)
    """The chapter before."""
    _ended: type[Exception] | None = field(default=None, init=False)
    """What `receive` raises when all chapters have been read."""
    _changed: trio.Event = field(factory=trio.Event, init=False)

    async def receive(self) -> bytes:
        """Everything that is waiting of the current chapter, as ready SSE bytes.

        Raises:
            trio.EndOfChannel: the thread is gone.
            StreamCut: the server is going down.

        Cancellation: nothing is lost, the next call goes on where this one was.
        """
        while True:
            if not self._chapters:
                await self._wait()
            elif chunk := await self._turn(self._chapters[0]):
                return chunk

    async def _wait(self) -> None:
        if self._ended is not None:
            raise self._ended
        self._changed = trio.Event()
        await self._changed.wait()

    async def _turn(self, chapter: _RunChapter | bytes) -> bytes:
        if isinstance(chapter, bytes):
            self._chapters.popleft()
            return chapter
        if self._read is not None and self._read.run_id == chapter.run_id:
            # What was stored of a run that a shutdown had put back has been read; it goes on.
            chapter.after = max(chapter.after, self._read.after)
        try:
            return await chapter.receive()
        except trio.EndOfChannel:
            self._chapters.popleft()
            self._read = chapter
            chapter.close()
            return chapter.end()

    def close(self) -> None:
        self.leave(self)
        for chapter in self._runs():
            chapter.close()
        self._chapters.clear()

    # -- what happens on the thread ------------------------------------------------------

    def tell_run(self, handle: RunHandle) -> None:
        """A run of the thread starts, or is running."""
        told = any(chapter.stream is handle.stream for chapter in self._runs())
        if self.modes & _RUNS and not told and self._has_room():
            self._append(self._chapter(handle.run_id, handle.stream))

    def tell_state(self, frame: bytes) -> None:
        if ThreadStreamMode.STATE_UPDATE in self.modes and self._has_room():
            self._append(frame)

    def end(self, how: type[Exception]) -> None:
        """Nothing more will be told.

        Args:
            how: what `receive` raises when everything has been read.
        """
        self._ended = self._ended or how
        self._changed.set()

    def replay(self, rests: Sequence[Rest]) -> None:
        """Put what is stored before what is already told."""
        if not self.modes & _RUNS:
            return
        live = {chapter.run_id: chapter for chapter in self._runs()}
        past = []
        for rest in rests:
            if chapter := live.get(rest.log.run_id):
                chapter.after, chapter.reading_log = rest.after, True
            elif not rest.end_is_told:
                past.append(self._past_chapter(rest))
        self._chapters.extendleft(reversed(past))

    def _past_chapter(self, rest: Rest) -> _RunChapter:
        chapter = self._chapter(rest.log.run_id, None)
        chapter.after, chapter.reading_log = rest.after, True
        chapter.ends, chapter.at_ms = rest.log.ended, rest.log.last_ms
        return chapter

    def _chapter(self, run_id: str, stream: RunStream | None) -> _RunChapter:
        eager = ThreadStreamMode.RUN_MODES in self.modes
        return _RunChapter(
            run_id,
            self.storage,
            stream,
            wants_parts=eager,
            lifecycle_only=not eager,
            at_ms=self.now_ms(),
        )

    def _runs(self) -> Sequence[_RunChapter]:
        return [chapter for chapter in self._chapters if isinstance(chapter, _RunChapter)]

    def _has_room(self) -> bool:
        """Whether one more chapter may wait; if not, the reader is ended."""
        if self._ended is not None:
            return False
        if len(self._chapters) < _CHAPTERS:
            return True
        self._append(_FELL_BEHIND)
        self.leave(self)
        self.end(trio.EndOfChannel)
        return False

    def _append(self, chapter: _RunChapter | bytes) -> None:
        self._chapters.append(chapter)
        self._changed.set()


@define(eq=False)
class ThreadStreams:
    """All who follow threads."""

    storage: Storage
    now_ms: Callable[[], int] = _now_ms
    _followers: dict[str, set[ThreadFollower]] = field(factory=dict, init=False)

    async def follow(
        self,
        thread_id: str,
        modes: frozenset[ThreadStreamMode],
        *,
        running: Sequence[RunHandle],
        last_event_id: str | None = None,
    ) -> ThreadFollower:
        """Follow a thread from now on, or from a place in what is stored of its runs.

        Args:
            running: handles of the thread's run that is executing, if any.
            last_event_id: an id of this stream or of a run's; `-1`, `-` or `0` for all there is.

        Raises:
            InvalidRequest: the id is neither.
        """
        place = None if last_event_id is None else parse_place(last_event_id)
        if last_event_id is not None and place is None:
            raise InvalidRequest(
                f"Invalid Last-Event-ID {last_event_id!r}: send an id of this stream, or -1."
            )
        since = place or Place(self.now_ms(), None, 0)
        leave = self._leaver(thread_id)
        follower = ThreadFollower(modes, since, self.storage, leave, self.now_ms)
        # Followed before the logs are read: nothing can happen in between unseen.
        self._followers.setdefault(thread_id, set()).add(follower)
        for handle in running:
            follower.tell_run(handle)
        if place is not None:
            try:
                follower.replay(rest_after(await self.storage.frame_logs(thread_id), place))
            except BaseException:
                follower.close()
                raise
        return follower

    def _leaver(self, thread_id: str) -> Callable[[ThreadFollower], None]:
        def leave(follower: ThreadFollower) -> None:
            followers = self._followers.get(thread_id, set())
            followers.discard(follower)
            if not followers:
                self._followers.pop(thread_id, None)

        return leave

    # -- what happens on threads ---------------------------------------------------------

    def run_started(self, handle: RunHandle) -> None:
        """Called before the run's first frame is sent."""
        for follower in self._of(handle.thread_id):
            follower.tell_run(handle)

    def wants_state(self, thread_id: str) -> bool:
        """Whether anybody is to be told of state updates of this thread."""
        return any(ThreadStreamMode.STATE_UPDATE in f.modes for f in self._of(thread_id))

    def state_updated(self, thread_id: str, state: Json) -> None:
        """A client has changed the state.

        Args:
            state: the ThreadState that it has led to.
        """
        data = b'{"state":%s,"thread_id":"%s"}' % (state, thread_id.encode())
        frame = encode_frame("state_update", data, str(Place(self.now_ms(), None, 0)))
        for follower in self._of(thread_id):
            follower.tell_state(frame)

    def thread_deleted(self, thread_id: str) -> None:
        for follower in self._of(thread_id):
            follower.end(trio.EndOfChannel)

    def break_off(self) -> None:
        """The server goes down: who follows gets `StreamCut` when all that is told is read."""
        for thread_id in list(self._followers):
            for follower in self._of(thread_id):
                follower.end(StreamCut)

    def _of(self, thread_id: str) -> Sequence[ThreadFollower]:
        return list(self._followers.get(thread_id, ()))
