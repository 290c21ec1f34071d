"""What a start puts right after a process that did not end cleanly; it executes nothing."""

from __future__ import annotations

import orjson

from lgtrio.storage.interface import Cause, Recovered, RunRecord, StoppedRun, ThreadOutcome
from lgtrio.storage.sqlite import runs, threads, webhooks
from lgtrio.storage.sqlite.stops import stop_of
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import RunStatus, ThreadStatus

GIVEN_UP = "RunGivenUp"


def recover(tx: Tx, *, max_attempts: int) -> Recovered:
    requeued: list[str] = []
    failed: list[str] = []
    stopped: list[StoppedRun] = []
    for run_id in _running(tx):
        run = runs.get_run(tx.connection, run_id)
        assert run is not None, run_id
        if stop := stop_of(tx, run_id):
            stopped.append(StoppedRun(run, stop))
        elif _put_right(tx, run, max_attempts) is RunStatus.ERROR:
            failed.append(run_id)
        else:
            requeued.append(run_id)
    _delete_leftover_threads(tx)
    _settle_threads(tx)
    return Recovered(requeued=requeued, failed=failed, stopped=stopped)


def _running(tx: Tx) -> list[str]:
    rows = tx.all(
        "SELECT run_id FROM runs"
        " WHERE status IN ('pending', 'running') AND status = 'running' ORDER BY seq"
    )
    return [run_id for (run_id,) in rows]


def _put_right(tx: Tx, run: RunRecord, max_attempts: int) -> RunStatus:
    deaths = _times_put_right(tx, run.run_id) + 1
    if deaths < max_attempts:
        actor = "the server stopped while it was running"
        return runs.move(tx, run, RunStatus.PENDING, cause=Cause.RECOVERY, actor=actor).status
    times = "once" if deaths == 1 else f"{deaths} times"
    message = f"The server died {times} while this run was running, and it was given up."
    actor = f"the server died {times}"
    ended = runs.move(tx, run, RunStatus.ERROR, cause=Cause.RECOVERY, actor=actor)
    outcome = _given_up(message)
    left = threads.leave_outcome(tx, run.thread_id, outcome)
    webhooks.queue_end(tx, run, ended, outcome, left)
    return RunStatus.ERROR


def _times_put_right(tx: Tx, run_id: str) -> int:
    """Starts that ended in good order, with a shutdown, are not held against a run."""
    row = tx.one("SELECT count(*) FROM journal WHERE run_id = ? AND cause = 'recovery'", (run_id,))
    return 0 if row is None else int(row[0])


def _given_up(message: str) -> ThreadOutcome:
    error = orjson.dumps({"error": GIVEN_UP, "message": message})
    return ThreadOutcome(rest_status=ThreadStatus.ERROR, values=None, error=error)


def _delete_leftover_threads(tx: Tx) -> None:
    """Temporary threads whose run has ended go when it ends; these were just ended above."""
    rows = tx.all(
        "SELECT DISTINCT thread_id FROM runs AS ended WHERE temporary = 1 AND NOT EXISTS ("
        " SELECT 1 FROM runs WHERE runs.thread_id = ended.thread_id"
        " AND runs.status IN ('pending', 'running'))"
    )
    for (thread_id,) in rows:
        threads.remove(tx, thread_id, cause=Cause.RECOVERY, actor="thread of a stateless run")


def _settle_threads(tx: Tx) -> None:
    """Busy exactly where a run is active: an invariant of every operation, kept here too."""
    rows = tx.all(
        "SELECT thread_id FROM threads WHERE status = 'busy' AND NOT EXISTS ("
        " SELECT 1 FROM runs WHERE runs.thread_id = threads.thread_id"
        " AND runs.status IN ('pending', 'running'))"
        " UNION SELECT thread_id FROM runs JOIN threads USING (thread_id)"
        " WHERE runs.status IN ('pending', 'running') AND threads.status <> 'busy'"
    )
    for (thread_id,) in rows:
        threads.settle(tx, thread_id)
