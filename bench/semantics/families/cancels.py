"""Cancels, by what the run is doing at the time."""

from __future__ import annotations

from typing import Any

from bench.semantics.lab import LONG, SHORT, Lab
from bench.semantics.runs import GONE
from bench.semantics.scenario import Family

ACTIONS = ("interrupt", "rollback")
WAITS = (False, True)

cancels = Family(
    "cancel", "What a cancel does, by what the run is doing, and when its work really stops."
)


@cancels.scenario("{action} a pending run, wait={wait}", action=ACTIONS, wait=WAITS)
async def pending(lab: Lab, action: str, wait: bool) -> None:
    await (await lab.start(SHORT)).entered()
    queued = await lab.start(SHORT)
    lab.note("cancel", await queued.cancel(action, wait=wait))
    lab.note("just after", await lab.thread_status())
    _expect_cancelled(lab, "r2", action, wait=wait)
    lab.expect(r1="success", just_after="busy", thread="idle")
    lab.expect(trail="r1:first r1:work r1:last")


@cancels.scenario("{action} a delayed run, wait={wait}", action=ACTIONS, wait=WAITS)
async def delayed(lab: Lab, action: str, wait: bool) -> None:
    run = await lab.start(SHORT, after_seconds=30)
    lab.note("cancel", await run.cancel(action, wait=wait))
    _expect_cancelled(lab, "r1", action, wait=wait)
    lab.expect(thread="idle", trail="-")


@cancels.scenario("{action} a run in an async node, wait={wait}", action=ACTIONS, wait=WAITS)
async def in_an_async_node(lab: Lab, action: str, wait: bool) -> None:
    await _cancel_at_work(lab, action, wait=wait)
    _expect_left_in(lab, action, trail="r1:first", next_node="work")


@cancels.scenario("{action} a run in its last step, wait={wait}", action=ACTIONS, wait=WAITS)
async def in_the_last_step(lab: Lab, action: str, wait: bool) -> None:
    await _cancel_at_work(lab, action, wait=wait, work={"last": LONG["work"]}, node="last")
    _expect_left_in(lab, action, trail="r1:first r1:work", next_node="last")


@cancels.scenario("{action} a run in a sync node, wait={wait}", action=ACTIONS, wait=WAITS)
async def in_a_sync_node(lab: Lab, action: str, wait: bool) -> None:
    await _cancel_at_work(lab, action, wait=wait, graph="sync_probe")


@cancels.scenario(
    "{action} a run that swallows cancellation, wait={wait}", action=ACTIONS, wait=WAITS
)
async def swallowing(lab: Lab, action: str, wait: bool) -> None:
    work = {"work": {**LONG["work"], "swallows": True}}
    await _cancel_at_work(lab, action, wait=wait, work=work)


@cancels.scenario("interrupt a sync node that goes on for 8 s, one queued behind it")
async def stuck(lab: Lab) -> None:
    run = await lab.start({"work": {"ticks": 800, "seconds": 0.01}}, graph="sync_probe")
    await lab.start(SHORT)
    await run.entered()
    lab.note("cancel", await run.cancel("interrupt", wait=True))
    # No server can end a thread of Python: what is judged is that nothing of it is stored.
    lab.expect(cancel=200, r1="interrupted", r2="success", thread="idle")
    lab.expect(trail="r1:first r2:first r2:work r2:last")


@cancels.scenario("resume after an interrupt")
async def resume(lab: Lab) -> None:
    await _cancel_at_work(lab, "interrupt", wait=True)
    await lab.start(input=None)
    lab.expect(r1="interrupted", r2="success", thread="idle")
    lab.expect(trail="r1:first r2:work r2:last", overlap="none")


@cancels.scenario("{action} a finished run, wait={wait}", action=ACTIONS, wait=WAITS)
async def finished(lab: Lab, action: str, wait: bool) -> None:
    run = await lab.start()
    await run.ended()
    lab.note("cancel", await run.cancel(action, wait=wait))
    lab.expect(cancel=404, r1="success", thread="idle", trail="r1:first r1:work r1:last")


@cancels.scenario("{action} everything of a thread at once", action=ACTIONS)
async def many(lab: Lab, action: str) -> None:
    runs = [await lab.start(LONG) for _ in range(3)]
    await runs[0].entered()
    for run in runs:
        run.stop_is_asked()
    body = {"thread_id": lab.thread_id, "run_ids": [run.run_id for run in runs]}
    async with lab.http.post("/runs/cancel", params={"action": action}, json=body) as answer:
        lab.note("cancel", answer.status)
    fate = _fate(action)
    lab.expect(cancel=204, r1=fate, r2=fate, r3=fate, late="none", overlap="none")
    lab.expect(thread="interrupted" if action == "interrupt" else "idle")


async def _cancel_at_work(
    lab: Lab, action: str, *, wait: bool, work: Any = LONG, node: str = "work", **order: Any
) -> None:
    run = await lab.start(work, **order)
    await run.entered(node)
    await run.ticked(10)
    lab.note("cancel", await run.cancel(action, wait=wait))
    _expect_cancelled(lab, "r1", action, wait=wait)


def _expect_cancelled(lab: Lab, label: str, action: str, *, wait: bool) -> None:
    lab.expect(**{label: _fate(action)}, cancel=200 if wait else 202, late="none", overlap="none")


def _expect_left_in(lab: Lab, action: str, *, trail: str, next_node: str) -> None:
    """What the thread has afterwards: the finished steps, or nothing."""
    if action == "interrupt":
        lab.expect(thread="interrupted", trail=trail, next=next_node)
    else:
        lab.expect(thread="idle", trail="-", next="-", checkpoints="-")


def _fate(action: str) -> str:
    return GONE if action == "rollback" else "interrupted"
