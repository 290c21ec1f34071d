"""Routes of runs that are created in the background, found, cancelled and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lgtrio.api.orders import Orders
from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.runs import RunRoutes
from lgtrio.api.services import Services
from lgtrio.api.table.shared import COUNT
from lgtrio.wire.answers import Run
from lgtrio.wire.cancels import CancelMany
from lgtrio.wire.enums import CancelAction, CancelReason, RunStatus
from lgtrio.wire.runs import RUN_COLUMNS, BatchedRun, RunCreate

_STATUS: Final = {"anyOf": [{"enum": list(RunStatus)}, {"type": "string"}]}
_SELECT_RUNS: Final = Parameter(
    "select", {"type": "array", "items": {"enum": list(RUN_COLUMNS)}}, "Only these keys of runs."
)
_CANCEL: Final = (
    Parameter("wait", bool, "Answer when the run has really ended."),
    Parameter("action", CancelAction, "`rollback`: as if it had never been."),
)
_REASON: Final = Parameter(
    "reason", CancelReason, "Begins the run's `cancel_reason`; with action=interrupt."
)


def run_routes(services: Services, orders: Orders) -> Iterator[Route]:
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
                Parameter("limit", COUNT, "How many; 10 if not given."),
                Parameter("offset", COUNT, "How many of the newest to pass over."),
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
