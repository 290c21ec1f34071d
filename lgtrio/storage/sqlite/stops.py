"""Stops that have been asked for, kept with their runs until these have ended.

A run may take its time to end. Who was told that it is being cancelled must not find it resumed
because the server died meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from lgtrio.storage.interface import Cause, Json, Stop, StopKind
from lgtrio.storage.sqlite.transaction import Tx


def stop_runs(tx: Tx, run_ids: Sequence[str], stop: Stop) -> None:
    for run_id in run_ids:
        row = tx.one("SELECT stop FROM runs WHERE run_id = ? AND status = 'running'", (run_id,))
        if row is not None and stop.outranks(_from_json(row[0])):
            tx.execute("UPDATE runs SET stop = ? WHERE run_id = ?", (_to_json(stop), run_id))


def stop_of(tx: Tx, run_id: str) -> Stop | None:
    row = tx.one("SELECT stop FROM runs WHERE run_id = ?", (run_id,))
    return None if row is None else _from_json(row[0])


def _to_json(stop: Stop) -> Json:
    return orjson.dumps(
        {
            "kind": stop.kind.name.lower(),
            "cause": stop.cause,
            "actor": stop.actor,
            "message": stop.message,
        }
    )


def _from_json(text: Json | None) -> Stop | None:
    if text is None:
        return None
    stored = orjson.loads(text)
    kind, cause = StopKind[stored["kind"].upper()], Cause(stored["cause"])
    return Stop(kind, cause, stored["actor"], stored["message"])
