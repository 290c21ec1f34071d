"""Clients that go away while they listen or wait."""

from __future__ import annotations

import asyncio
import time

from bench.semantics.disconnects import WAYS
from bench.semantics.lab import LONG, SHORT, Lab
from bench.semantics.runs import Run
from bench.semantics.scenario import Family

MODES = ("cancel", "continue")

disconnects = Family(
    "disconnect", "What becomes of a run whose client goes away, and when its work really stops."
)


@disconnects.scenario(
    "{way} of POST runs/{call}, on_disconnect={mode}",
    call=("stream", "wait"),
    mode=MODES,
    way=WAYS,
)
async def creator(lab: Lab, call: str, mode: str, way: str) -> None:
    created_at = time.perf_counter()
    path, body = f"/threads/{lab.thread_id}/runs/{call}", lab.order(LONG, on_disconnect=mode)
    caller = await lab.call("POST", path, body)
    run = await lab.newest_run(created_at)
    await run.ticked(10)
    _is_left(run, mode)
    await caller.goes_away(way)
    _expect(lab, mode)


@disconnects.scenario(
    "{way} of GET {call}, cancel_on_disconnect={mode}",
    call=("stream", "join"),
    mode=MODES,
    way=WAYS,
)
async def joiner(lab: Lab, call: str, mode: str, way: str) -> None:
    run = await lab.start(LONG)
    await run.entered()
    query = f"cancel_on_disconnect={str(mode == 'cancel').lower()}"
    caller = await lab.call("GET", f"{run.path}/{call}?{query}")
    await run.ticked(60)
    _is_left(run, mode)
    await caller.goes_away(way)
    _expect(lab, mode)


@disconnects.scenario("close of POST runs/stream while the run is pending, on_disconnect=cancel")
async def pending(lab: Lab) -> None:
    await (await lab.start(LONG)).entered()
    created_at = time.perf_counter()
    path, body = f"/threads/{lab.thread_id}/runs/stream", lab.order(on_disconnect="cancel")
    caller = await lab.call("POST", path, body)
    run = await lab.newest_run(created_at)
    await caller.answered()
    run.stop_is_asked()
    await caller.goes_away("close")
    lab.expect(r1="success", r2="interrupted", thread="idle", late="none")
    lab.expect(trail="r1:first r1:work r1:last")


@disconnects.scenario("close of a stateless stream, on_disconnect={mode}", mode=MODES)
async def stateless(lab: Lab, mode: str) -> None:
    order = lab.order(SHORT, on_disconnect=mode)
    async with lab.http.post("/runs/stream", json=order) as answer:
        run_id = answer.headers["Content-Location"].rsplit("/", 1)[1]
        await lab.pulse.until(lambda: len(lab.pulse.of(run_id)) > 10, seconds=20)
    # Its thread is named nowhere, and soon gone; its signs tell what became of it.
    await asyncio.sleep(1)
    finished = lab.pulse.of(run_id)[-1].node == "last"
    lab.note("work", "finished" if finished else "stopped")
    lab.expect(work="stopped" if mode == "cancel" else "finished")


def _is_left(run: Run, mode: str) -> None:
    if mode == "cancel":
        run.stop_is_asked()


def _expect(lab: Lab, mode: str) -> None:
    lab.expect(late="none")
    if mode == "cancel":
        lab.expect(r1="interrupted", thread="interrupted", trail="r1:first", next="work")
    else:
        lab.expect(r1="success", thread="idle", trail="r1:first r1:work r1:last")
