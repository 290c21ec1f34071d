"""Runs on the wire: one body for every way to create one, and how a run is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NewType
from uuid import UUID

from attrs import field, frozen
from orjson import Fragment, dumps

from lgtrio.errors import InvalidRequest
from lgtrio.storage.interface import RunRecord
from lgtrio.wire.commands import Command
from lgtrio.wire.converter import (
    CONVERTER,
    JSON_FORMS,
    Object,
    Strings,
    WrongValue,
    decode,
    one_of,
    structure,
)
from lgtrio.wire.enums import (
    DisconnectMode,
    Durability,
    IfNotExists,
    MultitaskStrategy,
    OnCompletion,
    StreamMode,
)
from lgtrio.wire.query import check_names
from lgtrio.wire.states import Checkpoint, place

Modes = NewType("Modes", tuple[StreamMode, ...])
"""One word or a list; duplicates collapse, an empty list or word is the default."""
Nodes = NewType("Nodes", list[str])
"""`"*"` or a list of node names."""
Config = NewType("Config", dict[str, Any])
"""A run's config: its known keys are checked, unknown ones are kept."""
Delay = NewType("Delay", float)
"""Seconds from now; 0 or more. A whole number stays one, as the run shows it."""
Url = NewType("Url", str)
"""Not empty; the server's settings say which ones are allowed."""

ExampleId = NewType("ExampleId", str)
"""A UUID."""

DEFAULT_MODES: Final = Modes((StreamMode.VALUES,))
MAX_DELAY: Final = 10 * 365 * 24 * 3600


@frozen
class LangsmithTracer:
    """What the trace of a run belongs to."""

    project_name: str | None = None
    example_id: ExampleId | None = None


@frozen
class RunCreate:
    """Body of every route that creates a run."""

    assistant_id: str
    input: Any = None
    command: Command | None = None
    stream_mode: Modes = DEFAULT_MODES
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    metadata: Object = field(factory=dict)
    config: Config = field(factory=lambda: Config({}))
    context: Object = field(factory=dict)
    checkpoint: Checkpoint | None = None
    checkpoint_id: str | None = None
    checkpoint_during: bool | None = None
    durability: Durability | None = None
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    multitask_strategy: MultitaskStrategy = MultitaskStrategy.ENQUEUE
    if_not_exists: IfNotExists = IfNotExists.REJECT
    on_disconnect: DisconnectMode = DisconnectMode.CONTINUE
    on_completion: OnCompletion = OnCompletion.DELETE
    """Speaks of the thread that a stateless run makes for itself; no meaning on a thread."""
    after_seconds: Delay = Delay(0)
    webhook: Url | None = None
    feedback_keys: Strings | None = None
    """Stored and shown; there is no feedback service to make links from."""
    langsmith_tracer: LangsmithTracer | None = None
    """Of effect where the server traces its runs to LangSmith."""
    raise_error: Any = None
    """Accepted, without effect: old clients send it, and raise by themselves."""
    strict_resume: bool = False
    """A resume that answers an interrupt which is not waiting fails the run."""

    def fork_point(self) -> dict[str, object]:
        """Keys of `configurable` that say where to start from; empty for the latest state."""
        return place(self.checkpoint, self.checkpoint_id) or {}

    def effective_durability(self) -> Durability:
        if self.durability is not None:
            return self.durability
        return Durability.EXIT if self.checkpoint_during is False else Durability.ASYNC

    def refuse_checkpoint(self) -> None:
        """For stateless runs.

        Raises:
            InvalidRequest: a checkpoint was named.
        """
        if self.fork_point():
            raise InvalidRequest(
                "A stateless run starts on a thread of its own, which has no checkpoint to start"
                " from; create the run on the checkpoint's thread"
            )


@frozen
class BatchedRun(RunCreate):
    """One item of the body of POST /runs/batch."""

    thread_id: str | None = None
    """None: the run gets a thread of its own."""


def read_batch(data: bytes) -> list[BatchedRun]:
    """The body of POST /runs/batch.

    Raises:
        InvalidRequest: no list of creates, or an empty one.
    """
    items = decode(data)
    if type(items) is not list or not items:
        raise InvalidRequest("The request body must be a list of at least one run")
    return structure(list[BatchedRun], [_snake_case(item) for item in items])


