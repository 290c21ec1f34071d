"""Every multitask strategy on every state of a thread's lane."""

from __future__ import annotations

from bench.semantics.lab import LONG, SHORT, Lab
from bench.semantics.runs import GONE
from bench.semantics.scenario import Family

STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
_STEPS = ("first", "work", "last")

strategies = Family(
    "strategy", "What a new run does to those that its thread has already, and what they leave."
)


@strategies.scenario("{strategy}, nothing there", strategy=STRATEGIES)
async def on_an_idle_thread(lab: Lab, strategy: str) -> None:
    lab.note("create", await lab.attempt(SHORT, strategy=strategy))
    lab.expect(create=200, r1="success", thread="idle", trail=_trail("r1"))


@strategies.scenario("{strategy}, thread waits at an interrupt()", strategy=STRATEGIES)
async def on_a_waiting_thread(lab: Lab, strategy: str) -> None:
    asking = await lab.start({"work": {"asks": True}})
    await asking.ended()
    lab.note("create", await lab.attempt(SHORT, strategy=strategy))
    lab.expect(create=200, r1="success", r2="success", thread="idle")
    lab.expect(trail="r1:first " + _trail("r2"))


@strategies.scenario("{strategy}, one running", strategy=STRATEGIES)
async def on_a_running_run(lab: Lab, strategy: str) -> None:
    await (await lab.start(LONG)).entered()
    await _new_run(lab, strategy)
    lab.expect(**_fates(strategy, displaced=["r1"], new="r2"))
    lab.expect(trail=_trail_after(strategy, began="r1", queued=[], new="r2"))


@strategies.scenario("{strategy}, one running and one queued", strategy=STRATEGIES)
async def on_a_running_and_a_queued_run(lab: Lab, strategy: str) -> None:
    running = await lab.start(LONG)
    await lab.start(SHORT, strategy="enqueue")
    await running.entered()
    await _new_run(lab, strategy)
    lab.expect(**_fates(strategy, displaced=["r1", "r2"], new="r3"))
    lab.expect(trail=_trail_after(strategy, began="r1", queued=["r2"], new="r3"))


@strategies.scenario("{strategy}, one delayed", strategy=STRATEGIES)
async def on_a_delayed_run(lab: Lab, strategy: str) -> None:
    await lab.start(SHORT, after_seconds=1)
    await _new_run(lab, strategy)
    lab.expect(**_fates(strategy, displaced=["r1"], new="r2"))
    if strategy in ("interrupt", "rollback"):
        lab.expect(trail=_trail("r2"))


@strategies.scenario("{strategy}, a resumed one running", strategy=STRATEGIES)
async def on_a_resumed_run(lab: Lab, strategy: str) -> None:
    asking = await lab.start({"work": {"asks": True, **LONG["work"]}})
    await asking.ended()
    resumed = await lab.start(command={"resume": "yes"})
    await resumed.entered()
    await _new_run(lab, strategy)
    lab.expect(**_fates(strategy, displaced=["r2"], new="r3"), r1="success")
    finished = "" if strategy in ("interrupt", "rollback") else "r2:work r2:last "
    new = "" if strategy == "reject" else _trail("r3")
    lab.expect(trail=f"r1:first {finished}{new}".strip())


@strategies.scenario("{strategy} over and over, ten times", strategy=("interrupt", "rollback"))
async def many_in_a_row(lab: Lab, strategy: str) -> None:
    for _ in range(10):
        await lab.start(SHORT, strategy=strategy)
    lab.note("just after", await lab.thread_status())
    fate = GONE if strategy == "rollback" else "interrupted"
    lab.expect(**{f"r{number}": fate for number in range(1, 10)}, r10="success")
    lab.expect(just_after="busy", thread="idle", overlap="none", late="none")


async def _new_run(lab: Lab, strategy: str) -> None:
    lab.note("create", await lab.attempt(SHORT, strategy=strategy))
    lab.note("just after", await lab.thread_status())
    lab.expect(create=409 if strategy == "reject" else 200, just_after="busy")
    lab.expect(thread="idle", overlap="none", late="none")


def _fates(strategy: str, *, displaced: list[str], new: str) -> dict[str, str]:
    fate = {"interrupt": "interrupted", "rollback": GONE}.get(strategy, "success")
    fates = dict.fromkeys(displaced, fate)
    return fates if strategy == "reject" else {**fates, new: "success"}


def _trail_after(strategy: str, *, began: str, queued: list[str], new: str) -> str:
    """What the state holds, where run `began` was in its second node when `new` came."""
    match strategy:
        case "reject":
            return _trail(began, *queued)
        case "enqueue":
            return _trail(began, *queued, new)
        case "interrupt":
            return f"{began}:first {_trail(new)}"
        case _:
            return _trail(new)


def _trail(*labels: str) -> str:
    return " ".join(f"{label}:{node}" for label in labels for node in _STEPS)
