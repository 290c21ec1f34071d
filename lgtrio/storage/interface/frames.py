"""Stream frames of resumable runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from lgtrio.storage.interface.shared import Json


@frozen
class Frame:
    """One stored stream frame of a resumable run."""

    seq: int
    """1, 2, 3 … within the run, across attempts."""
    mode: str
    """Stream mode it belongs to, or `metadata` / `error`; what `stream_mode=` filters by."""
    event: str
    """Name on the event line, with namespace."""
    data: Json
    at_ms: int
    """Wall clock, for the id line `<at_ms>-<seq>`."""


@frozen
class FrameLog:
    """The stored frames of one resumable run, as a whole."""

    run_id: str
    ended: bool
    """The run has a terminal status: no more frames will come."""
    first_ms: int
    """`at_ms` of the oldest frame that is stored; the bound may have pushed out older ones."""
    last_ms: int
    last_seq: int


class FrameStorage(Protocol):
    """Part of `Storage`."""

    async def append_frames(self, run_id: str, frames: Sequence[Frame]) -> None:
        """Durable on return. Frames beyond the per-run bound push out the oldest."""
        ...

    async def read_frames(self, run_id: str, *, after: int, limit: int = 1000) -> Sequence[Frame]:
        """Frames with `seq > after`, in order: at least one if there is any, and at most `limit`.

        It may be fewer, where they are large.
        """
        ...

    async def last_frame(self, run_id: str) -> int:
        """Highest stored seq of the run, 0 if there is none."""
        ...

    async def frame_of_mark(self, run_id: str, checkpoint_id: str) -> int | None:
        """The seq of this checkpoint's mark among the stored frames of the run."""
        ...

    async def frame_logs(self, thread_id: str) -> Sequence[FrameLog]:
        """Of the thread's runs that have stored frames, in the order of their first ones."""
        ...

    async def thread_of_kept_stream(self, run_id: str) -> str | None:
        """The thread that a stateless run had, if it has ended and is gone and its frames are
        not."""
        ...

    async def forget_streams(self) -> bool:
        """One bounded step: delete frames of stateless runs that have been kept long enough.

        Returns:
            There is more to do now.
        """
        ...