def _snake_case(item: Any) -> Any:
    """The JavaScript client leaves the keys of a batch as its users write them."""
    if type(item) is not dict:
        return item
    renamed = {re.sub("[A-Z]", lambda c: f"_{c[0].lower()}", key): item[key] for key in item}
    return {**renamed, **item}


# -- hooks ---------------------------------------------------------------------------------------


def _take_modes(value: Any, _type: Any) -> tuple[StreamMode, ...]:
    words = value if type(value) is list else [value] if value != "" else []
    try:
        modes = dict.fromkeys(StreamMode(word) for word in words)
    except ValueError:
        raise WrongValue(f"{one_of(StreamMode)}, or a list of these", value) from None
    return tuple(modes) or DEFAULT_MODES


def _take_nodes(value: Any, _type: Any) -> Any:
    if value == "*":
        return value
    if type(value) is not list or not all(type(name) is str for name in value):
        raise WrongValue("'*' or a list of node names", value)
    return value


def _take_delay(value: Any, _type: Any) -> int | float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise WrongValue("a number", value)
    if not 0 <= value <= MAX_DELAY:
        raise WrongValue("0 or more seconds, at most ten years", value)
    return value


def _take_url(value: Any, _type: Any) -> str:
    if type(value) is not str or not value:
        raise WrongValue("a URL", value)
    return value


def _take_example_id(value: Any, _type: Any) -> str:
    try:
        return str(UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise WrongValue("a UUID", value) from None


@frozen
class KnownConfig:
    """The keys of a run's config that are checked; others are kept as they are."""

    tags: Strings | None = None
    recursion_limit: int | None = None
    max_concurrency: int | None = None
    run_name: str | None = None
    configurable: Object | None = None
    metadata: Object | None = None


def _take_config(value: Any, _type: Any) -> dict[str, Any]:
    CONVERTER.structure(value, KnownConfig)
    return {name: item for name, item in value.items() if item is not None}


CONVERTER.register_structure_hook(Modes, _take_modes)
CONVERTER.register_structure_hook(Nodes, _take_nodes)
CONVERTER.register_structure_hook(Delay, _take_delay)
CONVERTER.register_structure_hook(Url, _take_url)
CONVERTER.register_structure_hook(Config, _take_config)
CONVERTER.register_structure_hook(ExampleId, _take_example_id)

_MODE: Final = {"type": "string", "enum": list(StreamMode)}
JSON_FORMS[Modes] = {"anyOf": [_MODE, {"const": ""}, {"type": "array", "items": _MODE}]}
JSON_FORMS[Nodes] = {"anyOf": [{"const": "*"}, {"type": "array", "items": {"type": "string"}}]}
JSON_FORMS[Delay] = {"type": "number", "minimum": 0, "maximum": MAX_DELAY}
JSON_FORMS[Url] = {"type": "string", "minLength": 1}
JSON_FORMS[Config] = KnownConfig
JSON_FORMS[ExampleId] = {"type": "string", "format": "uuid"}


# -- answers -------------------------------------------------------------------------------------


def run_columns(run: RunRecord) -> dict[str, Any]:
    """Name to value, ready to be written as JSON."""
    return {
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": Fragment(run.metadata),
        "status": run.status,
        "kwargs": Fragment(run.kwargs),
        "multitask_strategy": run.multitask_strategy,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "langsmith_session_name": None,
        "cancel_reason": run.cancel_reason,
    }


RUN_COLUMNS: Final = (
    "run_id",
    "thread_id",
    "assistant_id",
    "metadata",
    "status",
    "kwargs",
    "multitask_strategy",
    "created_at",
    "updated_at",
    "langsmith_session_name",
    "cancel_reason",
)


def render_run(run: RunRecord) -> bytes:
    return dumps(run_columns(run))


def render_runs(runs: Sequence[RunRecord], select: Sequence[str] = ()) -> bytes:
    """A list of runs, with only the columns of `select` if there are any.

    Raises:
        InvalidRequest: an unknown column.
    """
    if not select:
        return dumps([run_columns(run) for run in runs])
    check_names("select", select, RUN_COLUMNS)
    rows = (run_columns(run) for run in runs)
    return dumps([{name: row[name] for name in RUN_COLUMNS if name in select} for row in rows])
