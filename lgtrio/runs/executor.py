"""What the supervisor asks of whatever executes graphs.

`graphs/` implements it with LangGraph behind the door; tests implement it with a script.
Only plain data crosses: ids, JSON bytes, enums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from attrs import frozen

from lgtrio.storage.interface import Json, RunRecord, SettleWrites


@frozen
class Part:
    """One stream part, encoded once; every subscriber shares these bytes."""

    mode: str
    """The stream mode it was asked by; `error` for the last part of a failed run."""
    event: str
    """Name on the event line: the mode's event name, plus `|ns|ns` inside subgraphs."""
    data: Json


class GraphEnd(StrEnum):
    """What the graph did, whatever it was asked to do."""

    FINISHED = "finished"  # ran to its end, or stopped at an interrupt
    FAILED = "failed"  # a node or LangGraph raised
    REFUSED = "refused"  # a strict resume answered what was not asked; nothing was done
    CANCELLED = "cancelled"  # stopped because it was cancelled
    DRAINED = "drained"  # stopped between two steps because a drain was requested
    ABANDONED = "abandoned"  # did not stop within the grace time: closed and fenced


@frozen
class ErrorInfo:
    """The two-key error object of streams, `wait` and thread rows."""

    error: str
    message: str


class LastWritesFailed(Exception):
    """A write of a run failed after its graph had ended."""


@frozen
class LastWrites:
    """What a run that has ended has given the database and has no answer for yet.

    The database keeps the order, so the run's end can be stored right behind, in the same
    transaction, which saves waiting for one of their own. Some may not even have been given to it:
    most stateless runs are over before anything of them has to be stored.
    """

    settle: SettleWrites
    """Raises LastWritesFailed if one of them has failed, or fails now."""
    outcome: Callable[[], GraphOutcome]
    """How the run has ended then. For a worker thread, which it blocks."""


@frozen
class GraphOutcome:
    end: GraphEnd
    values: Json | None
    """State of the thread now; None if the thread has no checkpoint."""
    next: Sequence[str] = ()
    """Nodes that would run next; empty when the graph is done."""
    interrupts: Json = b"{}"
    """As on the thread row: JSON object of task id to list of `{"id", "value"}`."""
    result: Json | None = None
    """What `wait` answers: values, plus `__interrupt__` when interrupted."""
    error: ErrorInfo | None = None
    """Set with FAILED and REFUSED."""
    last_writes: LastWrites | None = None
    """Set with FINISHED, where the database has not answered all of the run's writes."""


class RunSink(Protocol):
    """Where an execution delivers; called on the Trio loop, never blocks, never raises."""

    @property
    def wants_parts(self) -> bool:
        """Whether a part sent now would reach anybody; it need not be made otherwise.

        May be read from any thread. Who begins to listen later gets what follows.
        """
        ...

    def parts(self, parts: Sequence[Part]) -> None:
        """Stream parts in order; a batch is everything that was waiting at one wake-up."""
        ...

    def when_logged(self, callback: Callable[[], None]) -> None:
        """Have a function called once what `parts` has been given so far is in the stream's log,
        or will never be (the log has failed, has ended, or there is none): now, or later on the
        Trio loop. It is called in any case, and must neither block nor raise."""
        ...

    def ended(self, outcome: GraphOutcome) -> None:
        """Called exactly once, after the last `parts`, when nothing of the run is written
        any more: its task has ended and its saver has nothing in flight but what the outcome's
        `last_writes` says, or it is fenced."""
        ...


class Executor(Protocol):
    async def execute(self, run: RunRecord, sink: RunSink) -> GraphOutcome:
        """Execute one run to its end.

        Args:
            run: as claimed. `run.kwargs` is a `wire.runs.RunKwargs`. With `run.attempt > 1` the
                executor decides where to go on: from the last checkpoint, or anew.

        Returns:
            The outcome, which `sink.ended` has been given too.

        Raises:
            Nothing of the graph's: a node's exception is an outcome.

        Cancellation: the first one crosses to the graph once; its end is awaited, at most for
            the grace time, then the run is fenced. `sink.ended` is called before `Cancelled`
            leaves, so the caller knows what the graph did.
        """
        ...

    async def stored_outcome(self, run: RunRecord) -> GraphOutcome:
        """What a run has left that died with an earlier process and is not to go on: CANCELLED,
        with what is stored of it. Nothing of it executes.
        """
        ...

    def request_drain(self, run_id: str) -> None:
        """Ask a run to stop before its next step; its outcome will be DRAINED (or FINISHED)."""
        ...


class GraphStates(Protocol):
    """Operations on a thread's state that need the graph; each answers encoded JSON.

    Raises (all): NotFound, BadRequest, InvalidRequest with a sentence for the client.
    """

    async def get_state(
        self,
        thread_id: str,
        graph_id: str,
        *,
        checkpoint: dict[str, object] | None = None,
        subgraphs: bool = False,
    ) -> Json:
        """A ThreadState, as the API shows it. `checkpoint` may hold checkpoint_id, checkpoint_ns,
        checkpoint_map; None or no id means the latest. Unknown checkpoint id: NotFound."""
        ...

    async def get_history(
        self,
        thread_id: str,
        graph_id: str,
        *,
        limit: int,
        before: str | None = None,
        metadata: dict[str, object] | None = None,
        checkpoint: dict[str, object] | None = None,
    ) -> Json:
        """JSON array of ThreadStates, newest first."""
        ...

    async def update_state(
        self,
        thread_id: str,
        graph_id: str,
        *,
        values: object,
        as_node: str | None = None,
        checkpoint: dict[str, object] | None = None,
        metadata: dict[str, object] | None = None,
    ) -> StateUpdated:
        """Write a checkpoint by hand."""
        ...

    async def write_history(
        self,
        thread_id: str,
        graph_id: str,
        *,
        supersteps: Sequence[Sequence[Mapping[str, Any]]],
    ) -> StateUpdated:
        """Write a checkpoint for each superstep, oldest first, on a thread that has none.

        Args:
            supersteps: the updates of each: `as_node`, and either `values` or `command`, as
                plain data. Where one is refused, those before it stay written.
        """
        ...


@frozen
class StateUpdated:
    """Result of `GraphStates.update_state` and `write_history`."""

    config: Json
    """The `configurable` of the new checkpoint: thread_id, checkpoint_ns, checkpoint_id, …"""
    values: Json | None
    next: Sequence[str]
    interrupts: Json
