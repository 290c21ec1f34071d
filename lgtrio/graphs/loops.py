"""asyncio loops in threads of their own, ordered about from the Trio loop.

A loop survives what its tasks raise: `SystemExit` and `KeyboardInterrupt` make asyncio leave
`run_forever`, with the task's exception kept and everything that was ready still ready, so the
loop is simply entered again. Only a loop that is broken itself (its selector closed, say) dies;
then the owner is told, and a new loop takes the place.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Final, Generic, ParamSpec, TypeVar

import outcome
import structlog
import trio
from attrs import define, field

from lgtrio.errors import LoopBlocked, LoopReplaced
from lgtrio.graphs.door import Conveyor, Door

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Order = Callable[[], None]

_LAST_WORDS: Final = 1.0
"""Seconds that tasks get to end when a loop is closed; the runs in them have been closed before."""
PATIENCE: Final = 10.0
"""Seconds that clients wait before it is looked whether the loop lives, and then for its sign."""


class _GraphEventLoop(asyncio.SelectorEventLoop):
    """Runs blocking calls in our threads; asyncio insists on a `ThreadPoolExecutor` of its own,
    whose threads would be waited for at exit."""

    def __init__(self, sync_calls: Executor) -> None:
        super().__init__()
        self._sync_calls = sync_calls

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        return super().run_in_executor(executor or self._sync_calls, func, *args)

    def set_default_executor(self, executor: Any) -> None:
        self._sync_calls = executor


@define(eq=False)
class GraphLoop:
    """One asyncio loop and its thread; ordered about from the Trio loop."""

    name: str
    sync_calls: Executor
    on_death: Callable[[BaseException], None]
    """Called in the dying thread."""
    on_end: Callable[[], None] = lambda: None
    """Called in the thread as the last thing it does, unless the loop has died."""
    asyncio_loop: asyncio.AbstractEventLoop = field(init=False)
    thread: threading.Thread = field(init=False)
    kind: ClassVar[str] = "graph loop"
    advice: ClassVar[str] = "use await, or make it a plain `def`"
    _orders: Conveyor[Order] = field(init=False)
    _closing: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.asyncio_loop = _GraphEventLoop(self.sync_calls)
        self._orders = Conveyor(self.asyncio_loop.call_soon_threadsafe, _carry_out)
        self.thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def post(self, order: Order) -> None:
        """Have a function called on the loop; nothing happens if the loop is closed or dead."""
        try:
            self._orders.put(order)
        except RuntimeError:
            log.debug("order for a loop that has ended", loop=self.name)

    def leave(self) -> None:
        """Have the loop end when whatever blocks it lets go of it; does not wait for that."""
        self._closing = True
        self.post(self.asyncio_loop.stop)

    async def close(self) -> None:
        """End the loop and wait for its thread, but not for a node that blocks it.

        Cancellation: the thread is left to itself; it is a daemon.
        """
        self.leave()
        with trio.move_on_after(2 * _LAST_WORDS) as waiting:
            await trio.to_thread.run_sync(self.thread.join, abandon_on_cancel=True)
        if waiting.cancelled_caught:
            log.warning("a graph loop is blocked and was left behind", loop=self.name)

    # -- the loop's thread ---------------------------------------------------------------

    def _work(self) -> None:
        asyncio.set_event_loop(self.asyncio_loop)
        while not self._closing:
            try:
                self.asyncio_loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                log.warning("a graph tried to end the process", error=repr(error))
            except BaseException as error:  # noqa: ASYNC103 - the loop is broken and replaced
                self.on_death(error)
                with suppress(Exception):  # what can still be given back, is
                    self.asyncio_loop.close()
                return  # noqa: ASYNC104 - as above; this is no task
        self._wind_up()
        self.on_end()

    def _wind_up(self) -> None:
        loop = self.asyncio_loop
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_LAST_WORDS))
            if not asyncio.all_tasks(loop):
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()
        except (Exception, SystemExit, KeyboardInterrupt):
            log.exception("a graph loop did not end well", loop=self.name)


def _carry_out(orders: Sequence[Order]) -> None:
    for order in orders:
        try:
            order()
        except Exception:  # one order's bug must not cost the others
            log.exception("an order to a graph loop failed")


@define(eq=False)
class LoopSlot:
    """The place of a loop: the graphs on it stay on it, also when the loop is replaced."""

    name: str
    sync_calls: Executor
    door: Door
    on_death: Callable[[LoopSlot], None] = lambda _slot: None
    """Called on the Trio loop after the slot's loop has died, which has not been replaced yet."""
    loop: GraphLoop = field(init=False)
    _errands: set[_Errand[Any]] = field(factory=set, init=False)

    def start(self) -> None:
        self.loop = GraphLoop(self.name, self.sync_calls, self._died)
        self.loop.start()

    def post(self, order: Order) -> None:
        self.loop.post(order)

    async def close(self) -> None:
        await self.loop.close()

    def replace(self) -> None:
        """Put a new loop in the place of one that is blocked or dead.

        Coroutines that wait to be called on it, or have been, raise `LoopReplaced` to who waits.
        What else was on it is its owners' to fence and to begin again.
        """
        self.loop.leave()
        self.start()
        for errand in self._errands:
            errand.receive([outcome.Error(LoopReplaced())])

    async def call(
        self,
        function: Callable[P, Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a coroutine function on the loop and wait for it.

        Raises:
            LoopReplaced: the loop was blocked, or has died.
            Exception: whatever it raises.

        Cancellation: crosses once; the coroutine's end is not waited for.
        """
        errand = _Errand(self.door, lambda: function(*args, **kwargs))
        async with self._under_way(errand):
            return await errand.result()

    async def ask(
        self,
        function: Callable[P, Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """`call`, for what a client waits for: however long it takes, but not behind a node that
        blocks the loop.

        Raises:
            LoopBlocked: no sign of life for `PATIENCE` seconds; the function is not called any
                more. LoopReplaced, Exception: as `call`.

        Cancellation: as `call`.
        """
        errand = _Errand(self.door, lambda: function(*args, **kwargs))
        async with self._under_way(errand):
            while True:
                with trio.move_on_after(PATIENCE):
                    return await errand.result()
                with trio.move_on_after(PATIENCE) as waiting:
                    await self.call(_sign_of_life)
                if waiting.cancelled_caught:
                    errand.receive([outcome.Error(LoopBlocked())])

    @asynccontextmanager
    async def _under_way(self, errand: _Errand[Any]) -> AsyncIterator[None]:
        loop = self.loop
        self._errands.add(errand)
        loop.post(errand.start)
        try:
            yield
        except (trio.Cancelled, LoopReplaced, LoopBlocked):
            loop.post(errand.cancel)
            raise
        finally:
            self._errands.discard(errand)

    def _died(self, error: BaseException) -> None:
        log.critical("a graph loop died and is replaced", loop=self.name, exc_info=error)
        self.door.send(self, None)

    def receive(self, items: Sequence[None]) -> None:  # noqa: ARG002 - that it arrives says all
        """The loop's death has arrived on the Trio loop."""
        self.on_death(self)


async def _sign_of_life() -> None:
    """Nothing to do: that it is done says all."""


@define(eq=False)
class _Errand(Generic[T]):
    """One coroutine on a graph loop that somebody on the Trio loop waits for."""

    door: Door
    work: Callable[[], Coroutine[Any, Any, T]]
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _ended: trio.Event = field(factory=trio.Event, init=False)
    _outcome: outcome.Outcome[T] | None = field(default=None, init=False)

    def start(self) -> None:
        if not self._ended.is_set():  # else the loop comes free too late
            self._task = asyncio.get_running_loop().create_task(self._run())

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            result: outcome.Outcome[T] = outcome.Value(await self.work())
        except asyncio.CancelledError:
            raise  # ours: nobody is waiting
        except BaseException as error:  # it is the waiting task's, whatever it is
            result = outcome.Error(error)
        self.door.send(self, result)

    def receive(self, items: Sequence[outcome.Outcome[T]]) -> None:
        if self._outcome is None:
            self._outcome = items[0]
            self._ended.set()

    async def result(self) -> T:
        await self._ended.wait()
        assert self._outcome is not None
        return self._outcome.unwrap()
