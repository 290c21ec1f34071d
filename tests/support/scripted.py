"""An executor that does what a run's input says, in virtual time: no graph, no thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
import trio
from attrs import define, field

from lgtrio.runs.alarm import wall_now
from lgtrio.runs.executor import (
    ErrorInfo,
    GraphEnd,
    GraphOutcome,
    Part,
    RunSink,
)
from lgtrio.runs.supervisor import RunOptions, Supervisor, open_supervisor
from lgtrio.storage.interface import NewRun, NewThread, RunRecord, Storage
from lgtrio.wire.enums import MultitaskStrategy
from lgtrio.wire.kwargs import RunKwargs

Script = list[list[Any]]


@define(eq=False)
class ScriptedExecutor:
    """Steps of a script: `["sleep", s]`, `["emit", value]`, `["burst", n]` (n parts at once),
    `["fail"]`, `["crash"]` (raise out of the executor, which must never happen),
    `["stubborn", s]` (goes on for s seconds after a cancel)."""

    log: list[tuple[float, str, str]] = field(factory=list)
    """(virtual time, "start" or how it ended, run id)."""
    active: dict[str, str] = field(factory=dict)
    """Thread id to the run that is executing on it."""
    attempts: dict[str, list[int]] = field(factory=dict)
    _draining: set[str] = field(factory=set)

    async def execute(self, run: RunRecord, sink: RunSink) -> GraphOutcome:
        assert run.thread_id not in self.active, "two runs of one thread overlap"
        self.active[run.thread_id] = run.run_id
        self.attempts.setdefault(run.run_id, []).append(run.attempt)
        self._note("start", run)
        seen: list[Any] = []
        end = GraphEnd.CANCELLED
        error = None
        try:
            for step, *args in RunKwargs.from_json(run.kwargs).input or []:
                if run.run_id in self._draining:
                    end = GraphEnd.DRAINED
                    break
                if step == "crash":
                    raise RuntimeError("an executor that breaks its contract")
                if step == "fail":
                    end, error = GraphEnd.FAILED, ErrorInfo("ValueError", "boom")
                    break
                await self._do(step, args, sink, seen)
            else:
                end = GraphEnd.FINISHED
        finally:
            del self.active[run.thread_id]
            self._note(end, run)
            values = orjson.dumps({"seen": seen}) if seen else None
            outcome = GraphOutcome(end, values, result=values, error=error)
            sink.ended(outcome)
        return outcome

    async def _do(self, step: str, args: list[Any], sink: RunSink, seen: list[Any]) -> None:
        if step == "sleep":
            await trio.sleep(args[0])
        elif step == "emit":
            await trio.lowlevel.checkpoint()
            seen.append(args[0])
            sink.parts([Part("values", "values", orjson.dumps(args[0]))])
        elif step == "burst":
            for number in range(args[0]):
                sink.parts([Part("custom", "custom", orjson.dumps(number))])
        elif step == "stubborn":
            with trio.CancelScope(shield=True, deadline=trio.current_time() + args[0]):
                await trio.sleep_forever()
            await trio.lowlevel.checkpoint_if_cancelled()

    async def stored_outcome(self, _run: RunRecord) -> GraphOutcome:
        """Nothing is stored before a run's end."""
        await trio.lowlevel.checkpoint()
        return GraphOutcome(GraphEnd.CANCELLED, values=None)

    def request_drain(self, run_id: str) -> None:
        self._draining.add(run_id)

    def _note(self, what: str, run: RunRecord) -> None:
        self.log.append((trio.current_time(), what, run.run_id))

    def order(self, what: str = "start") -> list[str]:
        return [run_id for _, note, run_id in self.log if note == what]


def new_run(
    thread_id: str,
    *script: list[Any],
    strategy: str = "enqueue",
    resumable: bool = False,
    temporary: bool = False,
    not_before: str | None = None,
) -> NewRun:
    kwargs = RunKwargs(input=list(script), command=None, config={}, context=None)
    return NewRun(
        run_id=str(uuid4()),
        thread_id=thread_id,
        assistant_id=str(uuid4()),
        graph_id="scripted",
        multitask_strategy=MultitaskStrategy(strategy),
        metadata=b"{}",
        kwargs=kwargs.to_json(),
        temporary=temporary,
        resumable=resumable,
        not_before=not_before,
    )


@define(eq=False)
class Bench:
    """A supervisor on a storage with a scripted executor, and short ways to use them."""

    storage: Storage
    executor: ScriptedExecutor
    supervisor: Supervisor

    async def submit(self, new: NewRun, **options: Any) -> RunRecord:
        submitted = await self.supervisor.submit(new, thread=NewThread(new.thread_id), **options)
        return submitted.run

    async def status(self, run_id: str) -> str | None:
        run = await self.storage.get_run(run_id)
        return None if run is None else str(run.status)

    async def thread_status(self, thread_id: str) -> str:
        thread = await self.storage.get_thread(thread_id)
        assert thread is not None
        return str(thread.status)

    async def ended(self, *run_ids: str) -> None:
        for run_id in run_ids:
            run = await self.storage.get_run(run_id)
            if run is not None:
                await self.supervisor.following.join(run)


@asynccontextmanager
async def bench(
    storage: Storage,
    executor: ScriptedExecutor | None = None,
    *,
    now: Callable[[], datetime] = wall_now,
    **options: Any,
) -> AsyncIterator[Bench]:
    executor = executor or ScriptedExecutor()
    async with open_supervisor(storage, executor, RunOptions(**options), now=now) as supervisor:
        yield Bench(storage, executor, supervisor)


async def read_all(subscription: Any) -> bytes:
    """Everything until the stream's end."""
    chunks = []
    async with subscription:
        while True:
            try:
                chunks.append(await subscription.receive())
            except trio.EndOfChannel:
                return b"".join(chunks)
