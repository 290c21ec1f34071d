"""Rollback is exact when nobody can tell from the thread that the run has ever been."""

from __future__ import annotations

import json
from typing import Any

from bench.semantics.lab import LONG, SHORT, Lab
from bench.semantics.runs import GONE
from bench.semantics.scenario import Family

_PASTS = ("no run", "a finished run", "a failed run", "a run waiting at an interrupt()")

rollbacks = Family(
    "rollback", "Whether thread and history are exactly what they were before the run."
)


@rollbacks.scenario("cancel, after {past}", past=_PASTS)
async def cancelled(lab: Lab, past: str) -> None:
    before = await _after(lab, past)
    run = await lab.start(LONG)
    await run.ticked(10)
    await run.cancel("rollback", wait=True)
    await _compare(lab, before)


@rollbacks.scenario("cancel of a resuming run")
async def resuming(lab: Lab) -> None:
    asking = await lab.start({"work": {"asks": True, **LONG["work"]}})
    await asking.ended()
    before = await _snapshot(lab)
    run = await lab.start(command={"resume": "yes"})
    await run.ticked(10)
    await run.cancel("rollback", wait=True)
    await _compare(lab, before)


@rollbacks.scenario("displaced and then cancelled, after {past}", past=_PASTS)
async def displaced(lab: Lab, past: str) -> None:
    before = await _after(lab, past)
    displaced_run = await lab.start(LONG)
    await displaced_run.ticked(10)
    run = await lab.start(LONG, strategy="rollback")
    await run.ticked(10)
    await run.cancel("rollback", wait=True)
    lab.expect(**{displaced_run.label: GONE}, overlap="none")
    await _compare(lab, before)


async def _after(lab: Lab, past: str) -> dict[str, Any]:
    """Give the thread a past, and remember it."""
    work: dict[str, dict[str, Any] | None] = {
        "no run": None,
        "a finished run": SHORT,
        "a failed run": {"work": {"fails": True}},
        "a run waiting at an interrupt()": {"work": {"asks": True}},
    }
    if (past_work := work[past]) is not None:
        await (await lab.start(past_work)).ended()
    return await _snapshot(lab)


async def _snapshot(lab: Lab) -> dict[str, Any]:
    row = await lab.thread() or {}
    row = {
        name: value for name, value in row.items() if name not in ("updated_at", "state_updated_at")
    }
    return {"row": row, "history": await lab.history()}


async def _compare(lab: Lab, before: dict[str, Any]) -> None:
    undone = lab.runs[-1]
    await undone.ended()
    await undone.quiet()
    after = await _snapshot(lab)
    lab.note("row", _changed(before["row"], after["row"]))
    lab.note("history", _history_changed(before["history"], after["history"]))
    lab.expect(**{undone.label: GONE}, row="same", history="same", late="none")


def _changed(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The keys of the row that are not what they were."""
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return "changed: " + ", ".join(sorted(names)) if names else "same"


def _history_changed(before: list[Any], after: list[Any]) -> str:
    if len(before) != len(after):
        return f"{len(after) - len(before):+} checkpoints"
    return "same" if json.dumps(before) == json.dumps(after) else "changed"
