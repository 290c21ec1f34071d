"""One run's stream: numbered frames, published to any number of subscribers.

The writer only ever does `send_nowait`: a subscriber that falls behind goes back to the log
(resumable runs) or is ended with a clear error, and never slows the run or the others.

A resumable run's frames are published only after they are in the log, so a client can never
have seen an event that a replay would not repeat.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Final, Self

import trio
from attrs import define, field

from lgtrio.runs.executor import Part
from lgtrio.runs.frames import EVERYTHING, MARK, Batch, Selection, SentFrame, error_frame
from lgtrio.storage.interface import Frame, Json, Storage

_READ_AT_ONCE: Final = 500
"""Frames taken from the log in one read; keeps one replaying client from holding the loop."""

_CHUNK: Final = 1 << 20
"""Bytes from which on a chunk is long enough; what waits behind it makes the next one."""
_BYTES_BEHIND: Final = 64 << 20
"""A subscriber may be behind by so much, however few batches that is."""
_BYTES_UNLOGGED: Final = 64 << 20
"""May wait for the log of a resumable run; a run stores a checkpoint after each step, so only a
step that streams a lot while the database hardly answers gets so far ahead."""

_FELL_BEHIND: Final = error_frame(
    "SlowConsumer",
    "This client read too slowly and missed events. The run goes on; create runs with"
    " stream_resumable=true to catch up with Last-Event-ID.",
)
_EXPIRED: Final = error_frame(
    "EventsExpired",
    "Events behind the last one that this client has had are not stored any more. Join with"
    " Last-Event-ID: -1 for all that are, or raise --max-frames-per-run.",
)


class LogOverflow(Exception):
    """A resumable run sends faster than its log can be written; it has to end."""


class StreamCut(Exception):
    """The server is going down; the connection must break without its final chunk, so that the
    client sees a break and reconnects, not an end."""


@define(eq=False)
class RunStream:
    """The sending side; owned by the run's handle.

    A frame's `seq` counts within the run over all attempts.
    """

    run_id: str
    resumable: bool
    storage: Storage
    buffer: int
    """Batches a subscriber may be behind before it is dropped (a batch is what one wake-up of
    the loop brought, however many frames)."""
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    cut: bool = field(default=False, init=False)
    ended: bool = field(default=False, init=False)
    result: Json | None = field(default=None, init=False)
    handed_out: int = field(default=0, init=False)
    """Frames that subscribers have been sent, counted for each of them."""
    _seq: int = field(default=0, init=False)
    _subscribers: dict[Subscription, trio.MemorySendChannel[Batch]] = field(
        factory=dict, init=False
    )
    _eager: int = field(default=0, init=False)
    """Subscribers that want parts."""
    _unlogged: list[Frame] = field(factory=list, init=False)
    _being_logged: Sequence[Frame] = field(factory=list, init=False)
    _unlogged_bytes: int = field(default=0, init=False)
    """Those being written included."""
    _log_wake: trio.Event = field(factory=trio.Event, init=False)
    _log_closed: bool = field(default=False, init=False)
    _log_ended: bool = field(default=False, init=False)
    """Nothing is logged any more, be it that it failed."""
    _when_logged: deque[tuple[int, Callable[[], None]]] = field(factory=deque, init=False)
    """Whom to call when the frame of this seq has been stored, in that order."""

    # -- the run's side ------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether what is sent now goes anywhere. May be read from any thread."""
        return self.resumable or self._eager > 0

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    @property
    def last_seq(self) -> int:
        """Of the last frame that was numbered."""
        return self._seq

    def place_of(self, checkpoint_id: str) -> int | None:
        """The seq behind which the events after this checkpoint come, if its mark is not in the
        log yet."""
        waiting = (*self._being_logged, *self._unlogged)
        mark = checkpoint_id.encode()
        return next((f.seq for f in waiting if f.mode == MARK and f.data == mark), None)

    async def continue_numbering(self) -> None:
        """Resumable runs: go on after the frames of earlier attempts."""
        self._seq = await self.storage.last_frame(self.run_id)

    def send(self, parts: Sequence[Part]) -> None:
        """Publish parts to all subscribers; to the log first when the run is resumable.

        Sync and never blocking: it is called from the door's wake-up.

        Raises:
            LogOverflow: too much waits for the log of a resumable run; the parts are dropped, and
                so must be all that come after them.
        """
        if not self.resumable:
            if self._subscribers:
                self._publish([self.number(part) for part in parts])
            return
        size = sum(len(part.data) for part in parts)
        if self._unlogged_bytes and self._unlogged_bytes + size > _BYTES_UNLOGGED:
            raise LogOverflow
        self._unlogged_bytes += size
        self._unlogged.extend(self.number(part) for part in parts)
        self._log_wake.set()

    def when_logged(self, callback: Callable[[], None]) -> None:
        """Have a function called once what was sent so far is stored, or `log_frames` has ended."""
        waiting = self._unlogged or self._being_logged
        if self._log_ended or not waiting:
            callback()
        else:
            self._when_logged.append((waiting[-1].seq, callback))

    def _has_logged(self, seq: float) -> None:
        while self._when_logged and self._when_logged[0][0] <= seq:
            self._when_logged.popleft()[1]()

    async def log_frames(self) -> None:
        """Task of a resumable run: store what was sent, then publish it; ends after
        `close_log` when everything is stored.

        Raises:
            StorageError: the log could not be written; what was not stored was not published.

        Cancellation: what is being written is written; who waits for the log waits no more.
        """
        try:
            await self._log_until_closed()
        finally:
            self._log_ended = True
            self._has_logged(inf)

    async def _log_until_closed(self) -> None:
        while self._unlogged or not self._log_closed:
            if not self._unlogged:
                await self._log_wake.wait()
                self._log_wake = trio.Event()
                continue
            frames, self._unlogged = self._unlogged, []
            self._being_logged = frames
            await self.storage.append_frames(self.run_id, frames)
            self._being_logged = ()
            self._unlogged_bytes -= sum(len(frame.data) for frame in frames)
            self._has_logged(frames[-1].seq)
            self._publish(frames)

    def close_log(self) -> None:
        """No more parts will be sent."""
        self._log_closed = True
        self._log_wake.set()

    async def log_last(self, frame: Frame) -> None:
        """Store one more frame after `close_log` without publishing it yet."""
        if self.resumable:
            await self.storage.append_frames(self.run_id, [frame])

    def publish_last(self, frame: Frame) -> None:
        self._publish([frame])

    def end(self, result: Json | None) -> None:
        """The run has ended and its status is stored: subscribers see the end."""
        self.result = result
        self.ended = True
        self._close_all()

    def break_off(self) -> None:
        """The server goes down before the run's end: subscribers get `StreamCut`."""
        self.cut = True
        self._close_all()

    def number(self, part: Part) -> Frame:
        """The part as the next frame of the stream; it is not sent."""
        self._seq += 1
        return Frame(self._seq, part.mode, part.event, part.data, self.now_ms())

    def _publish(self, frames: Sequence[Frame]) -> None:
        if not self._subscribers:
            return
        batch = Batch.of(SentFrame.of(frame, with_id=self.resumable) for frame in frames)
        self.handed_out += len(frames) * len(self._subscribers)
        for subscriber, channel in list(self._subscribers.items()):
            try:
                subscriber.make_room(len(batch.joined))
                channel.send_nowait(batch)
            except trio.WouldBlock:
                subscriber.fell_behind = True
                self.detach(subscriber)

    def _close_all(self) -> None:
        for subscriber in list(self._subscribers):
            self.detach(subscriber)

    # -- the subscribers' side -----------------------------------------------------------

    def attach(self, subscriber: Subscription) -> trio.MemoryReceiveChannel[Batch]:
        send, receive = trio.open_memory_channel[Batch](self.buffer)
        if self.ended or self.cut:
            send.close()
        else:
            self._subscribers[subscriber] = send
            self._eager += subscriber.wants_parts
        return receive

    def detach(self, subscriber: Subscription) -> None:
        if channel := self._subscribers.pop(subscriber, None):
            self._eager -= subscriber.wants_parts
            channel.close()


