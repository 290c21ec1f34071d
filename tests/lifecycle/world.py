"""The real supervisor on real SQLite, driven step by step beside the model and compared with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import trio
from attrs import define, evolve, field
from model import LOST, Client, Model, Run
from trio.testing import wait_all_tasks_blocked

from lgtrio.errors import NotFound, ThreadBusy
from lgtrio.runs.handles import RunHandle
from lgtrio.runs.streams import StreamCut, Subscription
from lgtrio.runs.supervisor import RunOptions, Supervisor, open_supervisor
from lgtrio.storage.interface import NewThread, RunRecord, Storage, ThreadRecord
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction
from support.scripted import ScriptedExecutor, new_run

_NEEDS_A_RUN = ("cancel", "disconnect", "follow", "delete_run")
_ACTIVE = ("pending", "running")
_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
UNKNOWN = "99999999-9999-4999-8999-999999999999"


def now() -> datetime:
    """The wall clock moves with the virtual one."""
    return _EPOCH + timedelta(seconds=trio.current_time())


def now_iso(delay: float = 0.0) -> str:
    return (now() + timedelta(seconds=delay)).isoformat(timespec="microseconds")


@define(eq=False)
class Reader:
    """A real client beside the model's."""

    expected: Client
    text: bytes = b""
    ended: bool | str = False

    async def read(self, subscription: Subscription) -> None:
        async with subscription:
            try:
                while True:
                    self.text += await subscription.receive()
            except trio.EndOfChannel:
                self.ended = True
            except StreamCut:
                self.ended = LOST

    def check(self) -> None:
        assert (_events(self.text), self.ended) == (self.expected.seen, self.expected.ended)


def _events(text: bytes) -> list[str]:
    """As the model writes them: `metadata <attempt>`, `values <value>`, `error`."""
    events = []
    for block in text.split(b"\r\n\r\n")[:-1]:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\r\n"))
        event, data = fields[b"event"].decode(), orjson.loads(fields[b"data"])
        if event == "metadata":
            event += f" {data['attempt']}"
        elif event == "values":
            event += f" {data}"
        events.append(event)
    return events


@define(eq=False)
class Request:
    """A request that is answered when a run has ended."""

    run: Run
    answer: Any = None
    answered: bool = False

    async def ask(self, operation: Callable[[], Awaitable[Any]]) -> None:
        try:
            self.answer = await operation()
        except StreamCut:
            self.answer = LOST
        except NotFound as error:
            self.answer = "no runs" if "No runs" in error.detail else "no match"
        self.answered = True


