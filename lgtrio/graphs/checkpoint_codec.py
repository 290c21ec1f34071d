"""Checkpoints as LangGraph has them, and the rows they are stored as.

A checkpoint is stored in one piece, with the small values of its channels. A large value is
stored beside it, once for each version of its channel: checkpoints whose step did not touch it
only refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import orjson
from attrs import define, field
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from lgtrio.storage.interface import ChannelBlob, CheckpointRow, Json, WriteRow
from lgtrio.storage.sqlite.checkpoint_rows import LoadedCheckpoint
from lgtrio.storage.sqlite.delta import DeltaChain, InlineSeed

LARGE: Final = 2048
"""Bytes of a serialised value from which on it is stored beside the checkpoint."""

Namespace = tuple[str, str]
"""(thread id, checkpoint namespace)"""


@define(eq=False)
class LargeValues:
    """Which values of the last checkpoint of a namespace are stored beside it.

    An unchanged large value is then not even serialised again, and one that has changed is
    expected to be large still.
    """

    _versions: dict[Namespace, Mapping[str, str]] = field(factory=dict, init=False)
    """Namespace to (channel to version)."""
    _searched: dict[Namespace, int] = field(factory=dict, init=False)
    """Namespace to the bytes of the last checkpoint that was searched for large values."""

    def of(self, namespace: Namespace) -> Mapping[str, str]:
        return self._versions.get(namespace, {})

    def remember(self, row: CheckpointRow) -> None:
        namespace = (row.thread_id, row.checkpoint_ns)
        self._versions[namespace] = {
            channel: version for channel, version in row.blob_refs.items() if version is not None
        }

    def may_be_in(self, namespace: Namespace, size: int) -> bool:
        """Whether a checkpoint of this many bytes has to be searched for large values."""
        return size > LARGE + self._searched.get(namespace, 0)

    def searched(self, namespace: Namespace, size: int) -> None:
        """No large value is in a checkpoint of this many bytes."""
        self._searched[namespace] = size


# -- to rows ------------------------------------------------------------------------------


def checkpoint_row(
    serde: SerializerProtocol,
    large: LargeValues,
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    *,
    run_id: str | None,
) -> CheckpointRow:
    """
    Args:
        run_id: whom the row belongs to; None takes it from the metadata, if it is there.
    """
    thread_id, checkpoint_ns, parent_id = place(config)
    stored_metadata = get_serializable_checkpoint_metadata(config, metadata)
    split = _Split(serde, large, (thread_id, checkpoint_ns), checkpoint)
    type_, body = split.dump()
    row = CheckpointRow(
        thread_id=thread_id,
        checkpoint_ns=checkpoint_ns,
        checkpoint_id=checkpoint["id"],
        parent_checkpoint_id=parent_id,
        run_id=run_id or stored_metadata.get("run_id"),
        type=type_,
        checkpoint=body,
        metadata=_metadata_json(stored_metadata),
        blobs=split.blobs,
        blob_refs=split.refs,
    )
    large.remember(row)
    return row


def write_rows(
    serde: SerializerProtocol,
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
    *,
    run_id: str | None,
) -> list[WriteRow]:
    thread_id, checkpoint_ns, checkpoint_id = place(config)
    if checkpoint_id is None:
        raise ValueError("Writes need the checkpoint_id of the checkpoint they are made on.")
    rows = []
    for index, (channel, value) in enumerate(writes):
        type_, data = serde.dumps_typed(value)
        rows.append(
            WriteRow(
                thread_id=thread_id,
                checkpoint_ns=checkpoint_ns,
                checkpoint_id=checkpoint_id,
                task_id=task_id,
                task_path=task_path,
                idx=WRITES_IDX_MAP.get(channel, index),
                channel=channel,
                run_id=run_id or "",
                type=type_,
                value=data,
            )
        )
    return rows


def place(config: RunnableConfig) -> tuple[str, str, str | None]:
    """(thread id, namespace, checkpoint id or None)"""
    configurable = config.get("configurable", {})
    return (
        str(configurable["thread_id"]),
        configurable.get("checkpoint_ns") or "",
        configurable.get("checkpoint_id") or None,
    )


def _metadata_json(metadata: CheckpointMetadata) -> Json:
    return orjson.dumps(metadata, default=str, option=orjson.OPT_NON_STR_KEYS)


@define(eq=False)
class _Split:
    """Divides the values of a checkpoint into those inside it and those beside it."""

    serde: SerializerProtocol
    large: LargeValues
    namespace: Namespace
    checkpoint: Checkpoint
    blobs: list[ChannelBlob] = field(factory=list, init=False)
    refs: dict[str, str | None] = field(factory=dict, init=False)

    def dump(self) -> tuple[str, bytes]:
        """The body; `blobs` and `refs` are complete afterwards."""
        known = self.large.of(self.namespace)
        inside = {
            channel: value
            for channel, value in self.checkpoint["channel_values"].items()
            if not (channel in known or _is_plainly_large(value))
            or not self._put_beside(channel, value, known.get(channel))
        }
        type_, body = self._dump_with(inside)
        if self.large.may_be_in(self.namespace, len(body)):
            small = {
                channel: value
                for channel, value in inside.items()
                if not self._put_beside(channel, value, None)
            }
            if len(small) < len(inside):
                inside = small
                type_, body = self._dump_with(inside)
            self.large.searched(self.namespace, len(body))
        self.refs.update(dict.fromkeys(inside))
        return type_, body

    def _put_beside(self, channel: str, value: Any, stored: str | None) -> bool:
        """Refer to the value if this version is stored, store it if it is large; else False."""
        if channel not in self.checkpoint["channel_versions"]:
            return False
        version = str(self.checkpoint["channel_versions"][channel])
        if version != stored:
            type_, data = self.serde.dumps_typed(value)
            if len(data) < LARGE:
                return False
            self.blobs.append(ChannelBlob(channel, version, type_, data))
        self.refs[channel] = version
        return True

    def _dump_with(self, values: Mapping[str, Any]) -> tuple[str, bytes]:
        return self.serde.dumps_typed({**self.checkpoint, "channel_values": values})


def _is_plainly_large(value: object) -> bool:
    """Whether it is seen at a glance that it takes at least `LARGE` bytes. Such a value is not
    serialised within the checkpoint first, only to be found there and serialised once more."""
    if type(value) is dict:
        return len(value) >= LARGE or any(map(_is_long, value.values()))
    if type(value) is list:
        return len(value) >= LARGE or any(map(_is_long, value))
    return _is_long(value)


def _is_long(value: object) -> bool:
    return isinstance(value, (str, bytes)) and len(value) >= LARGE


# -- from rows ----------------------------------------------------------------------------


def checkpoint_tuple(serde: SerializerProtocol, loaded: LoadedCheckpoint) -> CheckpointTuple:
    row = loaded.row
    checkpoint: Checkpoint = serde.loads_typed((row.type, row.checkpoint))
    for blob in row.blobs:
        checkpoint["channel_values"][blob.channel] = serde.loads_typed((blob.type, blob.value))
    return CheckpointTuple(
        config=_config(row, row.checkpoint_id),
        checkpoint=checkpoint,
        metadata=cast("CheckpointMetadata", orjson.loads(row.metadata)),
        parent_config=_config(row, row.parent_checkpoint_id) if row.parent_checkpoint_id else None,
        pending_writes=[_pending(serde, write) for write in loaded.writes],
    )


def delta_history(
    serde: SerializerProtocol, chains: Mapping[str, DeltaChain]
) -> Mapping[str, DeltaChannelHistory]:
    return {channel: _history(serde, channel, chain) for channel, chain in chains.items()}


def _history(serde: SerializerProtocol, channel: str, chain: DeltaChain) -> DeltaChannelHistory:
    history = DeltaChannelHistory(writes=[_pending(serde, write) for write in chain.writes])
    seed = chain.seed
    if isinstance(seed, InlineSeed):
        body: Checkpoint = serde.loads_typed((seed.type, seed.checkpoint))
        history["seed"] = body["channel_values"][channel]
    elif seed is not None:
        history["seed"] = serde.loads_typed((seed.type, seed.value))
    return history


def _pending(serde: SerializerProtocol, write: WriteRow) -> PendingWrite:
    return write.task_id, write.channel, serde.loads_typed((write.type, write.value))


def _config(row: CheckpointRow, checkpoint_id: str) -> RunnableConfig:
    return {
        "configurable": {
            "thread_id": row.thread_id,
            "checkpoint_ns": row.checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }
