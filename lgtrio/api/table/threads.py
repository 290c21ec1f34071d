"""Routes of threads, and of their states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.schemas import STATE_KEY
from lgtrio.api.services import Services
from lgtrio.api.states import StateRoutes
from lgtrio.api.table.shared import COUNT, PAGE_HEADERS
from lgtrio.api.threads import ThreadRoutes
from lgtrio.wire.answers import Pruned, Thread, ThreadState, ThreadStorage, UpdatedState
from lgtrio.wire.states import HistoryQuery, StateAtCheckpoint, StatePatch, StateUpdate
from lgtrio.wire.thread_search import ThreadCount, ThreadSearch
from lgtrio.wire.threads import ThreadCreate, ThreadPatch, ThreadPrune

_SELECT: Final = Parameter(
    "select", {"type": "array", "items": STATE_KEY}, "Only these keys of the state."
)
_SUBGRAPHS: Final = Parameter("subgraphs", bool, "With the states of subgraphs.")

_UNREADABLE: Final = (400,)
"""Where the graph's own channels do not take what was written to them."""


def thread_routes(services: Services) -> Iterator[Route]:
    threads = ThreadRoutes(services)
    return under(
        "Threads",
        Route(
            "POST",
            "/threads",
            threads.create,
            "Create a thread",
            "The thread",
            body=ThreadCreate,
            gives=Thread,
            refusals=(400, 409),
        ),
        Route(
            "POST",
            "/threads/search",
            threads.search,
            "Search threads",
            "Threads; how many there are in all is in `X-Pagination-Total`",
            body=ThreadSearch,
            gives=list[Thread],
            selects=True,
            headers=PAGE_HEADERS,
            refusals=(400,),
        ),
        Route(
            "POST",
            "/threads/count",
            threads.count,
            "Count threads",
            "A number",
            body=ThreadCount,
            gives=int,
            refusals=(400,),
        ),
        Route(
            "POST",
            "/threads/prune",
            threads.prune,
            "Delete many threads, or all of their states but the latest",
            "How many there were; unknown ones are passed over",
            body=ThreadPrune,
            gives=Pruned,
        ),
        Route(
            "GET",
            "/threads/<thread_id>",
            threads.get,
            "Get a thread",
            "The thread",
            parameters=(Parameter("include", list[str], "`ttl`: until when it is kept."),),
            gives=Thread,
        ),
        Route(
            "POST",
            "/threads/<thread_id>/copy",
            threads.copy,
            "Copy a thread with all its states",
            "The new thread",
            gives=Thread,
        ),
        Route(
            "GET",
            "/threads/<thread_id>/storage",
            threads.usage,
            "How much a thread's states take in the database",
            "Sizes in bytes",
            gives=ThreadStorage,
        ),
        Route(
            "PATCH",
            "/threads/<thread_id>",
            threads.patch,
            "Merge into a thread's metadata, set its time to live",
            "The thread",
            empty_status=204,
            empty_answer="With the header `Prefer: return=minimal`: done",
            body=ThreadPatch,
            gives=Thread,
        ),
        Route(
            "DELETE",
            "/threads/<thread_id>",
            threads.delete,
            "Delete a thread with all its runs and states",
            "It is gone",
            Content.NOTHING,
            empty_status=204,
        ),
    )


def state_routes(services: Services) -> Iterator[Route]:
    states = StateRoutes(services)
    return under(
        "Thread states",
        Route(
            "GET",
            "/threads/<thread_id>/state",
            states.latest,
            "Get the latest state",
            "The state",
            parameters=(_SUBGRAPHS, _SELECT),
            gives=ThreadState,
            selects=True,
            refusals=_UNREADABLE,
        ),
        Route(
            "POST",
            "/threads/<thread_id>/state",
            states.update,
            "Update the state",
            "The new checkpoint",
            body=StateUpdate,
            gives=UpdatedState,
            refusals=(400, 409),
        ),
        Route(
            "PATCH",
            "/threads/<thread_id>/state",
            states.patch,
            "Merge into the metadata of a thread and of its latest state",
            "The thread",
            empty_status=204,
            empty_answer="With the header `Prefer: return=minimal`: done",
            body=StatePatch,
            gives=Thread,
            refusals=(400, 409),
        ),
        Route(
            "POST",
            "/threads/<thread_id>/state/checkpoint",
            states.at_checkpoint,
            "Get the state at a checkpoint, named in full",
            "The state",
            body=StateAtCheckpoint,
            parameters=(_SELECT,),
            gives=ThreadState,
            selects=True,
            refusals=_UNREADABLE,
        ),
        Route(
            "GET",
            "/threads/<thread_id>/state/<checkpoint_id>",
            states.at_checkpoint_id,
            "Get the state at a checkpoint",
            "The state",
            parameters=(_SUBGRAPHS, _SELECT),
            gives=ThreadState,
            selects=True,
            refusals=_UNREADABLE,
        ),
        Route(
            "GET",
            "/threads/<thread_id>/history",
            states.history,
            "Get past states",
            "States, newest first",
            parameters=(
                Parameter("limit", COUNT, "How many; 1 if not given."),
                Parameter("before", str, "Only those before this checkpoint id."),
            ),
            gives=list[ThreadState],
            refusals=_UNREADABLE,
        ),
        Route(
            "POST",
            "/threads/<thread_id>/history",
            states.search_history,
            "Search past states",
            "States, newest first",
            body=HistoryQuery,
            gives=list[ThreadState],
            selects=True,
            refusals=_UNREADABLE,
        ),
    )
