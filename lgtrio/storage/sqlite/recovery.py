"""What a start puts right after a process that did not end cleanly; it executes nothing."""

from __future__ import annotations

import orjson

from lgtrio.storage.interface import Cause, Displacement, Recovered, ThreadOutcome
from lgtrio.storage.sqlite import endings, runs, threads, webhooks
from lgtrio.storage.sqlite.transaction import Tx
from lgtrio.wire.enums import RunStatus, ThreadStatus

GIVEN_UP = "RunGivenUp"


def recover(tx: Tx, *, max_attempts: int) -> Recovered:
    requeued: list[str] = []
    failed: list[str] = []
    displaced: list[str] = []
    for run_id in _running(tx):
        if _displace(tx, run_id):
            displaced.append(run_id)
        elif _put_right(tx, run_id, max_attempts) is RunStatus.ERROR:
            failed.append(run_id)
        else:
            requeued.append(run_id)
    _delete_leftover_threads(tx)
    _settle_threads(tx)
    return Recovered(requeued=requeued, failed=failed, displaced=displaced)


def _running(tx: Tx) -> list[str]:
    rows = tx.all(
        "SELECT run_id FROM runs"
        " WHERE status IN ('pending', 'running') AND status = 'running' ORDER BY seq"
    )
    return [run_id for (run_id,) in rows]


def _displace(tx: Tx, run_id: str) -> bool:
    """Do what was accepted with a newer run of the thread, and cut short: the run's displacement.

    A strategy that displaces concerns every run that is active when the newer one is created. So
    one that is older and still running has been displaced, and did not get to its end. What it has
    stored says nothing about what was left to do; as nearly always, something was.
    """
    by = tx.one(
        "SELECT newer.run_id, newer.multitask_strategy FROM runs AS old"
        " JOIN runs AS newer ON newer.thread_id = old.thread_id AND newer.seq > old.seq"
        " WHERE old.run_id = ? AND newer.multitask_strategy IN ('interrupt', 'rollback')"
        " ORDER BY newer.multitask_strategy = 'rollback' DESC, newer.seq LIMIT 1",
        (run_id,),
    )
    if by is None:
        return False
    newer, how = by[0], Displacement(by[1])
    asked, only = None, RunStatus.RUNNING
    if how is Displacement.ROLLBACK:
        endings.rollback_run(tx, run_id, cause=Cause.DISPLACED, actor=newer, asked=asked, only=only)
        return True
    endings.finish_run(
        tx,
        run_id,
        RunStatus.INTERRUPTED,
        _interrupted(how.message(newer)),
        cause=Cause.DISPLACED,
        actor=newer,
        asked=asked,
        only=only,
        last_writes=None,
    )
    return True


def _interrupted(message: str) -> ThreadOutcome:
    error = orjson.dumps({"error": "UserInterrupt", "message": message})
    return ThreadOutcome(rest_status=ThreadStatus.INTERRUPTED, values=None, error=error)


def _put_right(tx: Tx, run_id: str, max_attempts: int) -> RunStatus:
    run = runs.get_run(tx.connection, run_id)
    assert run is not None, run_id
    deaths = _times_put_right(tx, run_id) + 1
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
