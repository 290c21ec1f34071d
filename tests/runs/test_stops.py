"""What a run's end means: every stop reason against everything a graph can have done."""

import itertools

import orjson
import pytest

from lgtrio.runs.executor import ErrorInfo, GraphEnd, GraphOutcome
from lgtrio.runs.stops import Act, conclude
from lgtrio.storage.interface import Cause, Stop, StopKind
from lgtrio.wire.enums import RunStatus, ThreadStatus

BOOM = ErrorInfo("ValueError", "boom")


def outcome(end: GraphEnd, **changes: object) -> GraphOutcome:
    error = BOOM if end is GraphEnd.FAILED else None
    return GraphOutcome(end, values=b'{"a":1}', error=error, **changes)  # type: ignore[arg-type]


def stop(kind: StopKind) -> Stop:
    return Stop(kind, Cause.CLIENT, "req", "because")


@pytest.mark.parametrize("end", GraphEnd)
def test_a_cancel_always_wins(end: GraphEnd) -> None:
    conclusion = conclude(stop(StopKind.INTERRUPT), outcome(end))
    assert (conclusion.act, conclusion.status) == (Act.FINISH, RunStatus.INTERRUPTED)
    assert conclusion.error is None  # no `error` event in the stream of a cancelled run
    assert conclusion.result == b'{"a":1}'
    assert conclusion.thread is not None
    assert conclusion.thread.error is not None
    assert orjson.loads(conclusion.thread.error) == {
        "error": "UserInterrupt",
        "message": "because",
    }


@pytest.mark.parametrize("kind", [StopKind.ROLLBACK, StopKind.DELETE])
@pytest.mark.parametrize("end", GraphEnd)
def test_rollback_and_delete_leave_nothing(kind: StopKind, end: GraphEnd) -> None:
    conclusion = conclude(stop(kind), outcome(end))
    assert conclusion.act is Act.ROLLBACK
    assert conclusion.result == b"{}"


@pytest.mark.parametrize(
    ("kind", "end", "status"),
    [
        (None, GraphEnd.FINISHED, RunStatus.SUCCESS),
        (None, GraphEnd.FAILED, RunStatus.ERROR),
        (None, GraphEnd.CANCELLED, RunStatus.ERROR),
        (None, GraphEnd.ABANDONED, RunStatus.ERROR),
        (StopKind.DEADLINE, GraphEnd.FINISHED, RunStatus.SUCCESS),
        (StopKind.DEADLINE, GraphEnd.FAILED, RunStatus.ERROR),
        (StopKind.DEADLINE, GraphEnd.CANCELLED, RunStatus.TIMEOUT),
        (StopKind.DEADLINE, GraphEnd.ABANDONED, RunStatus.TIMEOUT),
        (StopKind.SHUTDOWN, GraphEnd.FINISHED, RunStatus.SUCCESS),
        (StopKind.SHUTDOWN, GraphEnd.FAILED, RunStatus.ERROR),
    ],
)
def test_status(kind: StopKind | None, end: GraphEnd, status: RunStatus) -> None:
    conclusion = conclude(stop(kind) if kind else None, outcome(end))
    assert (conclusion.act, conclusion.status) == (Act.FINISH, status)


@pytest.mark.parametrize("end", [GraphEnd.CANCELLED, GraphEnd.DRAINED, GraphEnd.ABANDONED])
def test_shutdown_puts_unfinished_work_back(end: GraphEnd) -> None:
    assert conclude(stop(StopKind.SHUTDOWN), outcome(end)).act is Act.REQUEUE


@pytest.mark.parametrize(
    ("changes", "rest"),
    [
        ({}, ThreadStatus.IDLE),
        ({"next": ("n",)}, ThreadStatus.INTERRUPTED),
        ({"interrupts": b'{"t":[]}'}, ThreadStatus.INTERRUPTED),
    ],
)
def test_a_thread_rests_interrupted_while_something_is_left_to_do(
    changes: dict[str, object], rest: ThreadStatus
) -> None:
    for kind in (None, StopKind.INTERRUPT):
        conclusion = conclude(stop(kind) if kind else None, outcome(GraphEnd.FINISHED, **changes))
        assert conclusion.thread is not None
        assert conclusion.thread.rest_status is rest


def test_a_failed_run_answers_with_its_error() -> None:
    conclusion = conclude(None, outcome(GraphEnd.FAILED))
    assert conclusion.error == BOOM
    assert orjson.loads(conclusion.result) == {
        "__error__": {"error": "ValueError", "message": "boom"}
    }
    assert conclusion.thread is not None
    assert conclusion.thread.rest_status is ThreadStatus.ERROR


def test_a_stronger_reason_replaces_a_weaker_one_and_never_the_other_way() -> None:
    for first, second in itertools.product(StopKind, StopKind):
        assert stop(second).outranks(stop(first)) == (second > first)
    assert StopKind.SHUTDOWN < StopKind.DEADLINE < StopKind.INTERRUPT < StopKind.ROLLBACK
