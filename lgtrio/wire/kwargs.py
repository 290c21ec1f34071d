"""The execution part of a run, as stored in `runs.kwargs` and shown by GET."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from attrs import asdict, frozen

from lgtrio.wire.converter import encode
from lgtrio.wire.enums import Durability, StreamMode


@frozen
class RunKwargs:
    """What the graph side needs to execute a run; all defaults already applied."""

    input: Any
    """Graph input; None continues from the thread's checkpoint."""
    command: dict[str, Any] | None
    """`resume` / `update` / `goto` as sent; wins over `input`."""
    config: dict[str, Any]
    """Merged config (see `wire.merging`): `configurable` with the server keys and, for a fork,
    `checkpoint_id` / `checkpoint_ns` / `checkpoint_map`; `tags`, `recursion_limit`, `metadata`."""
    context: dict[str, Any] | None
    stream_mode: Sequence[StreamMode] = (StreamMode.VALUES,)
    interrupt_before: str | Sequence[str] | None = None
    """`"*"` or node names."""
    interrupt_after: str | Sequence[str] | None = None
    webhook: str | None = None
    feedback_keys: Sequence[str] | None = None
    langsmith_tracer: dict[str, str | None] | None = None
    """`project_name` and `example_id` of the run's trace."""
    temporary: bool = False
    subgraphs: bool = False
    resumable: bool = False
    checkpoint_during: bool = True
    durability: Durability = Durability.ASYNC
    context_given: bool = False
    """The run's own body had `context` (not only `configurable`)."""
    strict_resume: bool = False
    """A resume that answers an interrupt which is not waiting fails the run."""

    def to_json(self) -> bytes:
        """
        Raises:
            InvalidRequest: nested deeper than can be stored.
        """
        return encode(asdict(self, recurse=False))

    @classmethod
    def from_json(cls, data: bytes) -> RunKwargs:
        fields = orjson.loads(data)
        fields["stream_mode"] = tuple(StreamMode(mode) for mode in fields["stream_mode"])
        fields["durability"] = Durability(fields["durability"])
        return cls(**fields)
