"""The parent chain of a checkpoint, which a `DeltaChannel` is rebuilt from.

A delta channel's value is not in the checkpoint. It is the nearest value stored in an ancestor
(the seed), with the writes stored on that ancestor and on those below it applied in order; the
checkpoint's own writes are not part of it.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import define, field

from lgtrio.storage.interface import ChannelBlob, WriteRow
from lgtrio.storage.sqlite.checkpoint_rows import (
    VISIBLE,
    batched_ids,
    in_order,
    load_blob,
    was_hidden_before,
)


@define
class InlineSeed:
    """The seed is inside this checkpoint's body."""

    type: str
    checkpoint: bytes


@define
class DeltaChain:
    """What one channel's value is made of."""

    seed: InlineSeed | ChannelBlob | None = None
    """None: no ancestor stores a value, the channel starts empty."""
    writes: list[WriteRow] = field(factory=list)
    """Oldest first."""


_ANCESTORS: Final = """
    WITH RECURSIVE chain(checkpoint_id, parent_checkpoint_id, blob_refs) AS (
        SELECT checkpoint_id, parent_checkpoint_id, blob_refs FROM checkpoints
        WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3
        UNION ALL
        SELECT c.checkpoint_id, c.parent_checkpoint_id, c.blob_refs
        FROM chain CROSS JOIN checkpoints c
        ON c.thread_id = ?1 AND c.checkpoint_ns = ?2
            AND c.checkpoint_id = chain.parent_checkpoint_id
    )
    SELECT checkpoint_id, blob_refs FROM chain
"""
"""CROSS JOIN keeps the chain as the outer loop: one look-up by key for each step."""


def read_chains(
    connection: sqlite3.Connection,
    thread_id: str,
    checkpoint_ns: str,
    checkpoint_id: str | None,
    channels: Sequence[str],
) -> Mapping[str, DeltaChain]:
    """The chain of each channel; the newest checkpoint's if no id is given."""
    chains = {channel: DeltaChain() for channel in channels}
    target = checkpoint_id or _newest(connection, thread_id, checkpoint_ns)
    if target is None:
        return chains
    paths: dict[str, list[str]] = {channel: [] for channel in channels}
    open_channels = set(channels)
    for ancestor, refs in _ancestors(connection, thread_id, checkpoint_ns, target):
        for channel in list(open_channels):
            paths[channel].append(ancestor)
            if channel in refs:
                namespace = (thread_id, checkpoint_ns)
                seed = _seed(connection, namespace, ancestor, channel, refs[channel])
                chains[channel].seed = seed
                open_channels.discard(channel)
        if not open_channels:
            break
    longest = max(paths.values(), key=len)
    below = dict(zip(longest, [target, *longest], strict=False))
    stored = _writes(connection, thread_id, checkpoint_ns, below, channels)
    for channel, path in paths.items():
        chains[channel].writes = [
            write for ancestor in reversed(path) for write in stored.get((ancestor, channel), ())
        ]
    return chains


def _newest(connection: sqlite3.Connection, thread_id: str, checkpoint_ns: str) -> str | None:
    found = connection.execute(
        f"SELECT max(checkpoint_id) FROM checkpoints"
        f" WHERE thread_id = ? AND checkpoint_ns = ? AND {VISIBLE}",
        (thread_id, checkpoint_ns),
    ).fetchone()
    newest: str | None = found[0]
    return newest


def _ancestors(
    connection: sqlite3.Connection, thread_id: str, checkpoint_ns: str, target: str
) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """(id, stored values) of each ancestor, nearest first, without the target itself.

    Rows come as the recursion finds them, so leaving early ends it; also where a checkpoint that
    was put twice has closed the chain to a loop.
    """
    seen = {target}
    rows = connection.execute(_ANCESTORS, (thread_id, checkpoint_ns, target))
    try:
        next(rows, None)
        for ancestor, refs in rows:
            if ancestor in seen:
                return
            seen.add(ancestor)
            yield ancestor, orjson.loads(refs) if refs else {}
    finally:
        rows.close()


def _seed(
    connection: sqlite3.Connection,
    namespace: tuple[str, str],
    checkpoint_id: str,
    channel: str,
    version: str | None,
) -> InlineSeed | ChannelBlob:
    if version is not None:
        return load_blob(connection, *namespace, channel, version)
    found: tuple[Any, ...] = connection.execute(
        "SELECT type, checkpoint FROM checkpoints"
        " WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
        (*namespace, checkpoint_id),
    ).fetchone()
    return InlineSeed(*found)


def _writes(
    connection: sqlite3.Connection,
    thread_id: str,
    checkpoint_ns: str,
    below: Mapping[str, str],
    channels: Sequence[str],
) -> dict[tuple[str, str], list[WriteRow]]:
    """(checkpoint id, channel) to its writes in order.

    A hidden write counts if it was hidden after the walk's next checkpoint had been made from
    it; on the way to a younger one it has never been.

    Args:
        below: the ancestors, each to the checkpoint from which the walk came to it.
    """
    found: dict[str, list[WriteRow]] = defaultdict(list)
    wanted = ",".join("?" * len(channels))
    for marks, portion in batched_ids(list(below)):
        rows = connection.execute(
            "SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel,"
            " run_id, type, value FROM checkpoint_writes"
            f" WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id IN ({marks})"
            f" AND channel IN ({wanted}) ORDER BY id",
            (thread_id, checkpoint_ns, *portion, *channels),
        )
        for row in rows:
            write = WriteRow(*row)
            if not was_hidden_before(write.run_id, below[write.checkpoint_id]):
                found[write.checkpoint_id].append(write)
    ordered: dict[tuple[str, str], list[WriteRow]] = defaultdict(list)
    for rows_of_one in found.values():
        for write in in_order(rows_of_one):
            ordered[write.checkpoint_id, write.channel].append(write)
    return ordered
