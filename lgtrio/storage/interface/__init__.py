"""What lgtrio asks of a database: records, and the operations that move them; by resource.

Rules that every implementation keeps (the contract suite in `tests/contract` checks them):

- Each method is one transaction. It raises and changes nothing, or it returns and is durable.
- Every change of a run's status is guarded by the status it leaves, changes run and thread
  together, and appends one journal line, all in the same transaction.
- Cancellation: a cancelled `await` of a write leaves all of it or nothing, never half. Which of
  the two is not known to the caller, so callers that must know shield the call with a deadline.
- Reads do not wait behind writes and see everything whose write has returned.
- `Json` is UTF-8 JSON text as bytes, stored and handed out untouched: what was encoded once by
  the graph side reaches the client without being parsed again.
- Times are ISO 8601 strings with microseconds and `+00:00`, so that they sort as text.
- Ids are lower-case canonical UUID strings, except graph ids.
"""

from __future__ import annotations

from typing import Protocol

from lgtrio.storage.interface.assistants import (
    AssistantChange,
    AssistantFilter,
    AssistantOrder,
    AssistantRecord,
    AssistantStorage,
    FoundAssistants,
)
from lgtrio.storage.interface.checkpoints import ChannelBlob, CheckpointRow, WriteRow
from lgtrio.storage.interface.crons import (
    CronFilter,
    CronOrder,
    CronRecord,
    CronStorage,
    Firing,
    FoundCrons,
)
from lgtrio.storage.interface.frames import Frame, FrameLog, FrameStorage
from lgtrio.storage.interface.items import Namespace, StoreItem
from lgtrio.storage.interface.journal import WHOLE_JOURNAL, JournalLine, JournalSpan, JournalStorage
from lgtrio.storage.interface.lanes import Decide, Displacement, LaneDecision, LaneRun
from lgtrio.storage.interface.runs import (
    Claimable,
    CreatedRun,
    FinishedRun,
    NewRun,
    Recovered,
    RunOrder,
    RunRecord,
    RunStorage,
    SettleWrites,
    StoppedRun,
)
from lgtrio.storage.interface.shared import MAX_TOTAL, Cause, Json
from lgtrio.storage.interface.stops import Stop, StopKind
from lgtrio.storage.interface.threads import (
    ChannelUsage,
    Expired,
    FoundThreads,
    NewThread,
    StoredTtl,
    ThreadFilter,
    ThreadOrder,
    ThreadOutcome,
    ThreadRecord,
    ThreadStorage,
    ThreadTtl,
    ThreadUsage,
)
from lgtrio.storage.interface.webhooks import WebhookRecord, WebhookStorage

__all__ = [
    "MAX_TOTAL",
    "WHOLE_JOURNAL",
    "AssistantChange",
    "AssistantFilter",
    "AssistantOrder",
    "AssistantRecord",
    "AssistantStorage",
    "Cause",
    "ChannelBlob",
    "ChannelUsage",
    "CheckpointRow",
    "Claimable",
    "CreatedRun",
    "CronFilter",
    "CronOrder",
    "CronRecord",
    "CronStorage",
    "Decide",
    "Displacement",
    "Expired",
    "FinishedRun",
    "Firing",
    "FoundAssistants",
    "FoundCrons",
    "FoundThreads",
    "Frame",
    "FrameLog",
    "FrameStorage",
    "JournalLine",
    "JournalSpan",
    "JournalStorage",
    "Json",
    "LaneDecision",
    "LaneRun",
    "Namespace",
    "NewRun",
    "NewThread",
    "Recovered",
    "RunOrder",
    "RunRecord",
    "RunStorage",
    "SettleWrites",
    "Stop",
    "StopKind",
    "StoppedRun",
    "Storage",
    "StoreItem",
    "StoredTtl",
    "ThreadFilter",
    "ThreadOrder",
    "ThreadOutcome",
    "ThreadRecord",
    "ThreadStorage",
    "ThreadTtl",
    "ThreadUsage",
    "WebhookRecord",
    "WebhookStorage",
    "WriteRow",
]


class Storage(
    AssistantStorage,
    ThreadStorage,
    RunStorage,
    FrameStorage,
    CronStorage,
    WebhookStorage,
    JournalStorage,
    Protocol,
):
    """The Trio side's view of the database. All methods are called from one Trio loop."""
