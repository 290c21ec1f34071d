"""Every route of the server in one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lgtrio.api.assistants import AssistantRoutes
from lgtrio.api.crons import CronRoutes
from lgtrio.api.descriptions import DescriptionRoutes
from lgtrio.api.journal import DEFAULT_LIMIT, MAX_LIMIT, JournalFormat, JournalRoutes
from lgtrio.api.orders import Orders
from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.runs import RunRoutes
from lgtrio.api.schemas import STATE_KEY
from lgtrio.api.services import Services
from lgtrio.api.states import StateRoutes
from lgtrio.api.store import StoreRoutes
from lgtrio.api.streams import StreamRoutes
from lgtrio.api.system import SystemRoutes
from lgtrio.api.thread_streams import ThreadStreamRoutes
from lgtrio.api.threads import ThreadRoutes
from lgtrio.wire.answers import (
    Assistant,
    AssistantVersion,
    Cron,
    Drawing,
    FoundItems,
    GraphSchemas,
    Health,
    Info,
    Item,
    JournalLine,
    Namespaces,
    Pruned,
    Run,
    SubgraphSchemas,
    Thread,
    ThreadState,
    ThreadStorage,
    Trace,
    UpdatedState,
)
from lgtrio.wire.assistants import (
    AssistantCount,
    AssistantCreate,
    AssistantPatch,
    AssistantSearch,
    LatestVersion,
    VersionSearch,
)
from lgtrio.wire.cancels import CancelMany
from lgtrio.wire.crons import CronCount, CronCreate, CronPatch, CronSearch
from lgtrio.wire.enums import (
    CancelAction,
    CancelReason,
    RunStatus,
    StreamMode,
    ThreadStreamMode,
)
from lgtrio.wire.runs import RUN_COLUMNS, BatchedRun, RunCreate
from lgtrio.wire.states import HistoryQuery, StateAtCheckpoint, StatePatch, StateUpdate
from lgtrio.wire.store import ItemDelete, ItemPut, ItemSearch, NamespaceSearch
from lgtrio.wire.thread_search import ThreadCount, ThreadSearch
from lgtrio.wire.threads import ThreadCreate, ThreadPatch, ThreadPrune

_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1}
_PAGE_HEADERS: Final = ("X-Pagination-Total", "X-Pagination-Next")
_RUN_HEADERS: Final = ("Content-Location", "Location")
_STATUS: Final = {"anyOf": [{"enum": list(RunStatus)}, {"type": "string"}]}
_SELECT_RUNS: Final = Parameter(
    "select", {"type": "array", "items": {"enum": list(RUN_COLUMNS)}}, "Only these keys of runs."
)
_SELECT: Final = Parameter(
    "select", {"type": "array", "items": STATE_KEY}, "Only these keys of the state."
)
_SUBGRAPHS: Final = Parameter("subgraphs", bool, "With the states of subgraphs.")
_CANCEL_ON_DISCONNECT: Final = Parameter(
    "cancel_on_disconnect", bool, "The run is cancelled if this connection ends before it."
)
_LAST_EVENT_ID: Final = Parameter(
    "Last-Event-ID", str, "Id of the last event received, or -1 for all from the start.", "header"
)
_LAST_SEQ: Final = Parameter(
    "Last-Event-ID",
    {"type": "string", "pattern": "^(-1|[0-9]{1,18})$"},
    "Seq of the last line received, or -1 for all from the start.",
    "header",
)
_LAST_EVENT_ID_QUERY: Final = Parameter("last_event_id", str, "Counts where the header is absent.")
_NAMESPACE: Final = Parameter(
    "namespace",
    list[str],
    "Only events of these (sub)graphs, without those that their tools call; empty: the root.",
)
_JOIN_STREAM: Final = (
    Parameter("stream_mode", list[StreamMode], "Only events of these modes."),
    _NAMESPACE,
    Parameter("checkpoint_id", str, "Of a state that is known: only events after it."),
    _CANCEL_ON_DISCONNECT,
    _LAST_EVENT_ID,
    _LAST_EVENT_ID_QUERY,
)
_CANCEL: Final = (
    Parameter("wait", bool, "Answer when the run has really ended."),
    Parameter("action", CancelAction, "`rollback`: as if it had never been."),
)
_REASON: Final = Parameter(
    "reason", CancelReason, "Begins the run's `cancel_reason`; with action=interrupt."
)
_THREAD_MODES: Final = "What to tell; `run_modes` if not given. Also separated by commas."
_JOURNAL: Final = (
    Parameter("since", str, "Lines from this time on (ISO 8601), or behind the one of this seq."),
    Parameter("until", str, "Lines before this time, or up to and with the one of this seq."),
    Parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        f"How many lines; {DEFAULT_LIMIT} if not given, a trace has all.",
    ),
    Parameter("format", JournalFormat, "`trace`: Chrome trace events, which Perfetto opens."),
)


def routes(services: Services) -> Iterator[Route]:
    """Built once a server; the handlers know its services."""
    orders = Orders(services)
    yield from _system()
    yield from _assistants(services)
    yield from _descriptions(services)
    yield from _threads(services)
    yield from _states(services)
    yield from _runs(services, orders)
    yield from _followed_runs(services, orders)
    yield from _crons(services, orders)
    yield from _store(services)
    yield from _journal(services)


def _system() -> Iterator[Route]:
    system = SystemRoutes()
    return under(
        "System",
        Route("GET", "/", system.ok, "Is the server there?", "It is", gives=Health),
        Route("GET", "/ok", system.ok, "Is the server there?", "It is", gives=Health),
        Route(
            "GET",
            "/info",
            system.info,
            "Which server is it?",
            "Versions and abilities",
            gives=Info,
        ),
    )


def _assistants(services: Services) -> Iterator[Route]:
    assistants = AssistantRoutes(services)
    return under(
        "Assistants",
        Route(
            "POST",
            "/assistants",
            assistants.create,
            "Create an assistant",
            "The assistant",
            body=AssistantCreate,
            gives=Assistant,
            refusals=(400, 404, 409),
        ),
        Route(
            "POST",
            "/assistants/search",
            assistants.search,
            "Search assistants",
            "Assistants; how many there are in all is in `X-Pagination-Total`",
            body=AssistantSearch,
            gives=list[Assistant],
            selects=True,
            headers=_PAGE_HEADERS,
            refusals=(404,),
        ),
        Route(
            "POST",
            "/assistants/count",
            assistants.count,
            "Count assistants",
            "A number",
            body=AssistantCount,
            gives=int,
            refusals=(404,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>",
            assistants.get,
            "Get an assistant",
            "The assistant",
            gives=Assistant,
        ),
        Route(
            "PATCH",
            "/assistants/<assistant_id>",
            assistants.patch,
            "Make a new version of an assistant",
            "The assistant",
            body=AssistantPatch,
            gives=Assistant,
        ),
        Route(
            "DELETE",
            "/assistants/<assistant_id>",
            assistants.delete,
            "Delete an assistant with all its versions",
            "It is gone",
            Content.NOTHING,
            empty_status=204,
            parameters=(Parameter("delete_threads", bool, "And the threads that it ran on."),),
        ),
        Route(
            "POST",
            "/assistants/<assistant_id>/versions",
            assistants.versions,
            "List the versions of an assistant",
            "Versions, newest first",
            body=VersionSearch,
            gives=list[AssistantVersion],
        ),
        Route(
            "POST",
            "/assistants/<assistant_id>/latest",
            assistants.set_latest,
            "Make a version the active one",
            "The assistant",
            body=LatestVersion,
            gives=Assistant,
        ),
    )


def _descriptions(services: Services) -> Iterator[Route]:
    descriptions = DescriptionRoutes(services)
    recurse = Parameter("recurse", bool, "With those inside of subgraphs.")
    schemas = "Schemas by namespace"
    return under(
        "Assistants",
        Route(
            "GET",
            "/assistants/<assistant_id>/graph",
            descriptions.graph,
            "Draw the graph of an assistant, or the graph of this name",
            "Nodes and edges",
            parameters=(
                Parameter(
                    "xray",
                    {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 1}]},
                    "Down to which level the nodes of subgraphs are shown; true for all.",
                ),
            ),
            gives=Drawing,
            refusals=(400,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>/schemas",
            descriptions.schemas,
            "What the graph of an assistant takes and gives",
            "JSON schemas",
            gives=GraphSchemas,
            refusals=(400,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>/subgraphs",
            descriptions.subgraphs,
            "What the subgraphs take and give",
            schemas,
            parameters=(recurse,),
            gives=dict[str, SubgraphSchemas],
            refusals=(400,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>/subgraphs/<path:namespace>",
            descriptions.subgraphs,
            "What one subgraph takes and gives",
            schemas,
            parameters=(recurse,),
            gives=dict[str, SubgraphSchemas],
            refusals=(400,),
        ),
    )


def _threads(services: Services) -> Iterator[Route]:
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
            headers=_PAGE_HEADERS,
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


def _states(services: Services) -> Iterator[Route]:
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
        ),
        Route(
            "GET",
            "/threads/<thread_id>/history",
            states.history,
            "Get past states",
            "States, newest first",
            parameters=(
                Parameter("limit", _COUNT, "How many; 1 if not given."),
                Parameter("before", str, "Only those before this checkpoint id."),
            ),
            gives=list[ThreadState],
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
        ),
    )


def _runs(services: Services, orders: Orders) -> Iterator[Route]:
    runs = RunRoutes(services, orders)
    yield from under(
        "Runs",
        Route(
            "POST",
            "/threads/<thread_id>/runs",
            runs.create,
            "Create a run in the background",
            "The run, which is stored",
            body=RunCreate,
            gives=Run,
            headers=("Content-Location",),
            refusals=(400, 409),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/runs",
            runs.list_runs,
            "List a thread's runs",
            "Runs, newest first",
            parameters=(
                Parameter("limit", _COUNT, "How many; 10 if not given."),
                Parameter("offset", _COUNT, "How many of the newest to pass over."),
                Parameter("status", _STATUS, "Only runs of this status; no run has another."),
                _SELECT_RUNS,
            ),
            gives=list[Run],
            selects=True,
            refusals=(400,),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/runs/<run_id>",
            runs.get,
            "Get a run",
            "The run",
            gives=Run,
        ),
        Route(
            "DELETE",
            "/threads/<thread_id>/runs/<run_id>",
            runs.delete,
            "Delete a run and what it stored; one that runs is stopped first",
            "It is gone",
            Content.NOTHING,
            empty_status=204,
        ),
        Route(
            "POST",
            "/threads/<thread_id>/runs/<run_id>/cancel",
            runs.cancel,
            "Cancel a run",
            "With `wait`: it has ended",
            empty_status=202,
            empty_answer="It is being cancelled",
            parameters=(*_CANCEL, _REASON),
            gives=dict[str, Any],
        ),
    )
    yield from under(
        "Runs",
        Route(
            "POST",
            "/runs/cancel",
            runs.cancel_many,
            "Cancel many runs: those named, or all of a status",
            "They are being cancelled; with `wait` they have ended",
            Content.NOTHING,
            empty_status=204,
            body=CancelMany,
            parameters=_CANCEL,
            refusals=(404,),
        ),
    )
    yield from under(
        "Stateless runs",
        Route(
            "POST",
            "/runs",
            runs.create_stateless,
            "Create a run in the background, on a thread of its own",
            "The run, which is stored",
            body=RunCreate,
            gives=Run,
            headers=("Content-Location",),
            refusals=(400, 404),
        ),
        Route(
            "POST",
            "/runs/batch",
            runs.create_batch,
            "Create several runs in the background: all of them, or none",
            "The runs, which are stored",
            body=list[BatchedRun],
            gives=list[Run],
            refusals=(400, 404, 409),
        ),
    )


def _followed_runs(services: Services, orders: Orders) -> Iterator[Route]:
    streams = StreamRoutes(services, orders)
    yield from under(
        "Runs",
        Route(
            "POST",
            "/threads/<thread_id>/runs/stream",
            streams.stream,
            "Create a run and stream it",
            "The run's events, up to its end",
            Content.EVENTS,
            body=RunCreate,
            parameters=(_NAMESPACE,),
            headers=_RUN_HEADERS,
            refusals=(400, 409),
        ),
        Route(
            "POST",
            "/threads/<thread_id>/runs/wait",
            streams.wait,
            "Create a run and wait for its end",
            "The final state, or an error object",
            body=RunCreate,
            gives=Any,
            headers=_RUN_HEADERS,
            refusals=(400, 409),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/runs/<run_id>/join",
            streams.join,
            "Wait for a run's end",
            "The final state, or an error object",
            parameters=(_CANCEL_ON_DISCONNECT,),
            gives=Any,
            headers=_RUN_HEADERS,
        ),
        Route(
            "GET",
            "/threads/<thread_id>/runs/<run_id>/stream",
            streams.join_stream,
            "Follow a run's stream",
            "The run's events, up to its end",
            Content.EVENTS,
            parameters=_JOIN_STREAM,
            headers=_RUN_HEADERS,
        ),
    )
    yield from under(
        "Threads",
        Route(
            "GET",
            "/threads/<thread_id>/stream",
            ThreadStreamRoutes(services).stream,
            "Follow a thread: all of its runs, and changes of its state",
            "Events, until the thread is deleted",
            Content.EVENTS,
            parameters=(
                Parameter("stream_mode", list[ThreadStreamMode], _THREAD_MODES),
                Parameter("stream_modes", list[ThreadStreamMode], "The same."),
                _LAST_EVENT_ID,
                _LAST_EVENT_ID_QUERY,
            ),
            headers=("Location",),
        ),
    )
    yield from under(
        "Stateless runs",
        Route(
            "POST",
            "/runs/stream",
            streams.stream_stateless,
            "Create a run on a thread of its own and stream it",
            "The run's events, up to its end",
            Content.EVENTS,
            body=RunCreate,
            parameters=(_NAMESPACE,),
            headers=_RUN_HEADERS,
            refusals=(400, 404),
        ),
        Route(
            "GET",
            "/runs/<run_id>/stream",
            streams.join_stateless_stream,
            "Follow a run's stream, without its thread's id",
            "The run's events, up to its end",
            Content.EVENTS,
            parameters=_JOIN_STREAM,
            headers=_RUN_HEADERS,
        ),
        Route(
            "POST",
            "/runs/wait",
            streams.wait_stateless,
            "Create a run on a thread of its own and wait for its end",
            "The final state, or an error object",
            body=RunCreate,
            gives=Any,
            headers=_RUN_HEADERS,
            refusals=(400, 404),
        ),
    )


def _store(services: Services) -> Iterator[Route]:
    store = StoreRoutes(services.items)
    return under(
        "Store",
        Route(
            "PUT",
            "/store/items",
            store.put,
            "Store an item, in place of one that is there",
            "It is stored",
            Content.NOTHING,
            empty_status=204,
            body=ItemPut,
            refusals=(400, 502),
        ),
        Route(
            "GET",
            "/store/items",
            store.get,
            "Get an item",
            "The item, or null",
            parameters=(
                Parameter("namespace", str, "Its labels, joined by periods.", required=True),
                Parameter("key", str, "Its key.", required=True),
                Parameter("refresh_ttl", bool, "Whether its time to live begins anew."),
            ),
            gives=Item | None,
            refusals=(400,),
        ),
        Route(
            "DELETE",
            "/store/items",
            store.delete,
            "Delete an item",
            "There is none of that key",
            Content.NOTHING,
            empty_status=204,
            body=ItemDelete,
        ),
        Route(
            "POST",
            "/store/items/search",
            store.search,
            "Search items, by their values or by meaning",
            "`items`: the nearest to the query first, then in the order of their first put",
            body=ItemSearch,
            gives=FoundItems,
            refusals=(400, 502),
        ),
        Route(
            "POST",
            "/store/namespaces",
            store.namespaces,
            "List namespaces that have items",
            "`namespaces`, sorted",
            body=NamespaceSearch,
            gives=Namespaces,
        ),
    )


def _crons(services: Services, orders: Orders) -> Iterator[Route]:
    crons = CronRoutes(services, orders)
    return under(
        "Crons",
        Route(
            "POST",
            "/runs/crons",
            crons.create,
            "Have runs come again and again, each on a thread of its own",
            "The cron",
            body=CronCreate,
            gives=Cron,
            refusals=(400, 404),
        ),
        Route(
            "POST",
            "/threads/<thread_id>/runs/crons",
            crons.create_for_thread,
            "Have runs come again and again on a thread",
            "The cron",
            body=CronCreate,
            gives=Cron,
            refusals=(400,),
        ),
        Route(
            "POST",
            "/runs/crons/search",
            crons.search,
            "Search crons",
            "Crons; how many there are in all is in `X-Pagination-Total`",
            body=CronSearch,
            gives=list[Cron],
            selects=True,
            headers=_PAGE_HEADERS,
        ),
        Route(
            "POST",
            "/runs/crons/count",
            crons.count,
            "Count crons",
            "A number",
            body=CronCount,
            gives=int,
        ),
        Route("GET", "/runs/crons/<cron_id>", crons.get, "Get a cron", "The cron", gives=Cron),
        Route(
            "PATCH",
            "/runs/crons/<cron_id>",
            crons.patch,
            "Change a cron, also to pause it and to resume it",
            "The cron",
            body=CronPatch,
            gives=Cron,
            refusals=(400,),
        ),
        Route(
            "DELETE",
            "/runs/crons/<cron_id>",
            crons.delete,
            "Delete a cron",
            "It is gone",
            Content.NOTHING,
            empty_status=204,
        ),
    )


def _journal(services: Services) -> Iterator[Route]:
    journal = JournalRoutes(services)
    lines = "Lines, oldest first; with `format=trace` a trace"
    return under(
        "Journal (lgtrio's own)",
        Route(
            "GET",
            "/journal",
            journal.of_all,
            "Every change of every run's status",
            lines,
            parameters=_JOURNAL,
            gives=list[JournalLine] | Trace,
            headers=("X-Pagination-Next",),
        ),
        Route(
            "GET",
            "/journal/stream",
            journal.stream,
            "Follow the journal live",
            "A `transition` event for each line; its id is the line's seq",
            Content.EVENTS,
            parameters=(_LAST_SEQ,),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/journal",
            journal.of_thread,
            "The journal of a thread, also of one that is gone",
            lines,
            parameters=_JOURNAL,
            gives=list[JournalLine] | Trace,
            headers=("X-Pagination-Next",),
        ),
        Route(
            "GET",
            "/threads/<thread_id>/runs/<run_id>/journal",
            journal.of_run,
            "The journal of a run, also of one that is gone",
            lines,
            parameters=_JOURNAL,
            gives=list[JournalLine] | Trace,
            headers=("X-Pagination-Next",),
        ),
    )
