"""What a claim writes onto the thread's row, and how it is taken back: pure functions.

The graph, the assistant and the config of a run become the thread's when the run is claimed. What
was there is remembered with the run, so that a rollback leaves the row as it was.
"""

from __future__ import annotations

import orjson
from attrs import evolve, frozen

from lgtrio.storage.interface import Json, NewRun, RunRecord
from lgtrio.storage.sqlite.threads import ThreadHead


@frozen
class _Before:
    """What the thread row held before a run was claimed, as far as the claim changed it."""

    metadata: dict[str, object]
    """Of the keys that the claim writes, those that were there."""
    config: str
    """JSON text, so that it comes back letter for letter."""

    def to_json(self) -> Json:
        return orjson.dumps({"metadata": self.metadata, "config": self.config})

    @classmethod
    def from_json(cls, text: Json) -> _Before:
        return cls(**orjson.loads(text))


def mark(
    head: ThreadHead, run: NewRun | RunRecord, config: Json, *, before: Json | None = None
) -> tuple[ThreadHead, Json]:
    """The head as the claim of `run` leaves it, and what `unmark` needs.

    Args:
        config: the run's, which becomes the thread's.
        before: what the claim before this one returned, if the run is claimed again.
    """
    metadata, marks = orjson.loads(head.metadata), _marks(run)
    if before is None:
        found = {key: metadata[key] for key in marks if key in metadata}
        remembered = _Before(found, head.config.decode())
    else:
        remembered = _patched_since(_Before.from_json(before), metadata, marks)
    marked = evolve(head, metadata=orjson.dumps({**metadata, **marks}), config=config)
    return marked, remembered.to_json()


def _patched_since(
    before: _Before, metadata: dict[str, object], marks: dict[str, object]
) -> _Before:
    """A second claim finds its own marks, and what a client has put over them meanwhile."""
    patched = {key: metadata[key] for key in marks if metadata.get(key) != marks[key]}
    return _Before({**before.metadata, **patched}, before.config)


def unmark(head: ThreadHead, run: RunRecord, before: Json) -> ThreadHead:
    """The head as if the run had never been claimed.

    A key that a client has patched since then keeps the client's value.
    """
    metadata, found = orjson.loads(head.metadata), _Before.from_json(before)
    for key, written in _marks(run).items():
        if metadata.get(key) != written:
            continue
        if key in found.metadata:
            metadata[key] = found.metadata[key]
        else:
            del metadata[key]
    return evolve(head, metadata=orjson.dumps(metadata), config=found.config.encode())


def _marks(run: NewRun | RunRecord) -> dict[str, object]:
    return {"graph_id": run.graph_id, "assistant_id": run.assistant_id}
