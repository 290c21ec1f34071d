"""The graph side's view: called from asyncio loops and sync node threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from lgtrio.storage.interface.shared import Json


@frozen
class ChannelBlob:
    """A channel value too large to be stored again with every checkpoint."""

    channel: str
    version: str
    type: str
    value: bytes


@frozen
class CheckpointRow:
    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    parent_checkpoint_id: str | None
    run_id: str | None
    type: str
    checkpoint: bytes
    metadata: Json
    blobs: Sequence[ChannelBlob] = ()
    """New large values stored with this checkpoint."""
    blob_refs: Mapping[str, str | None] = field(factory=dict)
    """Every channel that has a value here, to the version of its blob (new ones included) or to
    None where the value is inside `checkpoint`."""


@frozen
class WriteRow:
    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    task_path: str
    idx: int
    """Index in the task's writes, or the negative index of a special channel."""
    channel: str
    run_id: str
    type: str
    value: bytes
