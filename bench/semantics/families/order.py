"""Which run's turn it is."""

from __future__ import annotations

from bench.semantics.lab import LONG, SHORT, Lab
from bench.semantics.scenario import Family

order = Family("order", "Whose turn it is, and that it is one run's at a time.")


@order.scenario("six enqueued runs")
async def queue(lab: Lab) -> None:
    for _ in range(6):
        await lab.start(SHORT)
    labels = [f"r{number}" for number in range(1, 7)]
    await _note_order(lab)
    lab.expect(**dict.fromkeys(labels, "success"), order=" ".join(labels), overlap="none")


@order.scenario("a queued run behind one that fails")
async def behind_a_failure(lab: Lab) -> None:
    run = await lab.start({"work": {**SHORT["work"], "fails": True}})
    await lab.start(SHORT)
    await run.ended()
    lab.note("just after", await lab.thread_status())
    lab.expect(r1="error", r2="success", just_after="busy", thread="idle", overlap="none")
    lab.expect(trail="r1:first r2:first r2:work r2:last")


@order.scenario("a queued run behind one that stops at an interrupt()")
async def behind_an_interrupt(lab: Lab) -> None:
    await lab.start({"work": {"asks": True}})
    await lab.start(SHORT)
    lab.expect(r1="success", r2="success", thread="idle", overlap="none")


@order.scenario("after_seconds: 1")
async def delayed(lab: Lab) -> None:
    run = await lab.start(SHORT, after_seconds=1)
    lab.note("just after", await lab.thread_status())
    await run.entered("first")
    waited = run.signs[0].at - run.created_at
    lab.note("started", "in time" if waited >= 1 else f"{(1 - waited) * 1000:.0f} ms too early")
    lab.expect(r1="success", just_after="busy", started="in time", thread="idle")


@order.scenario("ten clients that create at once")
async def crowd(lab: Lab) -> None:
    tasks = [lab.group.create_task(lab.start(SHORT)) for _ in range(10)]
    for task in tasks:
        await task
    lab.expect(**{f"r{number}": "success" for number in range(1, 11)}, overlap="none")


@order.scenario("all strategies, one after another")
async def mixed(lab: Lab) -> None:
    first = await lab.start(LONG)
    await first.entered()
    await lab.start(SHORT, strategy="enqueue")
    await lab.start(SHORT, strategy="interrupt")
    await lab.start(SHORT, strategy="enqueue")
    lab.note("rejected", await lab.attempt(SHORT, strategy="reject"))
    lab.expect(r1="interrupted", r2="interrupted", r3="success", r4="success", rejected=409)
    lab.expect(thread="idle", overlap="none", late="none")
    lab.expect(trail="r1:first r3:first r3:work r3:last r4:first r4:work r4:last")


async def _note_order(lab: Lab) -> None:
    for run in lab.runs:
        await run.ended()
    begun = sorted((run for run in lab.runs if run.signs), key=lambda run: run.signs[0].at)
    lab.note("order", " ".join(run.label for run in begun))
