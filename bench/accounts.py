"""What has become of every run: the clients' ledger against the server's journal and rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
from attrs import define, field

from bench.clients import Ledger

_ACTIVE = ("pending", "running")
_SETTLE_SECONDS = 60


@define
class Journal:
    """The journal as far as it has been read, replayed."""

    statuses: dict[str, str | None] = field(factory=dict)
    """Run to its status; None for a run that was removed."""
    broken: list[str] = field(factory=list)
    """Lines that cannot follow the ones before them."""
    _running: dict[str, str] = field(factory=dict)
    """Thread to its running run."""
    _after: int = 0

    @property
    def active(self) -> set[str]:
        return {run_id for run_id, status in self.statuses.items() if status in _ACTIVE}

    async def read_on(self, http: aiohttp.ClientSession) -> None:
        """Read up to the newest line."""
        more = True
        while more:
            query = {"since": str(self._after), "limit": "5000"}
            async with http.get("/journal", params=query) as answer:
                answer.raise_for_status()
                more = "X-Pagination-Next" in answer.headers
                for line in await answer.json():
                    self._replay(line)

    def _replay(self, line: dict[str, Any]) -> None:
        run_id, thread_id, was, now = (line[key] for key in ("run_id", "thread_id", "from", "to"))
        if line["seq"] != self._after + 1:
            self.broken.append(f"lines {self._after + 1} to {line['seq'] - 1} are missing")
        if self.statuses.get(run_id) != was:
            self.broken.append(f"run {run_id} went from {was} and was {self.statuses.get(run_id)}")
        if was == "running":
            self._running.pop(thread_id, None)
        if now == "running" and (other := self._running.setdefault(thread_id, run_id)) != run_id:
            self.broken.append(f"runs {other} and {run_id} of a thread ran at once")
        self.statuses[run_id] = now
        self._after = line["seq"]


async def unaccounted(http: aiohttp.ClientSession, ledger: Ledger) -> list[str]:
    """Sentences about runs that did not end or are not where they should be."""
    journal = Journal()
    await _settle(http, journal)
    return [
        *journal.broken,
        *(f"run {run_id} has not ended" for run_id in journal.active),
        *(
            f"run {run_id} is not in the journal"
            for run_id in ledger.created - journal.statuses.keys()
        ),
        *[sentence async for sentence in _gone_or_active(http, ledger)],
    ]


async def _settle(http: aiohttp.ClientSession, journal: Journal) -> None:
    """Read the journal until nothing is active any more."""
    for _ in range(_SETTLE_SECONDS):
        await journal.read_on(http)
        if not journal.active:
            return
        await asyncio.sleep(1)


async def _gone_or_active(http: aiohttp.ClientSession, ledger: Ledger) -> AsyncIterator[str]:
    """Look at the row of each run that must be there."""
    for thread_id, run_id in _pairs(ledger):
        async with http.get(f"/threads/{thread_id}/runs/{run_id}") as answer:
            if answer.status != 200:
                yield f"run {run_id} is gone: {answer.status}"
            elif (status := (await answer.json())["status"]) in _ACTIVE:
                yield f"run {run_id} is {status}"


def _pairs(ledger: Ledger) -> Iterator[tuple[str, str]]:
    for thread_id, run_ids in ledger.kept.items():
        for run_id in run_ids:
            yield thread_id, run_id
