"""One handle per active run in memory: its cancel scope, its stop, its stream, its end."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from attrs import define, field

from lgtrio.runs.executor import ErrorInfo, GraphOutcome, Part
from lgtrio.runs.stops import Stop
from lgtrio.runs.streams import RunStream, StreamCut
from lgtrio.storage.interface import Json


@define(eq=False)
class RunHandle:
    """Made when a run starts, or earlier when somebody follows a pending one; owned by the
    supervisor until the run has ended (or was put back at shutdown).

    It is the `RunSink` of the run's execution.
    """

    run_id: str
    thread_id: str
    stream: RunStream
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    """Surrounds the execution. May be cancelled before it is entered: the execution then ends
    at its first checkpoint."""
    started: bool = False
    stop: Stop | None = None
    outcome: GraphOutcome | None = None
    settling: bool = False
    """The outcome is decided and being stored; a stop comes too late."""
    broken: ErrorInfo | None = None
    """Something of ours failed under the run; it ends with this error, whatever the graph did."""
    done: trio.Event = field(factory=trio.Event)
    """Set when the run's end is stored (or the run was put back); the handle is then forgotten."""

    def request_stop(self, stop: Stop, *, cancel: bool = True) -> bool:
        """Set the reason, then cancel the scope.

        Args:
            cancel: False only notes the reason (the graph was asked to drain).

        Returns:
            False if it is too late: the run's end is being stored.
        """
        if self.settling:
            return False
        if stop.outranks(self.stop):
            self.stop = stop
        if cancel:
            self.scope.cancel(reason=f"{stop.kind.name.lower()}: {stop.cause}")
        return True

    async def result(self) -> Json | None:
        """Wait for the run's stored end.

        Returns:
            What `wait` answers; None if only the storage knows it.

        Raises:
            StreamCut: the server is going down before the run's end.
        """
        await self.done.wait()
        if self.stream.cut:
            raise StreamCut
        return self.stream.result

    # -- RunSink -------------------------------------------------------------------------

    def parts(self, parts: Sequence[Part]) -> None:
        self.stream.send(parts)

    def ended(self, outcome: GraphOutcome) -> None:
        self.outcome = outcome
