"""Every error lgtrio raises on purpose; `api/errors.py` alone maps them to HTTP.

`detail` is a sentence that is safe to show to a client. Foreign errors are translated at
the edge with `raise ... from`, so the cause is chained and logged, never shown.
"""

from __future__ import annotations

from typing import ClassVar


class LgtrioError(Exception):
    """Base of all errors of this package."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RequestError(LgtrioError):
    """The caller's act; each class carries the HTTP status it is answered with."""

    status: ClassVar[int] = 400


class BadRequest(RequestError):
    status = 400


class Unauthorized(RequestError):
    status = 401


class Forbidden(RequestError):
    status = 403


class NotFound(RequestError):
    status = 404


class Conflict(RequestError):
    status = 409


class ThreadBusy(Conflict):
    """A run is pending or running on the thread and the caller asked not to wait."""

    DETAIL = (
        "Thread is already running a task. Wait for it to finish or choose a different"
        " multitask strategy."
    )

    def __init__(self, detail: str = DETAIL) -> None:
        super().__init__(detail)


class AlreadyExists(Conflict):
    pass


class NotDue(Conflict):
    """A cron was to fire that has fired, been changed or been deleted meanwhile."""

    def __init__(self, cron_id: str) -> None:
        super().__init__(f"Cron {cron_id} is not due.")


class InvalidRequest(RequestError):
    status = 422


class ShuttingDown(RequestError):
    """A create arrived after the stop flag was set; nothing was stored."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The server is shutting down; try again in a moment.")


class LoopReplaced(RequestError):
    """The event loop that a state operation was waiting for was blocked and is no more."""

    status = 503

    def __init__(self) -> None:
        super().__init__(
            "A node blocked the event loop of this graph, which has been replaced; try again."
        )


class LoopBlocked(RequestError):
    """A node blocks the event loop that a client's request needs; nothing was done."""

    status = 503

    def __init__(self) -> None:
        super().__init__(
            "A node blocks the event loop of this graph; the log names it. Try again when it has"
            " let go, or cancel its run."
        )


class EmbeddingFailed(RequestError):
    """What `store.index.embed` names made no vectors; nothing was stored."""

    status = 502

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"The store's embeddings failed: {error}: {message}")


class RunError(LgtrioError):
    """The graph's act; becomes a run status and an `error` event, never an HTTP error."""


class GraphLoadFailed(RunError):
    """A graph named in langgraph.json could not be imported or built."""


class StorageError(LgtrioError):
    """The database's act."""

    retriable: bool = False


class StorageUnavailable(StorageError):
    """The database could not be reached, or is locked by another server."""

    retriable = True


class Fenced(LgtrioError):
    """The run that owned this object has been closed; a stuck node called it afterwards."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run {run_id} has ended; its checkpointer, store and writer are closed.")
        self.run_id = run_id


class SettingsError(LgtrioError):
    """A command line option, environment variable or langgraph.json key is wrong."""


class InternalError(LgtrioError):
    """Our bug: an invariant does not hold. Answered 500, logged with its traceback."""


class IllegalTransition(InternalError):
    """A run was asked to make a move that the transition table does not have."""

    def __init__(self, run_id: str, current: str, wanted: str) -> None:
        super().__init__(f"Run {run_id} cannot go from {current} to {wanted}.")
        self.run_id = run_id
        self.current = current
        self.wanted = wanted
