"""Routes that follow a run to its end, or a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lgtrio.api.orders import Orders
from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.services import Services
from lgtrio.api.streams import StreamRoutes
from lgtrio.api.thread_streams import ThreadStreamRoutes
from lgtrio.wire.enums import StreamMode, ThreadStreamMode
from lgtrio.wire.runs import RunCreate

_RUN_HEADERS: Final = ("Content-Location", "Location")
_CANCEL_ON_DISCONNECT: Final = Parameter(
    "cancel_on_disconnect", bool, "The run is cancelled if this connection ends before it."
)
_LAST_EVENT_ID: Final = Parameter(
    "Last-Event-ID", str, "Id of the last event received, or -1 for all from the start.", "header"
)
_LAST_EVENT_ID_QUERY: Final = Parameter("last_event_id", str, "Counts where the header is absent.")
_NAMESPACE: Final = Parameter(
    "namespace",
    list[str],
    "Only events of these (sub)graphs, without those that their tools call; empty: the root.",
)
_JOIN_STREAM: Final = (
    Parameter("stream_mode", list[str], f"Only events of these modes: {', '.join(StreamMode)}."),
    _NAMESPACE,
    Parameter("checkpoint_id", str, "Of a state that is known: only events after it."),
    _CANCEL_ON_DISCONNECT,
    _LAST_EVENT_ID,
    _LAST_EVENT_ID_QUERY,
)
_THREAD_MODES: Final = "What to tell; `run_modes` if not given. Also separated by commas."


def followed_run_routes(services: Services, orders: Orders) -> Iterator[Route]:
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
