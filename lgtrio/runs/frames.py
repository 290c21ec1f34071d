"""Stream frames as bytes: CRLF, `event`, `data`, then `id` where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from attrs import define, frozen

from lgtrio.storage.interface import Frame

ALWAYS_KEPT = frozenset({"metadata", "error"})
"""Frames that every subscriber gets, whatever modes it asked for."""


MARK: Final = "mark"
"""Mode of frames that no client is sent: their data is the id of a checkpoint. What was emitted
up to that checkpoint stands before, what came after it stands behind."""

_SUBAGENT: Final = "tools:"
"""How the namespace of a graph begins that a tool has called."""


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
        if frame.mode == MARK:
            return cls(frame, b"")
        encoded = encode_frame(frame.event, frame.data, frame_id(frame) if with_id else None)
        return cls(frame, encoded)

    @property
    def seq(self) -> int:
        return self.frame.seq

    @property
    def mode(self) -> str:
        return self.frame.mode


@frozen
class Selection:
    """Which of a run's frames a reader wants; `metadata` and `error` always."""

    modes: frozenset[str] | None = None
    """None for all."""
    namespaces: Sequence[str] | None = None
    """As in the names of events, with or without the ids of the tasks; `""` is the root graph.
    Each stands for the subgraphs inside of it, too, but for those that tools have called. None
    for all."""

    @property
    def all(self) -> bool:
        return self.modes is None and self.namespaces is None

    def wants(self, frame: Frame) -> bool:
        if frame.mode in ALWAYS_KEPT:
            return True
        if self.modes is not None and frame.mode not in self.modes:
            return False
        if self.namespaces is None:
            return True
        namespace = frame.event.partition("|")[2]
        return any(_belongs(namespace, wanted) for wanted in self.namespaces)


def _belongs(namespace: str, to: str) -> bool:
    there, wanted = (text.split("|") if text else [] for text in (namespace, to))
    rest = there[len(wanted) :]
    return (
        len(there) >= len(wanted)
        and all(w in {t, t.partition(":")[0]} for t, w in zip(there, wanted, strict=False))
        and not any(segment.startswith(_SUBAGENT) for segment in rest)
    )


EVERYTHING: Final = Selection()


@define
class Batch:
    """Frames that were published together; joined once for all who want all of them."""

    frames: tuple[SentFrame, ...]
    joined: bytes

    @classmethod
    def of(cls, frames: Iterable[SentFrame]) -> Batch:
        kept = tuple(frames)
        return cls(kept, b"".join(frame.sse for frame in kept))

    def select(self, selection: Selection, *, after: int) -> bytes:
        """Bytes of the frames that a subscriber wants and has not had (`seq > after`)."""
        if selection.all and self.frames[0].seq > after:
            return self.joined
        return b"".join(
            sent.sse for sent in self.frames if sent.seq > after and selection.wants(sent.frame)
        )