@define(eq=False)
class World:
    """One server after the other on one database. Each method is a step: it does the same to
    the server and to the model, then compares."""

    path: str
    options: RunOptions
    model: Model
    executor: ScriptedExecutor = field(factory=ScriptedExecutor)
    runs: list[str] = field(factory=list)
    """Ids in order of creation."""
    _storage: Storage | None = None
    _supervisor: Supervisor | None = None
    _clients: trio.Nursery | None = None
    _readers: list[Reader] = field(factory=list)
    _waits: list[Request] = field(factory=list)
    _told: int = 0
    """Starts in the executor's log that the model has been told of."""

    @property
    def storage(self) -> Storage:
        assert self._storage is not None
        return self._storage

    @property
    def supervisor(self) -> Supervisor:
        assert self._supervisor is not None
        return self._supervisor

    # -- a server comes and goes ---------------------------------------------------------

    async def live(self, steps: list[list[tuple[Any, ...]]]) -> None:
        """A server for each list of steps; a list ends with `restart` or `crash`."""
        async with open_sqlite(self.path, inline=True, now=now_iso) as storage:
            self._storage = storage
            for life in steps:
                await self._one_life(life)

    async def _one_life(self, steps: list[tuple[Any, ...]]) -> None:
        self.executor, self._told = ScriptedExecutor(), 0
        async with trio.open_nursery() as clients:
            self._clients = clients
            async with open_supervisor(
                self.storage, self.executor, self.options, now=now
            ) as self._supervisor:
                await wait_all_tasks_blocked()
                self.model.now = trio.current_time()
                self._follow_choices()
                self.model.come_back()
                await self.check()
                for name, *args in steps:
                    if self.runs or name not in _NEEDS_A_RUN:
                        await getattr(self, name)(*args)
                        await self.check()
                # Whatever ends the process takes the clients' connections along.
                clients.cancel_scope.cancel()
        self._readers.clear()
        self._waits.clear()

    async def restart(self) -> None:
        await self.supervisor.shut_down()
        await wait_all_tasks_blocked()
        self._follow_choices()
        self.model.shut_down(self.options.shutdown_grace)
        assert self.model.now <= trio.current_time() + 1e-6
        assert self.supervisor.executing == {}

    async def crash(self) -> None:
        """The rest is what leaving does: nothing is stored any more."""
        self.model.crash()
        for reader in self._readers:
            reader.ended = reader.ended or LOST
        assert self._clients is not None
        self._clients.cancel_scope.cancel()

    def _follow_choices(self) -> None:
        started = self.executor.order()
        self.model.choices = iter(started[self._told :])
        self._told = len(started)

    async def _settled(self) -> None:
        await wait_all_tasks_blocked()
        self._follow_choices()

    # -- steps ---------------------------------------------------------------------------

    async def submit(
        self,
        thread_id: str,
        script: list[list[Any]],
        strategy: str,
        options: dict[str, Any],
    ) -> None:
        """
        Args:
            options: some of `resumable`, `temporary`, `delay` (seconds).
        """
        resumable, temporary = options.get("resumable", False), options.get("temporary", False)
        delay = options.get("delay")
        number = len(self.runs)
        if temporary:
            thread_id = str(UUID(int=1000 + number))
        new = new_run(
            thread_id,
            *script,
            strategy=strategy,
            resumable=resumable,
            temporary=temporary,
            not_before=None if delay is None else now_iso(delay),
        )
        run_id = str(UUID(int=number + 1))
        new = evolve(new, run_id=run_id, thread_config=_config(run_id))
        not_before = 0.0 if delay is None else trio.current_time() + delay
        handle: RunHandle | None = None
        try:
            submitted = await self.supervisor.submit(
                new, thread=NewThread(thread_id), follow=True, actor="the creator"
            )
            handle = submitted.handle
        except ThreadBusy:
            pass
        await self._settled()
        accepted = self.model.submit(
            run_id,
            thread_id,
            script,
            strategy,
            resumable=resumable,
            temporary=temporary,
            not_before=not_before,
        )
        assert accepted == (handle is not None)
        if handle is None:
            return
        self.runs.append(run_id)
        run = self.model.runs[run_id]
        assert submitted.subscription is not None
        # It was opened before the run could start, so it has seen everything.
        client = Client(seen=list(run.log), ended=run.status not in ("pending", "running"))
        run.clients.append(client)
        self._start_reader(Reader(client), submitted.subscription)
        self._start(
            self._waits,
            run,
            partial(self.supervisor.following.join, submitted.run, submitted.handle),
        )
        await wait_all_tasks_blocked()

    async def cancel(self, which: int, action: str, wait: bool) -> None:
        run = self._run(which)
        operation = partial(
            self.supervisor.stopper.cancel,
            run.thread_id,
            [run.run_id],
            action=CancelAction(action),
            wait=wait,
            actor="the canceller",
        )
        asked: list[Request] = []
        self._start(asked, run, operation)
        await self._settled()
        expected = self.model.cancel(run.run_id, run.thread_id, action)
        over = run.status not in ("pending", "running")
        assert asked[0].answered == (expected != "cancelled" or not wait or over)
        if asked[0].answered:
            assert asked[0].answer == {"cancelled": 1}.get(expected, expected)

    async def cancel_unknown(self) -> None:
        for thread_id in (UNKNOWN, *self.model.threads):
            request = Request(Run(UNKNOWN, thread_id, 0, ()))
            await request.ask(
                partial(
                    self.supervisor.stopper.cancel,
                    thread_id,
                    [UNKNOWN],
                    action=CancelAction.INTERRUPT,
                    wait=True,
                )
            )
            assert request.answer == "no runs"

    async def disconnect(self, which: int) -> None:
        run = self._run(which)
        self.supervisor.stopper.disconnected(run.run_id)
        await self._settled()
        self.model.disconnect(run.run_id)

    async def follow(self, which: int, replay: bool) -> None:
        run = self._run(which)
        record = await self.storage.get_run(run.run_id)
        if record is None:
            return
        subscription = await self.supervisor.following.follow(
            record, last_event_id="-1" if replay else None
        )
        reader = Reader(self.model.follow(run.run_id, replay=replay))
        self._start_reader(reader, subscription)
        await wait_all_tasks_blocked()

    async def delete_run(self, which: int) -> None:
        run = self._run(which)
        record = await self.storage.get_run(run.run_id)
        assert (record is None) == (run.status is None)
        if record is None:
            return
        asked: list[Request] = []
        self._start(
            asked, run, partial(self.supervisor.stopper.delete_run, record, actor="the deleter")
        )
        await self._settled()
        assert self.model.delete_run(run.run_id)
        assert asked[0].answered == (run.status is None)

    async def delete_thread(self, thread_id: str) -> None:
        asked: list[Request] = []
        run = Run("", thread_id, 0, ())
        delete = partial(self.supervisor.stopper.delete_thread, thread_id, actor="the deleter")
        self._start(asked, run, delete)
        await self._settled()
        known = self.model.delete_thread(thread_id)
        assert asked[0].answered == (thread_id not in self.model.threads)
        if asked[0].answered:
            assert asked[0].answer == known

    async def advance(self, seconds: int) -> None:
        await trio.sleep(seconds)
        await self._settled()
        self.model.advance(trio.current_time())

    def _run(self, which: int) -> Run:
        """One of the runs so far, the newest for -1."""
        return self.model.runs[self.runs[which % len(self.runs)]]

    def _start(self, requests: list[Request], run: Run, operation: Any) -> None:
        request = Request(run)
        requests.append(request)
        assert self._clients is not None
        self._clients.start_soon(request.ask, operation)

    def _start_reader(self, reader: Reader, subscription: Subscription) -> None:
        self._readers.append(reader)
        assert self._clients is not None
        self._clients.start_soon(reader.read, subscription)

    # -- comparing -----------------------------------------------------------------------

    async def check(self) -> None:
        """Every status, history and stream is as in the model; nothing is left over."""
        await wait_all_tasks_blocked()
        left = list(self.model.choices)
        assert not left, f"started, but should not have been: {left}"
        for run_id in self.runs:
            await self._check_run(self.model.runs[run_id])
        for thread_id in {run.thread_id for run in self.model.runs.values()}:
            await self._check_thread(thread_id)
        for reader in self._readers:
            reader.check()
        for wait in self._waits:
            self._check_wait(wait)
        self._check_supervisor()

    async def _check_run(self, run: Run) -> None:
        record = await self.storage.get_run(run.run_id)
        assert (record and record.status) == run.status
        lines = await self.storage.journal(run_id=run.run_id)
        assert [
            (line.from_status, line.to_status, line.cause, line.actor) for line in lines
        ] == run.journal
        if record is not None and record.status not in ("pending", "running"):
            await self._check_stored_result(run, record)

    async def _check_stored_result(self, run: Run, record: RunRecord) -> None:
        thread = self.model.threads[run.thread_id]
        result = _result(thread.values or [])
        if run.status == "error" and thread.error is not None:
            result = thread.error
        assert _plain(await self.supervisor.following.join(record)) == result

    async def _check_thread(self, thread_id: str) -> None:
        record = await self.storage.get_thread(thread_id)
        assert (record is not None) == (thread_id in self.model.threads)
        if record is None:
            return
        thread = self.model.threads[thread_id]
        assert record.status == self.model.thread_status(thread_id)
        assert _row(record) == thread.row()
        assert (b"assistant_id" in record.metadata) == (thread.marks is not None)

    def _check_wait(self, wait: Request) -> None:
        run = wait.run
        if run.status in ("pending", "running"):
            assert not wait.answered or wait.answer == LOST
        else:
            assert wait.answered
            assert _plain(wait.answer) == _result(run.result)

    def _check_supervisor(self) -> None:
        running = {run.run_id for run in self.model.running()}
        supervisor = self.supervisor
        assert set(self.executor.active.values()) <= running
        if supervisor.stopping or self._clients is None:
            return
        assert set(supervisor.executing) == running
        assert supervisor._starter.places.taken == len(running)
        active = {run.run_id for run in self.model.runs.values() if run.status in _ACTIVE}
        assert {handle.run_id for handle in supervisor._handles.all()} <= active


def _config(run_id: str) -> bytes:
    return orjson.dumps({"of": run_id})


def _row(record: ThreadRecord) -> tuple[Any, ...]:
    """As `model.Thread.row`."""
    error = orjson.loads(record.error)["error"] if record.error else None
    values = orjson.loads(record.values)["seen"] if record.values else None
    return (orjson.loads(record.config).get("of"), values, error, record.rest_status)


def _plain(answer: bytes) -> Any:
    decoded = orjson.loads(answer)
    return decoded["__error__"]["error"] if "__error__" in decoded else decoded


def _result(result: Any) -> Any:
    if result == "error":
        return "ValueError"
    return {"seen": result} if result else {}
