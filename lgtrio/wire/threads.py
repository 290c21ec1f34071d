"""Threads on the wire: create, patch, prune; how one is rendered."""

from __future__ import annotations

from typing import Any, Final, NewType

from attrs import field, frozen
from orjson import Fragment, dumps

from lgtrio.storage.interface import StoredTtl, ThreadRecord, ThreadTtl, ThreadUsage
from lgtrio.wire.commands import Command
from lgtrio.wire.converter import CONVERTER, JSON_FORMS, Object, Strings, WrongValue
from lgtrio.wire.enums import KeepStrategy, OnConflict

MAX_TTL: Final = 100 * 365 * 24 * 60
"""Minutes; a hundred years."""

Minutes = NewType("Minutes", float)
"""More than 0, at most `MAX_TTL`."""


@frozen
class Ttl:
    """How long a thread is kept after it was last changed."""

    ttl: Minutes
    strategy: KeepStrategy = KeepStrategy.DELETE


def thread_ttl(given: Ttl | None) -> ThreadTtl | None:
    return None if given is None else ThreadTtl(given.ttl, given.strategy)


@frozen
class SuperstepUpdate:
    """What one node is said to have done; a command wins over values."""

    as_node: str
    values: Any = None
    command: Command | None = None

    def plain(self) -> dict[str, Any]:
        return {"as_node": self.as_node, "values": self.values, "command": self.command}


@frozen
class Superstep:
    updates: list[SuperstepUpdate]


@frozen
class ThreadCreate:
    """Body of POST /threads."""

    thread_id: str | None = None
    metadata: Object = field(factory=dict)
    if_exists: OnConflict = OnConflict.RAISE
    ttl: Ttl | None = None
    supersteps: list[Superstep] = field(factory=list)

    def history(self) -> list[list[dict[str, Any]]]:
        """The supersteps as plain data."""
        return [[update.plain() for update in step.updates] for step in self.supersteps]


@frozen
class ThreadPatch:
    """Body of PATCH /threads/{id}; metadata is merged key by key, null is stored as null."""

    metadata: Object = field(factory=dict)
    ttl: Ttl | None = None


@frozen
class ThreadPrune:
    """Body of POST /threads/prune."""

    thread_ids: Strings
    strategy: KeepStrategy = KeepStrategy.DELETE


def _take_minutes(value: Any, _type: Any) -> float:
    if type(value) not in {int, float}:
        raise WrongValue("a number of minutes", value)
    if not 0 < value <= MAX_TTL:
        raise WrongValue(f"more than 0 and at most {MAX_TTL} minutes", value)
    return float(value)


CONVERTER.register_structure_hook(Minutes, _take_minutes)
JSON_FORMS[Minutes] = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TTL}


# -- answers -------------------------------------------------------------------------------------


def thread_columns(record: ThreadRecord) -> dict[str, Any]:
    """Name to value, ready to be written as JSON."""
    return {
        "thread_id": record.thread_id,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "state_updated_at": record.state_updated_at,
        "metadata": Fragment(record.metadata),
        "status": record.status,
        "config": Fragment(record.config),
        "values": None if record.values is None else Fragment(record.values),
        "error": None if record.error is None else Fragment(record.error),
        "interrupts": Fragment(record.interrupts),
    }


def render_thread(record: ThreadRecord) -> bytes:
    return dumps(thread_columns(record))


def render_thread_with_ttl(record: ThreadRecord, stored: StoredTtl | None) -> bytes:
    """With the key `ttl`; null for a thread that is kept until it is deleted."""
    ttl = stored and {
        "strategy": stored.ttl.strategy,
        "ttl_minutes": stored.ttl.minutes,
        "expires_at": stored.expires_at,
    }
    return dumps({**thread_columns(record), "ttl": ttl})


def render_usage(thread_id: str, usage: ThreadUsage) -> bytes:
    channels = usage.channels.values()
    channels_size = sum(channel.size for channel in channels)
    total = usage.checkpoints_size + channels_size + usage.writes_size
    return dumps(
        {
            "thread_id": thread_id,
            "total_bytes": total,
            "checkpoints": {"count": usage.checkpoints, "bytes": usage.checkpoints_size},
            "channel_values": {
                "count": sum(channel.versions for channel in channels),
                "bytes": channels_size,
                "by_channel": {
                    name: {"versions": channel.versions, "bytes": channel.size}
                    for name, channel in usage.channels.items()
                },
            },
            "pending_writes": {"count": usage.writes, "bytes": usage.writes_size},
        }
    )
