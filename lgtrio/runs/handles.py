"""One handle per active run in memory: its cancel scope, its stop, its stream, its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import trio
from attrs import define, field

from lgtrio.runs.executor import ErrorInfo, GraphOutcome, Part
from lgtrio.runs.streams import LogOverflow, RunStream, StreamCut
from lgtrio.storage.interface import Json, Stop, Storage

_LOG_OVERFLOW: Final = (
    "The run streams faster than the database stores its events. Stream less in one step, or create"
    " the run without stream_resumable."
)


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
    claimed: bool = False
    """It is known to be RUNNING: its execution has begun or is about to."""
    stop: Stop | None = None
    stop_asked: float | None = None
    """When (`trio.current_time`) `stop` was asked for."""
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
            self.stop_asked = trio.current_time()
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

    @property
    def wants_parts(self) -> bool:
        return self.stream.wanted

    def parts(self, parts: Sequence[Part]) -> None:
        if self.broken is not None:
            return
        try:
            self.stream.send(parts)
        except LogOverflow:
            self.fail(ErrorInfo("StorageError", _LOG_OVERFLOW))

    def when_logged(self, callback: Callable[[], None]) -> None:
        self.stream.when_logged(callback)

    def fail(self, error: ErrorInfo) -> None:
        """Something of ours failed under the run: it is cancelled and ends with this error."""
        self.broken = error
        self.scope.cancel(reason=error.message)

    def ended(self, outcome: GraphOutcome) -> None:
        self.outcome = outcome


@define(eq=False)
class Handles:
    """The handles of all active runs that anybody has needed one of."""

    storage: Storage
    subscriber_buffer: int
    _by_id: dict[str, RunHandle] = field(factory=dict, init=False)
    _handed_out: int = field(default=0, init=False)
    """Frames of runs that have been dropped."""

    def get(self, run_id: str) -> RunHandle | None:
        return self._by_id.get(run_id)

    def of(self, run_id: str, thread_id: str, *, resumable: bool) -> RunHandle:
        """The run's handle, made if there is none."""
        handle = self._by_id.get(run_id)
        if handle is None:
            stream = RunStream(run_id, resumable, self.storage, self.subscriber_buffer)
            handle = self._by_id[run_id] = RunHandle(run_id, thread_id, stream)
        return handle

    def all(self) -> Sequence[RunHandle]:
        return list(self._by_id.values())

    def claimed(self) -> Sequence[RunHandle]:
        return [handle for handle in self._by_id.values() if handle.claimed]

    def claimed_of(self, thread_id: str) -> Sequence[RunHandle]:
        return [handle for handle in self.claimed() if handle.thread_id == thread_id]

    @property
    def handed_out(self) -> int:
        """Frames that readers of streams have been handed since the start."""
        return self._handed_out + sum(each.stream.handed_out for each in self._by_id.values())

    # -- forgetting ----------------------------------------------------------------------

    def end(self, run_id: str, result: Json | None) -> None:
        """The run's end is stored; followers see it. Nothing if nobody has a handle.

        Args:
            result: what `wait` answers; None if only the storage knows it.
        """
        if handle := self._by_id.get(run_id):
            handle.stream.end(result)
            self.drop(handle)

    def break_off(self, handle: RunHandle) -> None:
        """The server goes down before the run's end: followers see a break."""
        handle.stream.break_off()
        self.drop(handle)

    def drop(self, handle: RunHandle) -> None:
        if self._by_id.pop(handle.run_id, None) is not None:
            self._handed_out += handle.stream.handed_out
        handle.done.set()
