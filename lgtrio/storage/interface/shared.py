"""What the modules beside this one share."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

Json = bytes


class Cause(StrEnum):
    """Why a run changed its status; one word of every journal line."""

    CLIENT = "client"  # a request asked for it (create, cancel, delete)
    DISPLACED = "displaced"  # a newer run of the thread; actor is that run's id
    DISCONNECT = "disconnect"  # the client went away and on_disconnect said cancel
    DEADLINE = "deadline"  # the run's own time limit
    SHUTDOWN = "shutdown"  # the server is going down; the run will be resumed
    RECOVERY = "recovery"  # the server came up and found the run half done
    GRAPH = "graph"  # the graph itself ended: finished, interrupted or raised
    SCHEDULER = "scheduler"  # a place was free, a delay had passed, a cron was due
    EXPIRED = "expired"  # the time to live of the run's thread was over


MAX_TOTAL: Final = 10_000
"""Up to here all matches of a search are counted."""