@define(eq=False)
class Subscription:
    """One reader of one run; an async context manager that detaches on exit.

    Reads the log from `after` first if told to, then lives on the channel. Both may overlap:
    a frame that was seen in the log is skipped when it arrives on the channel.
    """

    run_id: str
    storage: Storage
    stream: RunStream | None
    """None: the run has ended, only its log is left."""
    selection: Selection = EVERYTHING
    after: int = 0
    """Last seq delivered."""
    reading_log: bool = False
    wants_parts: bool = True
    """Whether it is a reason to make parts. One that is not still gets those made for others."""
    fell_behind: bool = field(default=False, init=False)
    _waiting: int = field(default=0, init=False)
    """Bytes in the channel."""
    _channel: trio.MemoryReceiveChannel[Batch] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        # Attached before the log is read: nothing can be published in between unseen.
        if self.stream is not None:
            self._channel = self.stream.attach(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self.stream is not None:
            self.stream.detach(self)
        if self._channel is not None:
            self._channel.close()

    def make_room(self, size: int) -> None:
        """Called by the stream for each batch that it is about to put into the channel.

        Raises:
            trio.WouldBlock: too many bytes are waiting. A single batch always has room.
        """
        if self._waiting and self._waiting + size > _BYTES_BEHIND:
            raise trio.WouldBlock
        self._waiting += size

    @property
    def result(self) -> Json | None:
        """What `wait` answers; set once `receive` has raised `EndOfChannel`."""
        return self.stream.result if self.stream is not None else None

    async def receive(self) -> bytes:
        """What is waiting (about a megabyte of it at most), as one chunk of ready SSE bytes.

        Raises:
            trio.EndOfChannel: the stream is over.
            StreamCut: the server is going down.

        Cancellation: nothing is lost, the next call goes on where this one was.
        """
        while True:
            chunk = await (self._from_log() if self.reading_log else self._from_channel())
            if chunk:
                return chunk

    async def _from_log(self) -> bytes:
        frames = await self.storage.read_frames(self.run_id, after=self.after, limit=_READ_AT_ONCE)
        if not frames:
            self.reading_log = False
            return b""
        if self.after and frames[0].seq > self.after + 1:
            self.close()
            self._channel, self.reading_log = None, False
            return _EXPIRED
        batch = Batch.of(SentFrame.of(frame, with_id=True) for frame in frames)
        chunk = self.render(batch)
        self.after = frames[-1].seq
        return chunk

    def render(self, batch: Batch) -> bytes:
        """What the reader is sent of a batch: the frames it wants and has not had."""
        return batch.select(self.selection, after=self.after)

    async def _from_channel(self) -> bytes:
        if self._channel is None:
            raise trio.EndOfChannel
        try:
            batch = await self._channel.receive()
        except trio.EndOfChannel:
            return self._at_end_of_channel()
        chunks = [self._take(batch)]
        size = len(chunks[0])
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while size < _CHUNK:
                chunks.append(self._take(self._channel.receive_nowait()))
                size += len(chunks[-1])
        return b"".join(chunks)

    def _take(self, batch: Batch) -> bytes:
        self._waiting -= len(batch.joined)
        chunk = self.render(batch)
        self.after = max(self.after, batch.frames[-1].seq)
        return chunk

    def _at_end_of_channel(self) -> bytes:
        assert self.stream is not None
        if not self.fell_behind:
            if self.stream.cut:
                raise StreamCut
            raise trio.EndOfChannel
        self.fell_behind = False
        if self.stream.resumable:
            self._waiting = 0
            self._channel = self.stream.attach(self)
            self.reading_log = True
            return b""
        self._channel = None
        return _FELL_BEHIND
