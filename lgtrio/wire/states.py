"""Thread states on the wire: read, update, history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NewType

import orjson
from attrs import frozen

from lgtrio.errors import InvalidRequest
from lgtrio.storage.interface import Json
from lgtrio.wire.converter import (
    CONVERTER,
    JSON_FORMS,
    Object,
    Strings,
    WrongValue,
    shown,
)
from lgtrio.wire.query import check_names

EMPTY_STATE: Final[Json] = orjson.dumps(
    {
        "values": {},
        "next": [],
        "tasks": [],
        "metadata": None,
        "created_at": None,
        "checkpoint": None,
        "parent_checkpoint": None,
        "interrupts": [],
        "checkpoint_id": None,
        "parent_checkpoint_id": None,
    }
)
"""State of a thread without a checkpoint."""

SELECTABLE: Final = (
    "values",
    "next",
    "tasks",
    "checkpoint",
    "metadata",
    "created_at",
    "parent_checkpoint",
    "interrupts",
)
MAX_HISTORY: Final = 1000


@frozen
class Checkpoint:
    """A place in a thread's history, as clients name it; every part may be missing.

    `thread_id` is accepted and ignored: the path's thread counts.
    """

    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_map: Object | None = None

    def given(self) -> dict[str, object]:
        """The parts that were given, as keys of `configurable`.

        The browser hooks join the segments of a namespace with NUL where LangGraph has a bar.
        """
        parts = {
            "checkpoint_id": self.checkpoint_id,
            "checkpoint_ns": self.checkpoint_ns and self.checkpoint_ns.replace("\0", "|"),
            "checkpoint_map": self.checkpoint_map,
        }
        return {name: part for name, part in parts.items() if part is not None}


@frozen
class StateUpdate:
    """Body of POST /threads/{id}/state."""

    values: Any = None
    as_node: str | None = None
    checkpoint: Checkpoint | None = None
    checkpoint_id: str | None = None
    metadata: Object | None = None

    def check_values(self) -> None:
        """A list is for graphs whose state is one; those with keys refuse it themselves.

        Raises:
            InvalidRequest: the values are no object, no list and not null.
        """
        if self.values is not None and type(self.values) not in {dict, list}:
            raise InvalidRequest(
                f"`values` must be an object, a list or null, got {shown(self.values)}"
            )

    def base(self) -> dict[str, object] | None:
        """The checkpoint to fork from, None for the latest."""
        return place(self.checkpoint, self.checkpoint_id)


STEERING: Final = ("source", "step", "parents", "run_id", "counters_since_delta_snapshot")
"""Keys of a checkpoint's metadata that LangGraph and lgtrio work with."""


@frozen
class StatePatch:
    """Body of PATCH /threads/{id}/state; merged as by PATCH /threads/{id}."""

    metadata: Object

    def check(self) -> None:
        """
        Raises:
            InvalidRequest: a key that is not the client's to change.
        """
        if taken := [key for key in STEERING if key in self.metadata]:
            raise InvalidRequest(
                f"The metadata of a state must not change {', '.join(taken)}: these say where the"
                " state comes from"
            )


@frozen
class StateAtCheckpoint:
    """Body of POST /threads/{id}/state/checkpoint."""

    checkpoint: Checkpoint
    subgraphs: bool = False
    select: Strings | None = None


Before = NewType("Before", str)
"""A checkpoint id; sent as text, as a checkpoint object, or as a config around one."""
Limit = NewType("Limit", int)
"""How many states; 1 to `MAX_HISTORY`."""


@frozen
class HistoryQuery:
    """Body of POST /threads/{id}/history."""

    limit: Limit = Limit(1)
    before: Before | None = None
    metadata: Object | None = None
    checkpoint: Checkpoint | None = None
    select: Strings | None = None


