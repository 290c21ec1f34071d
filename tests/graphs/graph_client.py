"""The graph side over a real database file, and a client of it in the supervisor's place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import trio
from attrs import define, evolve, field

from lgtrio.config import Settings
from lgtrio.graphs.side import GraphSide, open_graph_side
from lgtrio.langgraph_json import LanggraphConfig
from lgtrio.runs.executor import GraphOutcome, Part
from lgtrio.storage.interface import RunRecord
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, StreamMode
from lgtrio.wire.kwargs import RunKwargs

GRAPHS = Path(__file__).parents[1] / "support" / "graphs" / "langgraph.json"
ODD_GRAPHS = Path(__file__).parent / "odd_graphs.json"


@define(eq=False)
class Recorder:
    """A sink that keeps everything, and lets a test wait for a part."""

    seen: list[Part] = field(factory=list)
    outcome: GraphOutcome | None = None
    deaf: int = 0
    """How many parts it does not want before it begins to listen."""
    _arrived: trio.Event = field(factory=trio.Event)

    @property
    def wants_parts(self) -> bool:
        self.deaf -= 1
        return self.deaf < 0

    def parts(self, parts: Sequence[Part]) -> None:
        assert self.outcome is None, "a part after the end"
        self.seen.extend(parts)
        self._wake()

    def when_logged(self, callback: Callable[[], None]) -> None:
        callback()

    def ended(self, outcome: GraphOutcome) -> None:
        assert self.outcome is None, "ended twice"
        self.outcome = outcome
        self._wake()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = trio.Event()

    async def until(self, condition: Callable[[Recorder], bool]) -> None:
        while not condition(self):
            assert self.outcome is None, f"the run has ended: {self.outcome}"
            await self._arrived.wait()

    async def until_parts(self, count: int) -> None:
        await self.until(lambda self: len(self.seen) >= count)

    @property
    def frames(self) -> list[tuple[str, Any]]:
        return [(part.event, orjson.loads(part.data)) for part in self.seen]


@define(eq=False)
class Client:
    side: GraphSide
    storage: Any

    async def run(
        self, graph_id: str, given: Any = None, *, sink: Recorder | None = None, **options: Any
    ) -> GraphOutcome:
        run = options.pop("run", None) or record(graph_id, given, **options)
        outcome = await self.side.executor.execute(run, sink or Recorder())
        await self.storing_the_end(outcome)
        return outcome

    async def storing_the_end(self, outcome: GraphOutcome) -> None:
        """As the supervisor does: behind the run's last writes, if they have not failed."""
        if outcome.last_writes is not None:
            settle = partial(outcome.last_writes.settle, thread_goes=False)
            await self.storage.engine.write(settle)

    def rows(self) -> tuple[int, ...]:
        """How many checkpoints, writes and store items there are."""
        return self.storage.engine.read(
            lambda connection: tuple(
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("checkpoints", "checkpoint_writes", "store_items")
            )
        )

    async def quiet(self) -> None:
        """Return when no task is left on the graph loops and the database has nothing to do."""
        for slot in set(self.side.executor.slots.values()):
            await slot.call(no_other_task)
        await self.storage.engine.write(lambda _: None, name="barrier")

    async def state(self, graph_id: str, thread_id: str, **options: Any) -> Any:
        return orjson.loads(await self.side.states.get_state(thread_id, graph_id, **options))


def record(
    graph_id: str,
    given: Any = None,
    *,
    thread_id: str | None = None,
    modes: Sequence[str] = ("values",),
    config: dict[str, Any] | None = None,
    attempt: int = 1,
    **kwargs: Any,
) -> RunRecord:
    run_id = str(uuid4())
    execution = RunKwargs(
        input=given,
        command=kwargs.pop("command", None),
        config=config or {"configurable": {}},
        context=kwargs.pop("context", None),
        stream_mode=tuple(StreamMode(mode) for mode in modes),
        **kwargs,
    )
    return RunRecord(
        run_id=run_id,
        thread_id=thread_id or str(uuid4()),
        assistant_id=str(uuid4()),
        graph_id=graph_id,
        status=RunStatus.RUNNING,
        multitask_strategy=MultitaskStrategy.ENQUEUE,
        metadata=b"{}",
        kwargs=execution.to_json(),
        attempt=attempt,
        temporary=False,
        resumable=False,
        not_before=None,
        created_at="",
        updated_at="",
    )


def again(run: RunRecord) -> RunRecord:
    """The run as it is started once more after the server has died."""
    return evolve(run, attempt=run.attempt + 1)


@asynccontextmanager
async def open_client(
    folder: Path,
    config: LanggraphConfig,
    *,
    faults: Callable[[str], None] | None = None,
    **settings: Any,
) -> AsyncIterator[Client]:
    async with (
        open_sqlite(folder / "graphs.db", faults=faults) as storage,
        open_graph_side(config, storage.engine, Settings(**settings)) as side,
    ):
        yield Client(side, storage)


Open = Callable[..., AbstractAsyncContextManager[Client]]


async def happened(event: threading.Event) -> None:
    """Wait for what another thread does; not for ever, and no longer than the test goes on."""
    assert await trio.to_thread.run_sync(event.wait, 30, abandon_on_cancel=True)


async def no_other_task() -> None:
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - there is nothing that would tell
        await asyncio.sleep(0.001)
