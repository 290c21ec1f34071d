"""Every closed set of words on the wire, each defined once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RunStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"


ACTIVE: Final = frozenset({RunStatus.PENDING, RunStatus.RUNNING})
TERMINAL: Final = frozenset(RunStatus) - ACTIVE


class ThreadStatus(StrEnum):
    IDLE = "idle"
    BUSY = "busy"
    INTERRUPTED = "interrupted"
    ERROR = "error"


class StreamMode(StrEnum):
    VALUES = "values"
    UPDATES = "updates"
    MESSAGES = "messages"
    MESSAGES_TUPLE = "messages-tuple"
    CUSTOM = "custom"
    DEBUG = "debug"
    TASKS = "tasks"
    CHECKPOINTS = "checkpoints"
    EVENTS = "events"
    TOOLS = "tools"
    LIFECYCLE = "lifecycle"


class ThreadStreamMode(StrEnum):
    """What the stream of a thread tells."""

    RUN_MODES = "run_modes"
    LIFECYCLE = "lifecycle"
    STATE_UPDATE = "state_update"


class MultitaskStrategy(StrEnum):
    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


class CancelAction(StrEnum):
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


class CancelStatus(StrEnum):
    """Which runs a bulk cancel is about."""

    PENDING = "pending"
    RUNNING = "running"
    ALL = "all"


class CancelReason(StrEnum):
    """Why a client cancels a run, where it says so."""

    TAKEN = "taken"


class DisconnectMode(StrEnum):
    CANCEL = "cancel"
    CONTINUE = "continue"


class OnCompletion(StrEnum):
    DELETE = "delete"
    KEEP = "keep"


class IfNotExists(StrEnum):
    CREATE = "create"
    REJECT = "reject"


class OnConflict(StrEnum):
    RAISE = "raise"
    DO_NOTHING = "do_nothing"


class KeepStrategy(StrEnum):
    """What becomes of a thread that is pruned, or whose time to live is over."""

    DELETE = "delete"
    KEEP_LATEST = "keep_latest"


class SortOrder(StrEnum):
    ASC = "asc"
    DESC = "desc"


class CronSort(StrEnum):
    CRON_ID = "cron_id"
    ASSISTANT_ID = "assistant_id"
    THREAD_ID = "thread_id"
    NEXT_RUN_DATE = "next_run_date"
    END_TIME = "end_time"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class AssistantSort(StrEnum):
    ASSISTANT_ID = "assistant_id"
    GRAPH_ID = "graph_id"
    NAME = "name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class ThreadSort(StrEnum):
    THREAD_ID = "thread_id"
    STATUS = "status"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    STATE_UPDATED_AT = "state_updated_at"


class Durability(StrEnum):
    SYNC = "sync"
    ASYNC = "async"
    EXIT = "exit"
