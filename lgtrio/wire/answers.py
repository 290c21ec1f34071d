"""What answers look like, for documents that describe them.

Nothing is built from these: stored JSON goes out as it is, without being parsed. Tests hold every
answer against them. Lists that a client cuts with `select` have some of the keys only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict
from uuid import UUID

from lgtrio.wire.enums import (
    KeepStrategy,
    MultitaskStrategy,
    OnCompletion,
    RunStatus,
    ThreadStatus,
)

Object = dict[str, Any]
"""JSON of the client's or the graph's own."""


# -- the server itself -----------------------------------------------------------------------------


class Health(TypedDict):
    ok: bool
    services: Object


class Host(TypedDict):
    kind: str
    project_id: None
    host_revision_id: None
    revision_id: None
    tenant_id: None


class Info(TypedDict):
    version: str
    langgraph_py_version: str
    flags: dict[str, bool]
    """Abilities by name."""
    host: Host


class QueueMetrics(TypedDict):
    n_pending: float
    n_running: float
    pending_runs_wait_time_max_secs: float | None
    pending_runs_wait_time_med_secs: float | None
    pending_unblocked_runs_wait_time_max_secs: float | None


class WorkerMetrics(TypedDict):
    max: float
    active: float
    available: float


class RequestCount(TypedDict):
    method: str
    path: str
    status: int
    count: float


class ApiMetrics(TypedDict):
    http_requests_total: list[RequestCount]


class MetricsReport(TypedDict):
    queue: QueueMetrics
    workers: WorkerMetrics
    api: ApiMetrics
    metrics: dict[str, list[Object]]
    """Every metric by name; its labels and its `value`."""


# -- assistants ------------------------------------------------------------------------------------


class AssistantVersion(TypedDict):
    assistant_id: UUID
    graph_id: str
    config: Object
    context: Object
    metadata: Object
    name: str
    description: str | None
    version: int
    created_at: datetime


class Assistant(AssistantVersion):
    updated_at: datetime


class Node(TypedDict):
    id: str | int
    type: NotRequired[str]
    data: NotRequired[Any]
    metadata: NotRequired[Object]


class Edge(TypedDict):
    source: str | int
    target: str | int
    data: NotRequired[Any]
    conditional: NotRequired[bool]


class Drawing(TypedDict):
    nodes: list[Node]
    edges: list[Edge]


class SubgraphSchemas(TypedDict):
    input_schema: Object | None
    output_schema: Object | None
    state_schema: Object | None
    config_schema: Object | None
    context_schema: Object | None


class GraphSchemas(SubgraphSchemas):
    graph_id: str


# -- threads and their states ----------------------------------------------------------------------


class Interrupt(TypedDict):
    id: str
    value: Any


class ThreadTtl(TypedDict):
    strategy: KeepStrategy
    ttl_minutes: float
    expires_at: datetime


class Thread(TypedDict):
    thread_id: UUID
    created_at: datetime
    updated_at: datetime
    state_updated_at: datetime
    metadata: Object
    status: ThreadStatus
    config: Object
    values: Any
    """The latest state; null before the first."""
    error: Object | None
    interrupts: dict[str, list[Interrupt]]
    """Id of a task to what it asks."""
    ttl: NotRequired[ThreadTtl | None]
    extracted: NotRequired[Object]
    context: NotRequired[Object]
    """Where it is selected: of the assistant that ran on the thread last."""


class CountedBytes(TypedDict):
    count: int
    bytes: int


class ChannelBytes(TypedDict):
    versions: int
    bytes: int


class ChannelsBytes(CountedBytes):
    by_channel: dict[str, ChannelBytes]


class ThreadStorage(TypedDict):
    thread_id: UUID
    total_bytes: int
    checkpoints: CountedBytes
    channel_values: ChannelsBytes
    pending_writes: CountedBytes


class Pruned(TypedDict):
    pruned_count: int


class CheckpointPlace(TypedDict):
    thread_id: str
    checkpoint_ns: str
    checkpoint_id: NotRequired[str | None]
    checkpoint_map: NotRequired[Object | None]


class ThreadTask(TypedDict):
    id: str
    name: str
    path: list[Any]
    error: str | None
    interrupts: list[Interrupt]
    checkpoint: CheckpointPlace | None
    """Of the task's own state, if it is a graph."""
    state: ThreadState | None
    result: Any


class ThreadState(TypedDict):
    values: Any
    next: list[str]
    tasks: list[ThreadTask]
    metadata: Object | None
    created_at: datetime | None
    checkpoint: CheckpointPlace | None
    parent_checkpoint: CheckpointPlace | None
    interrupts: list[Interrupt]
    checkpoint_id: str | None
    parent_checkpoint_id: str | None


class UpdatedState(TypedDict):
    checkpoint: CheckpointPlace
    configurable: CheckpointPlace
    checkpoint_id: str | None


# -- runs ------------------------------------------------------------------------------------------


class Run(TypedDict):
    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    metadata: Object
    status: RunStatus
    kwargs: Object
    """What it was asked to do, with all defaults."""
    multitask_strategy: MultitaskStrategy
    created_at: datetime
    updated_at: datetime
    langsmith_session_name: None
    cancel_reason: str | None
    """Of a run that was cancelled: the cause, and who or what it was."""


class Cron(TypedDict):
    cron_id: UUID
    assistant_id: UUID
    thread_id: UUID | None
    user_id: str
    end_time: str | None
    schedule: str
    timezone: str | None
    payload: Object
    next_run_date: datetime | None
    metadata: Object
    on_run_completed: OnCompletion | None
    enabled: bool
    created_at: datetime
    updated_at: datetime
    now: NotRequired[datetime]
    """Where it is selected: the server's time."""


JournalLine = TypedDict(
    "JournalLine",
    {
        "seq": int,
        "at": datetime,
        "monotonic": float,
        "thread_id": UUID,
        "run_id": UUID,
        "assistant_id": UUID,
        "graph_id": str,
        "from": RunStatus | None,
        "to": RunStatus | None,
        "cause": str,
        "actor": str | None,
        "asked": float | None,
    },
)


class Trace(TypedDict):
    """Chrome's trace event format."""

    displayTimeUnit: str
    traceEvents: list[Object]


# -- the store -------------------------------------------------------------------------------------


class Item(TypedDict):
    namespace: list[str]
    key: str
    value: Object
    created_at: datetime
    updated_at: datetime


class FoundItem(Item):
    score: float | None
    """How near it is to the query; null without one."""


class FoundItems(TypedDict):
    items: list[FoundItem]


class Namespaces(TypedDict):
    namespaces: list[list[str]]
