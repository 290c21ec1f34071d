"""Stream frames as bytes: CRLF, `event`, `data`, then `id` where there is one."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from attrs import define, frozen

from lgtrio.storage.interface import Frame

ALWAYS_KEPT = frozenset({"metadata", "error"})
"""Frames that every subscriber gets, whatever modes it asked for."""


def encode_frame(event: str, data: bytes, frame_id: str | None) -> bytes:
    """One frame, blank line included.

    Args:
        data: one line of JSON; never empty (old clients choke on an empty data line).
    """
    head = b"event: %s\r\ndata: %s\r\n" % (event.encode(), data)
    if frame_id is None:
        return head + b"\r\n"
    return head + b"id: %s\r\n\r\n" % frame_id.encode()


def error_frame(name: str, message: str) -> bytes:
    """What ends the stream of one reader; not a frame of the run, so it has no id."""
    return encode_frame("error", orjson.dumps({"error": name, "message": message}), None)


def frame_id(frame: Frame) -> str:
    """`<ms>-<seq>`; only the part behind the dash finds the place again."""
    return f"{frame.at_ms}-{frame.seq}"


def parse_frame_id(text: str) -> int | None:
    """The seq to go on after.

    Returns:
        0 for `-1` (everything from the start), None for text that is no id of ours.
    """
    if text == "-1":
        return 0
    _, dash, seq = text.rpartition("-")
    return int(seq) if dash and seq.isascii() and seq.isdigit() else None


@frozen
class SentFrame:
    """A frame ready for the wire; all subscribers share its bytes."""

    frame: Frame
    sse: bytes

    @classmethod
    def of(cls, frame: Frame, *, with_id: bool) -> SentFrame:
        encoded = encode_frame(frame.event, frame.data, frame_id(frame) if with_id else None)
        return cls(frame, encoded)

    @property
    def seq(self) -> int:
        return self.frame.seq

    @property
    def mode(self) -> str:
        return self.frame.mode


@define
class Batch:
    """Frames that were published together; joined once for all who want all of them."""

    frames: tuple[SentFrame, ...]
    joined: bytes

    @classmethod
    def of(cls, frames: Iterable[SentFrame]) -> Batch:
        kept = tuple(frames)
        return cls(kept, b"".join(frame.sse for frame in kept))

    def select(self, modes: frozenset[str] | None, *, after: int) -> bytes:
        """Bytes of the frames that a subscriber wants and has not had (`seq > after`)."""
        if modes is None and self.frames[0].seq > after:
            return self.joined
        return b"".join(
            frame.sse
            for frame in self.frames
            if frame.seq > after
            and (modes is None or frame.mode in modes or frame.mode in ALWAYS_KEPT)
        )
