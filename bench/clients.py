"""Clients that do everything at once: streams, waits, cancels, strategies, disconnects, deletes.

Each keeps to the ledger what the server has promised it; `soak.py` holds the server to it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import aiohttp
from attrs import define, field


@define
class Ledger:
    """What the clients were told."""

    kept: defaultdict[str, set[str]] = field(factory=lambda: defaultdict(set))
    """Thread to the runs on it that must be there."""
    may_be_gone: set[str] = field(factory=set)
    """Runs that are removed by somebody, sooner or later."""
    acts: Counter[str] = field(factory=Counter)
    """How often each kind of act was done."""
    refused: int = 0
    """Creates that were answered 409, as the strategy says."""
    complaints: list[str] = field(factory=list)
    """Answers that should not have been."""

    @property
    def created(self) -> set[str]:
        return self.may_be_gone.union(*self.kept.values())

    def lets_go(self, thread_id: str) -> None:
        """The thread's runs are removed, or will be."""
        self.may_be_gone |= self.kept.pop(thread_id, set())


class Surprise(Exception):
    """An answer that no client should get."""


@define(eq=False)
class Client:
    http: aiohttp.ClientSession
    ledger: Ledger
    random: random.Random
    shared_threads: list[str]
    """Threads on which many clients meet."""
    pause: float
    """Mean seconds between two acts."""

    async def work(self, until: float) -> None:
        """Act until the time comes."""
        while time.perf_counter() < until:
            act = self.random.choice(self.ACTS)
            try:
                await act(self)
            except (Surprise, aiohttp.ClientError, TimeoutError) as failure:
                self.ledger.complaints.append(f"{act.__name__}: {failure!r}")
            self.ledger.acts[act.__name__] += 1
            await asyncio.sleep(self.random.uniform(0, 2 * self.pause))

    # -- acts ----------------------------------------------------------------------------
    async def wait(self) -> None:
        thread_id = await self._thread()
        await self._finish(f"/threads/{thread_id}/runs/wait", thread_id, self._order())
        await self._maybe_delete(thread_id)

    async def stream(self) -> None:
        thread_id = await self._thread()
        order = self._order() | {"stream_resumable": self.random.random() < 0.5}
        await self._finish(f"/threads/{thread_id}/runs/stream", thread_id, order)
        await self._maybe_delete(thread_id)

    async def stateless(self) -> None:
        call = self.random.choice(["wait", "stream"])
        async with self.http.post(f"/runs/{call}", json=self._order()) as answer:
            await self._expect(answer, 200)
            self.ledger.may_be_gone.add(answer.headers["Content-Location"].rsplit("/", 1)[1])
            await answer.read()

    async def background(self) -> None:
        thread_id = await self._thread()
        path = await self._create(thread_id, self._order())
        how = self.random.choice(["join", "stream"])
        async with self.http.get(f"{path}/{how}") as answer:
            await self._expect(answer, 200)
            await answer.read()
        await self._maybe_delete(thread_id)

    async def cancel(self) -> None:
        thread_id = await self._thread()
        path = await self._create(thread_id, self._order(seconds=1))
        await asyncio.sleep(self.random.uniform(0, 0.2))
        action = self.random.choice(["interrupt", "rollback"])
        if action == "rollback":
            self.ledger.lets_go(thread_id)
        query = {"action": action, "wait": self.random.choice(["true", "false"])}
        async with self.http.post(f"{path}/cancel", params=query) as answer:
            await self._expect(answer, 200, 202, 404)  # 404: it has ended before
        await self._maybe_delete(thread_id)

    async def meet(self) -> None:
        """Create a run on a thread that others use too."""
        thread_id = self.random.choice(self.shared_threads)
        strategy = self.random.choice(["reject", "enqueue", "interrupt", "rollback"])
        order = self._order(seconds=0.1) | {"multitask_strategy": strategy}
        async with self.http.post(f"/threads/{thread_id}/runs", json=order) as answer:
            await self._expect(answer, 200, 409)
            if answer.status == 409:
                self.ledger.refused += 1
            else:
                # Others roll back what they find there.
                self.ledger.may_be_gone.add((await answer.json())["run_id"])

    async def go_away(self) -> None:
        """Leave in the middle of a stream or a wait."""
        thread_id = await self._thread()
        mode = self.random.choice(["cancel", "continue"])
        call = self.random.choice(["stream", "wait"])
        order = self._order(seconds=0.5) | {"on_disconnect": mode}
        async with self.http.post(f"/threads/{thread_id}/runs/{call}", json=order) as answer:
            await self._expect(answer, 200)
            run_id = answer.headers["Content-Location"].rsplit("/", 1)[1]
            self.ledger.kept[thread_id].add(run_id)
            await asyncio.sleep(self.random.uniform(0, 0.3))
        await self._maybe_delete(thread_id)

    async def delete_run(self) -> None:
        thread_id = await self._thread()
        path = await self._create(thread_id, self._order(seconds=1))
        self.ledger.lets_go(thread_id)
        await asyncio.sleep(self.random.uniform(0, 0.2))
        async with self.http.delete(path) as answer:
            await self._expect(answer, 204)
        await self._delete(thread_id)

    async def delete_thread(self) -> None:
        thread_id = await self._thread()
        for _ in range(2):
            await self._create(thread_id, self._order(seconds=1))
        await asyncio.sleep(self.random.uniform(0, 0.2))
        await self._delete(thread_id)

    ACTS: ClassVar[list[Callable[[Client], Awaitable[None]]]] = [
        *[wait, stream, stateless, background] * 2,
        cancel,
        meet,
        go_away,
        delete_run,
        delete_thread,
    ]

    # -- what they are made of -----------------------------------------------------------
    def _order(self, seconds: float = 0.2) -> dict[str, Any]:
        """A run that takes up to so long, asleep; a few of them in a thread."""
        naps = self.random.randint(1, 10)
        each = self.random.uniform(0, seconds) / naps
        return {
            "assistant_id": "sync_naps" if self.random.random() < 0.1 else "naps",
            "input": {"naps": naps, "seconds": each},
            "stream_mode": ["values", "custom"],
        }

    async def _thread(self) -> str:
        async with self.http.post("/threads", json={}) as answer:
            await self._expect(answer, 200)
            return str((await answer.json())["thread_id"])

    async def _create(self, thread_id: str, order: dict[str, Any]) -> str:
        """
        Returns:
            The path of the new run.
        """
        async with self.http.post(f"/threads/{thread_id}/runs", json=order) as answer:
            await self._expect(answer, 200)
            run_id = str((await answer.json())["run_id"])
        self.ledger.kept[thread_id].add(run_id)
        return f"/threads/{thread_id}/runs/{run_id}"

    async def _finish(self, path: str, thread_id: str, order: dict[str, Any]) -> None:
        async with self.http.post(path, json=order) as answer:
            await self._expect(answer, 200)
            run_id = answer.headers["Content-Location"].rsplit("/", 1)[1]
            self.ledger.kept[thread_id].add(run_id)
            body = await answer.read()
        if b"__error__" in body or b"event: error" in body:
            raise Surprise(body[-300:])

    async def _maybe_delete(self, thread_id: str) -> None:
        """Most threads go, so that the database stays small; some stay to be looked at."""
        if self.random.random() < 0.8:
            await self._delete(thread_id)

    async def _delete(self, thread_id: str) -> None:
        self.ledger.lets_go(thread_id)
        async with self.http.delete(f"/threads/{thread_id}") as answer:
            await self._expect(answer, 204)

    async def _expect(self, answer: aiohttp.ClientResponse, *statuses: int) -> None:
        if answer.status not in statuses:
            text = (await answer.text())[-300:]
            raise Surprise(f"{answer.method} {answer.url.path}: {answer.status} {text}")
