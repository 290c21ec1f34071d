"""What the end of a run means: the reason why it was stopped + what the graph did, pure.

The reason is set before the run's scope is cancelled. Where two reasons meet, the stronger one
counts: a client that rolls a run back must not find it merely interrupted because a disconnect
came first.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

import orjson
from attrs import frozen

from lgtrio.runs.executor import ErrorInfo, GraphEnd, GraphOutcome
from lgtrio.storage.interface import Cause, Json, Stop, StopKind, ThreadOutcome
from lgtrio.wire.enums import RunStatus, ThreadStatus


class Act(IntEnum):
    FINISH = auto()
    REQUEUE = auto()
    ROLLBACK = auto()


@frozen
class Conclusion:
    """What to store, and what to tell those who follow the run."""

    act: Act
    cause: Cause
    actor: str | None
    status: RunStatus = RunStatus.INTERRUPTED
    thread: ThreadOutcome | None = None
    error: ErrorInfo | None = None
    """Sent as the stream's `error` event (a graph's own failure only)."""
    result: Json = b"{}"
    """What `wait` and `join` answer."""


_TIMED_OUT: Final = ErrorInfo("TimeoutError", "")
_UNOWNED: Final = ErrorInfo("InternalError", "The run stopped without having been asked to.")


def conclude(stop: Stop | None, outcome: GraphOutcome) -> Conclusion:
    """Decide a run's end.

    A cancel always wins, also over a graph that finished in the same moment; a deadline or a
    shutdown does not: work that is complete is not thrown away.
    """
    if stop is not None and stop.kind >= StopKind.ROLLBACK:
        return Conclusion(Act.ROLLBACK, stop.cause, stop.actor)
    if stop is not None and stop.kind is StopKind.INTERRUPT:
        error = ErrorInfo("UserInterrupt", stop.message)
        return _finish(RunStatus.INTERRUPTED, stop, outcome, thread_error=error)
    if outcome.end is GraphEnd.FINISHED:
        return _finish(RunStatus.SUCCESS, None, outcome)
    if outcome.end in (GraphEnd.FAILED, GraphEnd.REFUSED):
        return _finish(RunStatus.ERROR, None, outcome, thread_error=outcome.error)
    if stop is not None and stop.kind is StopKind.DEADLINE:
        return _finish(RunStatus.TIMEOUT, stop, outcome, thread_error=_TIMED_OUT)
    if stop is not None:
        return Conclusion(Act.REQUEUE, stop.cause, stop.actor)
    return _finish(RunStatus.ERROR, None, outcome, thread_error=_UNOWNED)


def _finish(
    status: RunStatus,
    stop: Stop | None,
    outcome: GraphOutcome,
    *,
    thread_error: ErrorInfo | None = None,
) -> Conclusion:
    failed = status is RunStatus.ERROR
    return Conclusion(
        act=Act.FINISH,
        cause=stop.cause if stop else Cause.GRAPH,
        actor=stop.actor if stop else _class_of(thread_error),
        status=status,
        thread=ThreadOutcome(
            rest_status=_rest_status(status, outcome),
            values=outcome.values,
            interrupts=outcome.interrupts,
            error=error_json(thread_error) if thread_error else None,
        ),
        error=thread_error if failed else None,
        result=_result(status, outcome, thread_error),
    )


def _class_of(error: ErrorInfo | None) -> str | None:
    """The journal names the class; the message may hold what the user put in."""
    return None if error is None else error.error


def _rest_status(status: RunStatus, outcome: GraphOutcome) -> ThreadStatus:
    # After a refused resume the thread still waits for an answer.
    if status in (RunStatus.ERROR, RunStatus.TIMEOUT) and outcome.end is not GraphEnd.REFUSED:
        return ThreadStatus.ERROR
    halted = bool(outcome.next) or outcome.interrupts != b"{}"
    return ThreadStatus.INTERRUPTED if halted else ThreadStatus.IDLE


def _result(status: RunStatus, outcome: GraphOutcome, error: ErrorInfo | None) -> Json:
    if status is RunStatus.ERROR and error is not None:
        return b'{"__error__":' + error_json(error) + b"}"
    if status is RunStatus.SUCCESS and outcome.result is not None:
        return outcome.result
    return outcome.values or b"{}"


def error_json(error: ErrorInfo) -> Json:
    """The two-key object of streams, `wait` and thread rows."""
    return orjson.dumps({"error": error.error, "message": error.message})
