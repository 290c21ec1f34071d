"""What is deleted while it runs."""

from __future__ import annotations

from bench.semantics.lab import LONG, SHORT, Lab
from bench.semantics.runs import GONE
from bench.semantics.scenario import Family

deletes = Family("delete", "What is left of a run or thread that is deleted while it works.")


@deletes.scenario("a running run")
async def run(lab: Lab) -> None:
    deleted = await lab.start(LONG)
    await deleted.ticked(10)
    lab.note("delete", await deleted.delete())
    lab.expect(delete=204, r1=GONE, thread="idle", trail="-", checkpoints="-", late="none")


@deletes.scenario("a running run, with one queued behind it")
async def run_before_another(lab: Lab) -> None:
    deleted = await lab.start(LONG)
    await lab.start(SHORT)
    await deleted.ticked(10)
    lab.note("delete", await deleted.delete())
    lab.expect(delete=204, r1=GONE, r2="success", thread="idle", overlap="none", late="none")
    lab.expect(trail="r2:first r2:work r2:last")


@deletes.scenario("a pending run")
async def pending(lab: Lab) -> None:
    await (await lab.start(SHORT)).entered()
    lab.note("delete", await (await lab.start(SHORT)).delete())
    lab.expect(delete=204, r1="success", r2=GONE, thread="idle")
    lab.expect(trail="r1:first r1:work r1:last")


@deletes.scenario("the thread of a running run")
async def thread(lab: Lab) -> None:
    deleted = await lab.start(LONG)
    await deleted.ticked(10)
    lab.note("delete", await lab.delete_thread())
    lab.expect(delete=204, r1=GONE, thread=GONE, late="none")
