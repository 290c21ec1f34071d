"""The life of runs in plain Python: what a server that makes no mistake would show.

No storage, no tasks, no clock of its own: the caller moves `now` and reads what there is. The
model follows in one point only. When several threads could start a run and places are short, it
takes the choice of the real server, after checking that it was allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from attrs import define, field

Line = tuple[str | None, str | None, str, str | None]
"""A journal line: from status, to status, cause, actor."""

STRENGTH = {"shutdown": 0, "deadline": 1, "interrupt": 2, "rollback": 3, "delete": 4}
ACTIVE = ("pending", "running")
LOST = "lost"
"""What a client sees whose server goes away: no end."""


@define(eq=False)
class Stop:
    kind: str
    cause: str
    actor: str | None = None


@define(eq=False)
class Client:
    """Somebody who follows a run."""

    seen: list[str] = field(factory=list)
    ended: bool | str = False
    """True: the stream has ended; LOST: it was cut."""


@define(eq=False)
class Run:
    run_id: str
    thread_id: str
    number: int
    script: Sequence[Sequence[Any]]
    resumable: bool = False
    temporary: bool = False
    not_before: float = 0.0
    """Virtual time; 0 for no delay."""
    status: str | None = "pending"
    """None: deleted."""
    attempt: int = 0
    journal: list[Line] = field(factory=list)
    log: list[str] = field(factory=list)
    """What a replay shows of a resumable run."""
    result: Any = None
    """What `wait` answers: the values emitted, or "error"; None while there is no end."""
    clients: list[Client] = field(factory=list)
    # While it runs:
    stop: Stop | None = None
    accepted: Stop | None = None
    """The strongest stop that outlives the server: every one but a delete, which is not answered
    before it is done, and a shutdown."""
    cancelled: bool = False
    step: int = 0
    step_ends: float = 0.0
    deadline: float = float("inf")
    emitted: list[Any] = field(factory=list)
    before: tuple[Any, ...] | None = None

    def move(self, to: str | None, cause: str, actor: str | None = None) -> None:
        self.journal.append((self.status, to, cause, actor))
        self.status = to


@define(eq=False)
class Thread:
    thread_id: str
    marks: str | None = None
    """Configuration of the run that was claimed last."""
    values: list[Any] | None = None
    error: str | None = None
    rest: str = "idle"
    deleting: bool = False

    def row(self) -> tuple[Any, ...]:
        return (self.marks, self.values, self.error, self.rest)


class NotAllowed(AssertionError):
    """The real server started a run that it should not have started."""


@define(eq=False)
class Model:
    n_jobs: int
    run_timeout: float | None
    max_attempts: int
    now: float = 0.0
    runs: dict[str, Run] = field(factory=dict)
    threads: dict[str, Thread] = field(factory=dict)
    draining: bool = False
    choices: Iterator[str] = field(factory=lambda: iter(()))
    """Ids of the runs that the real server has started since, in order."""
    _numbers: Iterator[int] = field(factory=count)

    # -- what is asked of the server -----------------------------------------------------

    def submit(
        self, run_id: str, thread_id: str, script: Any, strategy: str, **options: Any
    ) -> bool:
        """False: rejected."""
        thread = self.threads.get(thread_id) or Thread(thread_id)
        lane = self.lane(thread_id)
        if strategy == "reject" and lane:
            return False
        self.threads[thread_id] = thread
        run = Run(run_id, thread_id, next(self._numbers), script, **options)
        run.status = None
        run.move("pending", "client", "the creator")
        self.runs[run_id] = run
        if strategy in ("interrupt", "rollback"):
            for other in lane:
                self.stop(other, Stop(strategy, "displaced", run_id))
        self.start_all()
        return True

    def cancel(self, run_id: str, thread_id: str, action: str) -> str:
        run = self.runs.get(run_id)
        if run is None or run.thread_id != thread_id or run.status is None:
            return "no runs"
        if not self.stop(run, Stop(action, "client", "the canceller")):
            return "no match"
        self.start_all()
        return "cancelled"

    def disconnect(self, run_id: str) -> None:
        self.stop(self.runs[run_id], Stop("interrupt", "disconnect"))
        self.start_all()

    def delete_run(self, run_id: str) -> bool:
        run = self.runs[run_id]
        if run.status is None:
            return False
        if not self.stop(run, Stop("delete", "client", "the deleter")):
            run.move(None, "client", "the deleter")
        self.start_all()
        return True

    def delete_thread(self, thread_id: str) -> bool:
        """The delete waits for the end of the thread's running run; False if unknown."""
        thread = self.threads.get(thread_id)
        if thread is None:
            return False
        thread.deleting = True
        for run in self.running(thread_id):
            self.stop(run, Stop("delete", "client", "the deleter"))
        self._delete_if_quiet(thread)
        self.start_all()
        return True

    def follow(self, run_id: str, *, replay: bool) -> Client:
        run = self.runs[run_id]
        client = Client()
        if replay and run.resumable and run.status is not None:
            client.seen = list(run.log)
        if run.status in ACTIVE:
            run.clients.append(client)
        else:
            client.ended = True
        return client

    def advance(self, to: float) -> None:
        """Let everything happen that is due until then."""
        while (event := self._next_event()) is not None and event[0] <= to:
            self.now, run = event
            if run.status == "running":
                self._happen(run)
            self.start_all()
        self.now = to

    # -- the server ends and comes back --------------------------------------------------

    def shut_down(self, grace: float) -> None:
        """`now` is afterwards the time at which it was done."""
        self.draining = True
        over = self.now + grace
        for run in self.running():
            if run.stop is None:
                run.stop = Stop("shutdown", "shutdown")
        while self.running():
            event = min((self._next_change(run), run.number, run) for run in self.running())
            self.now = min(event[0], over)
            if event[0] <= over:
                self._happen(event[2])
            else:
                over = float("inf")
                for run in self.running():
                    self._cancel_scope(run)
        self._lose_clients()

    def crash(self) -> None:
        self._lose_clients()

    def come_back(self) -> None:
        self.draining = False
        for thread in self.threads.values():
            thread.deleting = False
        for run in self.running():
            if run.accepted is not None:
                # It does not go on; what it had not stored before it was stopped is lost.
                run.stop, run.emitted = run.accepted, []
                self._end(run, "cancelled")
                continue
            deaths = 1 + sum(cause == "recovery" for _, _, cause, _ in run.journal)
            if deaths < self.max_attempts:
                run.move("pending", "recovery", "the server stopped while it was running")
                continue
            times = "once" if deaths == 1 else f"{deaths} times"
            run.move("error", "recovery", f"the server died {times}")
            thread = self.threads[run.thread_id]
            thread.error, thread.rest = "RunGivenUp", "error"
            if run.temporary:
                self._remove_thread(thread, "recovery", "thread of a stateless run")
        self.start_all()

    def _lose_clients(self) -> None:
        for run in self.runs.values():
            for client in run.clients:
                client.ended = client.ended or LOST
            run.clients.clear()

    # -- lanes and places ----------------------------------------------------------------

    def lane(self, thread_id: str) -> list[Run]:
        return [r for r in self.runs.values() if r.thread_id == thread_id and r.status in ACTIVE]

    def running(self, thread_id: str | None = None) -> list[Run]:
        return [
            run
            for run in self.runs.values()
            if run.status == "running" and thread_id in (None, run.thread_id)
        ]

    def next_of(self, thread_id: str) -> Run | None:
        """The run that may start now: one that was cut off first, else by creation."""
        lane = self.lane(thread_id)
        if any(run.status == "running" for run in lane) or self.threads[thread_id].deleting:
            return None
        due = [run for run in lane if run.attempt or run.not_before <= self.now]
        return min(due, key=lambda run: (not run.attempt, run.number), default=None)

    def start_all(self) -> None:
        """Start what may start, in the order in which the real server did."""
        while not self.draining and len(self.running()) < self.n_jobs:
            able = {run.run_id: run for t in self.threads if (run := self.next_of(t))}
            if not able:
                return
            chosen = next(self.choices, None)
            if chosen not in able:
                raise NotAllowed(f"{chosen} was started where {list(able)} could be")
            self._start(able[chosen])

    def _start(self, run: Run) -> None:
        thread = self.threads[run.thread_id]
        run.before = run.before or (thread.marks,)
        thread.marks = run.run_id
        run.move("running", "scheduler")
        run.attempt += 1
        run.step, run.stop, run.cancelled, run.emitted = -1, None, False, []
        run.deadline = self.now + (self.run_timeout or float("inf"))
        self._send(run, f"metadata {run.attempt}")
        self._next_step(run)

    # -- a run's steps -------------------------------------------------------------------

    def _next_event(self) -> tuple[float, Run] | None:
        running = [(self._next_change(run), run.number, run) for run in self.running()]
        delayed = [
            (run.not_before, run.number, run)
            for run in self.runs.values()
            if run.status == "pending" and run.not_before > self.now
        ]
        time, _, run = min(running + delayed, default=(0.0, 0, None))
        return None if run is None else (time, run)

    def _next_change(self, run: Run) -> float:
        return run.step_ends if run.cancelled else min(run.step_ends, run.deadline)

    def _happen(self, run: Run) -> None:
        if not run.cancelled and run.deadline < run.step_ends:
            self.stop(run, Stop("deadline", "deadline"))
        elif run.cancelled:
            self._end(run, "cancelled")
        else:
            self._next_step(run)

    def _next_step(self, run: Run) -> None:
        """Go on until a step takes time, or to the end."""
        while run.status == "running":
            run.step += 1
            if run.step == len(run.script):
                return self._end(run, "finished")
            if self.draining:
                return self._end(run, "drained")
            what, *args = run.script[run.step]
            if what == "fail":
                return self._end(run, "failed")
            if what == "emit":
                run.emitted.append(args[0])
                self._send(run, f"values {args[0]}")
            else:
                run.step_ends = self.now + args[0]
                return None
        return None

    def _send(self, run: Run, frame: str) -> None:
        run.log.append(frame)
        for client in run.clients:
            client.seen.append(frame)

    # -- stopping and ending -------------------------------------------------------------

    def stop(self, run: Run, stop: Stop) -> bool:
        """False: it had ended."""
        if run.status == "pending":
            if STRENGTH[stop.kind] >= STRENGTH["rollback"]:
                self._undo(run, stop)
            else:
                run.move("interrupted", stop.cause, stop.actor)
                self._ended(run, stop.cause)
        elif run.status == "running":
            run.stop = _stronger(run.stop, stop)
            if stop.kind != "delete":
                run.accepted = _stronger(run.accepted, stop)
            self._cancel_scope(run)
        else:
            return False
        return True

    def _cancel_scope(self, run: Run) -> None:
        """A stubborn step goes on to its end all the same."""
        run.cancelled = True
        if run.script[run.step][0] != "stubborn":
            self._end(run, "cancelled")

    def _end(self, run: Run, what: str) -> None:
        stop, kind = run.stop, run.stop.kind if run.stop else None
        thread = self.threads[run.thread_id]
        if stop and kind in ("rollback", "delete"):
            return self._undo(run, stop)
        if stop and kind == "interrupt":
            thread.error, thread.rest = "UserInterrupt", "idle"
            run.move("interrupted", stop.cause, stop.actor)
        elif what == "finished":
            thread.error, thread.rest = None, "idle"
            run.move("success", "graph")
        elif what == "failed":
            thread.error, thread.rest = "ValueError", "error"
            self._send(run, "error")
            run.result = "error"
            run.move("error", "graph", "ValueError")
        elif stop and kind == "deadline":
            thread.error, thread.rest = "TimeoutError", "error"
            run.move("timeout", stop.cause)
        else:
            return run.move("pending", "shutdown")
        thread.values = run.emitted or thread.values
        run.result = run.result or run.emitted
        return self._ended(run, run.journal[-1][2])

    def _undo(self, run: Run, stop: Stop) -> None:
        if run.before is not None:
            (self.threads[run.thread_id].marks,) = run.before
        run.move(None, stop.cause, stop.actor)
        self._ended(run, stop.cause)

    def _ended(self, run: Run, cause: str) -> None:
        self._tell_end(run)
        thread = self.threads[run.thread_id]
        if run.temporary and not self.lane(run.thread_id):
            self._remove_thread(thread, cause, f"thread of the stateless run {run.run_id}")
        elif thread.deleting:
            self._delete_if_quiet(thread)

    def _delete_if_quiet(self, thread: Thread) -> None:
        if thread.thread_id in self.threads and not self.running(thread.thread_id):
            self._remove_thread(thread, "client", "the deleter")

    def _remove_thread(self, thread: Thread, cause: str, actor: str) -> None:
        del self.threads[thread.thread_id]
        for run in self.runs.values():
            if run.thread_id == thread.thread_id and run.status is not None:
                run.move(None, cause, actor)
                self._tell_end(run)

    def _tell_end(self, run: Run) -> None:
        run.result = [] if run.result is None else run.result
        for client in run.clients:
            client.ended = True
        run.clients.clear()

    # -- what can be seen ----------------------------------------------------------------

    def thread_status(self, thread_id: str) -> str:
        return "busy" if self.lane(thread_id) else self.threads[thread_id].rest


def _stronger(before: Stop | None, stop: Stop) -> Stop:
    if before is None or STRENGTH[stop.kind] > STRENGTH[before.kind]:
        return stop
    return before
