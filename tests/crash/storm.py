"""A server that is killed again and again, and what must hold each time it comes back."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import define, field, frozen
from load import Ledger, Load

from lgtrio.wire.enums import ACTIVE
from support.database import (
    StoredThread,
    inconsistencies,
    journal,
    run_statuses,
    stored_threads,
)
from support.server import (
    GRAPHS,
    Server,
    comes_up,
    running,
    serve_arguments,
    start_process,
)
from support.waiting import eventually, lines_of

CONFIG = GRAPHS.with_name("effects.json")
OPTIONS = ("--max-attempts", "1000")
NODES = ("first", "second", "third")

UNDER_LOAD: Sequence[str] = (
    "before-op:create_run",
    "after-op:create_run",
    "after-op:claim_next",
    "before-op:finish_run",
    "after-op:finish_run",
    "after-op:delete_thread",
    "after-op:rollback_run",
    "after-op:stop_runs",
    "before-commit",
    "after-commit",
)
"""Named points to die at, reached while clients work."""

AT_START: Sequence[str] = ("before-op:recover", "after-op:recover")
"""Named points to die at while the next process puts right what the last one left."""


@frozen
class Kill:
    """How the server dies: at a named point, or after some seconds under load."""

    point: str | None
    times: int
    """The point is passed this often before; 1 dies at the first."""
    seconds: float
    """When to kill it by signal, if no point has done it before."""

    @property
    def environment(self) -> dict[str, str]:
        return {"LGTRIO_FAULT": f"{self.point}:{self.times}"} if self.point else {}


def plan(seed: int) -> Iterator[Kill]:
    """An endless sequence of kills; the same for the same seed, each named point in turn."""
    choose = random.Random(seed)
    while True:
        points: list[str | None] = [*UNDER_LOAD, *AT_START, *[None] * len(UNDER_LOAD)]
        choose.shuffle(points)
        for point in points:
            times = 1 if point in AT_START else choose.randint(1, 8)
            yield Kill(point, times, choose.uniform(0.05, 1.0))


@define
class Storm:
    folder: Path
    seed: int
    ledger: Ledger = field(factory=Ledger)
    reached: Counter[str] = field(factory=Counter)
    """Point to how often the server died at it; `signal` for those that were killed."""
    _effects: dict[str, int] = field(factory=dict)
    """Run id to the number of its effects, taken when it had succeeded."""
    _read: set[str] = field(factory=set)
    """Threads whose history has been read after a kill."""

    @property
    def database(self) -> Path:
        return self.folder / "storm.db"

    @property
    def file(self) -> Path:
        return self.folder / "effects.txt"

    @property
    def kills(self) -> int:
        return self.reached.total()

    def resumed(self) -> int:
        """How many runs were started more than once."""
        return sum(starts > 1 for starts in self._starts().values())

    def blow(self, kills: int, seconds: float) -> None:
        """Kill the server `kills` times, at most for `seconds`; check after each restart."""
        end = time.monotonic() + seconds
        for number, kill in enumerate(plan(self.seed)):
            if self.kills >= kills or time.monotonic() > end:
                break
            if kill.point in AT_START:
                self._die_at_start(kill)
            else:
                self._die_under_load(kill, self.seed * 1000 + number * 10)
        self._end_well()

    def _launch(self, kill: Kill | None = None) -> Server:
        return start_process(
            serve_arguments(self.database, config=CONFIG, options=OPTIONS),
            environment=kill.environment if kill else None,
        )

    def _die_at_start(self, kill: Kill) -> None:
        self._died_at_point(self._launch(kill), kill)

    def _die_under_load(self, kill: Kill, seed: int) -> None:
        server = self._launch(kill)
        try:
            if not (comes_up(server) and self._settles(server)):
                # What the last server left to do has reached the point before any client came.
                self._died_at_point(server, kill)
                return
            self._check_database()
            if kill.point is None:
                self._check_by_http(server, self.ledger.plain - self._read)
            load = Load(server.url, self.ledger, self.file, seed)
            load.start()
            self._die(server, kill)
            load.join()
        finally:
            server.kill()

    def _settles(self, server: Server) -> bool:
        """Whether every run has ended; False if the server died before that."""

        def no_run_is_active() -> bool:
            return ACTIVE.isdisjoint(run_statuses(self.database).values())

        eventually(lambda: not server.alive or no_run_is_active(), seconds=60)
        return server.alive

    def _die(self, server: Server, kill: Kill) -> None:
        """Wait for the named point, else kill it."""
        assert server.process is not None
        try:
            server.process.wait(kill.seconds + (2 if kill.point else 0))
        except subprocess.TimeoutExpired:
            server.kill()
            self.reached["signal"] += 1
        else:
            self._died_at_point(server, kill)

    def _died_at_point(self, server: Server, kill: Kill) -> None:
        assert server.wait() == -signal.SIGKILL, f"{kill}:\n{server.log.tail()}"
        self.reached[str(kill.point)] += 1

    def _end_well(self) -> None:
        with running(self.database, config=CONFIG, options=OPTIONS) as server:
            assert self._settles(server), server.log.tail()
            self._check_database()
            self._check_by_http(server, self.ledger.plain)
        assert self.ledger.runs, "the storm did not store anything"

    # -- what must hold ------------------------------------------------------------------

    def _check_database(self) -> None:
        """Everything that can be told from the file while no run is active."""
        statuses = run_statuses(self.database)
        threads = stored_threads(self.database)
        missing = self.ledger.certain_runs() - statuses.keys()
        assert not missing, f"accepted runs are gone: {missing}"
        missing = self.ledger.certain_threads() - threads.keys()
        assert not missing, f"threads are gone: {missing}"
        returned = self.ledger.deleted & threads.keys()
        assert not returned, f"deleted threads are back: {returned}"
        undone = {run_id for run_id in self.ledger.succeeded if statuses[run_id] != "success"}
        assert not undone, f"a client has seen them succeed: {undone}"
        for thread_id, number in self.ledger.notes.items():
            assert threads[thread_id].metadata["note"] >= number, thread_id
        assert list(inconsistencies(self.database)) == []
        self._check_plain_threads(threads)
        self._check_effects(statuses)

    def _check_plain_threads(self, threads: Mapping[str, StoredThread]) -> None:
        """Each run has added its three steps, once and in order, however often it was killed."""
        for thread_id in self.ledger.plain:
            thread = threads[thread_id]
            assert set(thread.runs.values()) <= {"success"}, thread
            if thread.runs:
                assert thread.values is not None, thread
                assert thread.values["done"] == list(NODES) * len(thread.runs), thread

    def _check_effects(self, statuses: Mapping[str, str]) -> None:
        """No node ran more often than its run was started, none at all after the success."""
        lines = Counter(lines_of(self.file))
        starts = self._starts()
        for run_id, status in statuses.items():
            counts = [lines[f"{run_id} {node}"] for node in NODES]
            assert max(counts) <= starts[run_id], f"{run_id} {counts} in {starts[run_id]} starts"
            if status == "success":
                assert min(counts) >= 1, f"{run_id} succeeded without all of its steps: {counts}"
                assert self._effects.setdefault(run_id, sum(counts)) == sum(counts), (
                    f"{run_id} was executed again after it had succeeded"
                )

    def _starts(self) -> dict[str, int]:
        """Run id to how often it was started."""
        return {
            run_id: sum(now == "running" for _, now in changes)
            for run_id, changes in journal(self.database).items()
        }

    def _check_by_http(self, server: Server, threads: Iterable[str]) -> None:
        """State and history can be read, and say the same as each other."""
        with server.http() as http:
            for thread_id in sorted(threads):
                thread = http.get(f"/threads/{thread_id}").raise_for_status().json()
                state = http.get(f"/threads/{thread_id}/state").raise_for_status().json()
                history = http.post(f"/threads/{thread_id}/history", json={"limit": 1000})
                rows = history.raise_for_status().json()
                assert thread["status"] == "idle"
                assert state["next"] == []
                if thread["values"] is not None:
                    assert rows[0]["values"] == state["values"] == thread["values"]
        self._read.update(threads)
