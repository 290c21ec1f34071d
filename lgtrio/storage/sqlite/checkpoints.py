"""Removing, pruning and copying checkpoints, so that what stays can still be read.

Removing is done in two steps. First the rows are hidden: no reader sees them in the history any
more. Then the namespace is swept: a hidden row goes for good unless a checkpoint that stays has a
`DeltaChannel` whose value is rebuilt from it. Rows kept by one sweep go with a later one, when
the last checkpoint that needs them has been removed itself.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson
from attrs import define, field, frozen

from lgtrio.storage.sqlite.checkpoint_rows import VISIBLE, hiding_mark

Namespace = tuple[str, str]
"""(thread id, checkpoint namespace)"""

_TABLES: Final = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")

_IN_NAMESPACE: Final = "thread_id = ? AND checkpoint_ns = ?"

COPIED: Final = "copy:"
"""Put before the run id of copied rows: the run belongs to the thread they were copied from, and
deleting it must leave the copy alone."""


def delete_thread_rows(connection: sqlite3.Connection, thread_id: str) -> None:
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread_id,))


def move_thread_rows(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Give the history of one thread to another, which has none."""
    for table in _TABLES:
        connection.execute(
            f"UPDATE {table} SET thread_id = ? WHERE thread_id = ?", (target, source)
        )


def delete_run_rows(connection: sqlite3.Connection, run_ids: Sequence[str]) -> None:
    """Remove what these runs stored: checkpoints with everything on them, and their writes on
    checkpoints of other runs. Afterwards the history is as if they had never been; values that
    later runs have built on theirs stay as they are.
    """
    mark = hiding_mark()
    touched: set[Namespace] = set()
    for run_id in run_ids:
        found = connection.execute(
            "SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints WHERE run_id = ?",
            (run_id,),
        ).fetchall()
        _hide(connection, found, mark)
        touched.update((thread_id, checkpoint_ns) for thread_id, checkpoint_ns, _ in found)
        touched.update(_hide_writes_of(connection, run_id, mark))
    for namespace in touched:
        _sweep(connection, namespace)


def prune_thread_rows(connection: sqlite3.Connection, thread_id: str) -> None:
    """Keep the newest checkpoint of each namespace, with what is needed to read it."""
    found = connection.execute(
        "SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints AS old"
        f" WHERE thread_id = ? AND {VISIBLE} AND checkpoint_id < ("
        "  SELECT max(checkpoint_id) FROM checkpoints"
        f"  WHERE thread_id = old.thread_id AND checkpoint_ns = old.checkpoint_ns AND {VISIBLE})",
        (thread_id,),
    ).fetchall()
    _hide(connection, found, hiding_mark())
    for namespace in {(thread_id, checkpoint_ns) for _, checkpoint_ns, _ in found}:
        _sweep(connection, namespace)