def place(checkpoint: Checkpoint | None, checkpoint_id: str | None) -> dict[str, object] | None:
    """Both spellings of a checkpoint as one; the full object's own id wins."""
    given = checkpoint.given() if checkpoint is not None else {}
    if checkpoint_id is not None:
        given.setdefault("checkpoint_id", checkpoint_id)
    return given or None


def _take_before(value: Any, _type: Any) -> str:
    if type(value) is dict:
        inner = value.get("configurable", value)
        if type(inner) is dict and type(inner.get("checkpoint_id")) is str:
            return str(inner["checkpoint_id"])
    if type(value) is str:
        return value
    raise WrongValue("a checkpoint id, a checkpoint or a config with one", value)


def _take_limit(value: Any, _type: Any) -> int:
    if type(value) is not int:
        raise WrongValue("an integer", value)
    if not 1 <= value <= MAX_HISTORY:
        raise WrongValue(f"between 1 and {MAX_HISTORY}", value)
    return value


CONVERTER.register_structure_hook(Before, _take_before)
CONVERTER.register_structure_hook(Limit, _take_limit)

JSON_FORMS[Limit] = {"type": "integer", "minimum": 1, "maximum": MAX_HISTORY}
_CHECKPOINT: Final = {
    "type": "object",
    "properties": {"checkpoint_id": {"type": "string"}},
    "required": ["checkpoint_id"],
}
JSON_FORMS[Before] = {
    "anyOf": [
        {"type": "string"},
        _CHECKPOINT,
        {
            "type": "object",
            "properties": {"configurable": _CHECKPOINT},
            "required": ["configurable"],
        },
    ]
}


# -- answers -------------------------------------------------------------------------------------


def select_from_state(state: Json, select: Sequence[str]) -> Json:
    """Keep the named keys of a state; `values.<key>` keeps that key of its values.

    Raises:
        InvalidRequest: an unknown name.
    """
    if not select:
        return state
    _check_select(select)
    return orjson.dumps(_selected(orjson.loads(state), select))


def select_from_history(states: Json, select: Sequence[str]) -> Json:
    """As `select_from_state`, for each state of a list."""
    if not select:
        return states
    _check_select(select)
    return orjson.dumps([_selected(state, select) for state in orjson.loads(states)])


def _check_select(select: Sequence[str]) -> None:
    check_names("select", (name.partition(".")[0] for name in select), SELECTABLE)
    dotted = [name for name in select if "." in name and not name.startswith("values.")]
    if dotted:
        raise InvalidRequest(f"Invalid `select`: {dotted[0]}. Only values have keys to select")


def _selected(state: dict[str, Any], select: Sequence[str]) -> dict[str, Any]:
    chosen = {name: state[name] for name in SELECTABLE if name in select}
    keys = [name.partition(".")[2] for name in select if "." in name]
    if keys and "values" not in chosen and type(state["values"]) is dict:
        chosen["values"] = {key: state["values"][key] for key in keys if key in state["values"]}
    return chosen


def with_checkpoint(state: Json, thread_id: str) -> Json:
    """Give a state without a checkpoint an empty one.

    RemoteGraph reads the checkpoint's keys without looking whether there is one; the browser
    hooks want null. Each uses a route of its own, so each gets its answer.
    """
    parsed = orjson.loads(state)
    if parsed.get("checkpoint") is not None:
        return state
    parsed["checkpoint"] = {
        "thread_id": thread_id,
        "checkpoint_ns": "",
        "checkpoint_id": None,
    }
    # RemoteGraph also wants an object here.
    parsed["metadata"] = parsed.get("metadata") or {}
    return orjson.dumps(parsed)


def render_updated(config: Json) -> Json:
    """Answer of a state update: the new checkpoint under the names that all clients read."""
    configurable = orjson.loads(config)
    names = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")
    checkpoint = {name: configurable[name] for name in names if name in configurable}
    return orjson.dumps(
        {
            "checkpoint": checkpoint,
            "configurable": checkpoint,
            "checkpoint_id": checkpoint.get("checkpoint_id"),
        }
    )