def copy_thread_rows(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Copy the history of a thread, also the hidden rows that values are rebuilt from.

    A checkpoint, write or blob that `target` has already is replaced.
    """
    if source == target:
        return
    for table, columns in (
        ("checkpoint_blobs", "checkpoint_ns, channel, version, type, value"),
        (
            "checkpoints",
            "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata,"
            " blob_refs, run_id",
        ),
        (
            "checkpoint_writes",
            "checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value, run_id",
        ),
    ):
        copied = columns.replace("run_id", _COPIED_RUN)
        connection.execute(
            f"INSERT OR REPLACE INTO {table} (thread_id, {columns})"
            f" SELECT ?, {copied} FROM {table} WHERE thread_id = ? ORDER BY rowid",
            (target, source),
        )


_COPIED_RUN: Final = f"CASE WHEN {VISIBLE} THEN '{COPIED}' || ifnull(run_id, '') ELSE run_id END"


# -- hiding -------------------------------------------------------------------------------


def _hide(
    connection: sqlite3.Connection, checkpoints: Iterable[tuple[str, str, str]], mark: str
) -> None:
    """Hide checkpoints, given as (thread id, namespace, id), with all the writes on them."""
    for table in ("checkpoints", "checkpoint_writes"):
        connection.executemany(
            f"UPDATE {table} SET run_id = ? || ifnull(run_id, '')"
            f" WHERE {_IN_NAMESPACE} AND checkpoint_id = ? AND {VISIBLE}",
            [(mark, *checkpoint) for checkpoint in checkpoints],
        )


def _hide_writes_of(connection: sqlite3.Connection, run_id: str, mark: str) -> set[Namespace]:
    """Hide a run's writes on whatever checkpoint they are."""
    of_run = "run_id = ? AND run_id <> ''"  # the second half is what the index is partial on
    found = connection.execute(
        f"SELECT DISTINCT thread_id, checkpoint_ns FROM checkpoint_writes WHERE {of_run}",
        (run_id,),
    ).fetchall()
    connection.execute(
        f"UPDATE checkpoint_writes SET run_id = ? WHERE {of_run}", (mark + run_id, run_id)
    )
    return set(found)


# -- sweeping -----------------------------------------------------------------------------


@frozen
class _Link:
    """A checkpoint as one step of the walk along the parents."""

    parent: str | None
    refs: Mapping[str, str | None]
    hidden: bool
    deltas: Sequence[str]
    """Channels whose value is not in it; none for a hidden one, which nobody reads."""


def _sweep(connection: sqlite3.Connection, namespace: Namespace) -> None:
    """Delete what is hidden and not needed, and blobs that nothing refers to any more."""
    links = _links(connection, namespace)
    needed = _Walks(links, _written_channels(connection, namespace, links)).needed()
    for checkpoint_id, link in links.items():
        if link.hidden:
            _shrink(connection, namespace, checkpoint_id, link, needed.get(checkpoint_id))
    _delete_writes(connection, namespace, needed)
    _delete_blobs(connection, namespace)


def _links(connection: sqlite3.Connection, namespace: Namespace) -> dict[str, _Link]:
    """Checkpoint id to link, newest first."""
    rows = connection.execute(
        f"SELECT checkpoint_id, parent_checkpoint_id, blob_refs, {VISIBLE},"
        " metadata -> '$.counters_since_delta_snapshot'"
        f" FROM checkpoints WHERE {_IN_NAMESPACE} ORDER BY checkpoint_id DESC",
        namespace,
    ).fetchall()
    return {
        checkpoint_id: _Link(
            parent=parent,
            refs=orjson.loads(refs) if refs else {},
            hidden=not visible,
            deltas=list(orjson.loads(counters)) if visible and counters else (),
        )
        for checkpoint_id, parent, refs, visible, counters in rows
    }


def _written_channels(
    connection: sqlite3.Connection, namespace: Namespace, links: Mapping[str, _Link]
) -> Mapping[str, set[str]]:
    """Checkpoint id to the delta channels that have writes on it."""
    channels = sorted({channel for link in links.values() for channel in link.deltas})
    written: dict[str, set[str]] = defaultdict(set)
    if channels:
        rows = connection.execute(
            f"SELECT DISTINCT checkpoint_id, channel FROM checkpoint_writes WHERE {_IN_NAMESPACE}"
            f" AND channel IN ({','.join('?' * len(channels))})",
            (*namespace, *channels),
        )
        for checkpoint_id, channel in rows:
            written[checkpoint_id].add(channel)
    return written


@define
class _Walks:
    """Finds the ancestors that delta channels are rebuilt from."""

    links: Mapping[str, _Link]
    written: Mapping[str, set[str]]
    _walked: dict[str, set[str]] = field(factory=lambda: defaultdict(set), init=False)
    """Channel to the checkpoints that a walk for it has seen; none is walked twice."""
    _needed: dict[str, set[str]] = field(factory=lambda: defaultdict(set), init=False)

    def needed(self) -> Mapping[str, set[str]]:
        """Checkpoint id to the channels it is needed for."""
        for link in self.links.values():
            for channel in link.deltas:
                for ancestor in self._path(link.parent, channel):
                    self._needed[ancestor].add(channel)
        return self._needed

    def _path(self, start: str | None, channel: str) -> Sequence[str]:
        """The ancestors from `start` up to the last that contributes to the channel."""
        path: list[str] = []
        contributing = 0
        walked = self._walked[channel]
        current = start
        while current is not None and current in self.links and current not in walked:
            walked.add(current)
            path.append(current)
            has_value = channel in self.links[current].refs
            if has_value or channel in self.written.get(current, ()):
                contributing = len(path)
            if has_value:
                return path
            current = self.links[current].parent
        joins_earlier_path = current is not None and channel in self._needed.get(current, ())
        return path if joins_earlier_path else path[:contributing]


def _shrink(
    connection: sqlite3.Connection,
    namespace: Namespace,
    checkpoint_id: str,
    link: _Link,
    channels: set[str] | None,
) -> None:
    """Delete a hidden checkpoint, or let it refer only to the values of the channels needed."""
    if not channels:
        connection.execute(
            f"DELETE FROM checkpoints WHERE {_IN_NAMESPACE} AND checkpoint_id = ?",
            (*namespace, checkpoint_id),
        )
        return
    kept = {channel: version for channel, version in link.refs.items() if channel in channels}
    if kept != link.refs:
        connection.execute(
            f"UPDATE checkpoints SET blob_refs = ? WHERE {_IN_NAMESPACE} AND checkpoint_id = ?",
            (orjson.dumps(kept).decode() if kept else None, *namespace, checkpoint_id),
        )


def _delete_writes(
    connection: sqlite3.Connection, namespace: Namespace, needed: Mapping[str, set[str]]
) -> None:
    rows = connection.execute(
        "SELECT id, checkpoint_id, channel FROM checkpoint_writes"
        f" WHERE {_IN_NAMESPACE} AND NOT {VISIBLE}",
        namespace,
    ).fetchall()
    connection.executemany(
        "DELETE FROM checkpoint_writes WHERE id = ?",
        [
            (row_id,)
            for row_id, checkpoint_id, channel in rows
            if channel not in needed.get(checkpoint_id, ())
        ],
    )


def _delete_blobs(connection: sqlite3.Connection, namespace: Namespace) -> None:
    connection.execute(
        f"DELETE FROM checkpoint_blobs WHERE {_IN_NAMESPACE} AND (channel, version) NOT IN ("
        " SELECT ref.key, ref.value FROM checkpoints, json_each(blob_refs) AS ref"
        f" WHERE {_IN_NAMESPACE} AND blob_refs IS NOT NULL AND ref.value IS NOT NULL)",
        (*namespace, *namespace),
    )
