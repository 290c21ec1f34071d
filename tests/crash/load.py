"""Clients that load a server until it dies, and the ledger of what it told them is stored.

Each client has a kind, and each kind its own promise that is checked after the restart. What
was asked for and never answered may have happened or not; only a 2xx goes into the ledger.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
from attrs import define, field

DURABILITIES = ["async", "sync", "exit"]
STRATEGIES = ["enqueue", "interrupt", "rollback", "reject"]


@define
class Ledger:
    """Everything that some client got a 2xx for, over all lives of the server."""

    threads: set[str] = field(factory=set)
    """Ids of threads that must be there."""
    runs: dict[str, str] = field(factory=dict)
    """Run id to thread id of runs that must be there."""
    succeeded: set[str] = field(factory=set)
    """Runs whose final values a client has seen."""
    plain: set[str] = field(factory=set)
    """Threads whose runs are never cancelled: their state can be told exactly."""
    notes: dict[str, int] = field(factory=dict)
    """Thread id to the last `note` that was patched into its metadata."""
    deleted: set[str] = field(factory=set)
    """Threads that must be gone."""
    _doubtful: set[str] = field(factory=set)
    """Threads that were asked to be deleted, without an answer."""

    def about_to_delete(self, thread_id: str) -> None:
        """From here on the thread and its runs may be there or not."""
        self._doubtful.add(thread_id)

    def forget_runs_of(self, thread_id: str) -> None:
        """From here on runs of the thread may be there or not; only its own client adds any."""
        for run_id in [run for run, thread in self.runs.copy().items() if thread == thread_id]:
            del self.runs[run_id]

    def certain_threads(self) -> set[str]:
        return self.threads - self._doubtful - self.deleted

    def certain_runs(self) -> set[str]:
        """Run ids that must be there."""
        gone = self._doubtful | self.deleted
        return {run_id for run_id, thread_id in self.runs.items() if thread_id not in gone}


class Client:
    """One client's calls; each writes the ledger as soon as the answer's head is there.

    The dictionaries and sets of the ledger are shared: each of these updates is one bytecode,
    and nobody iterates them while clients run.
    """

    def __init__(self, http: httpx.Client, ledger: Ledger, file: Path, seed: int) -> None:
        self.http = http
        self.ledger = ledger
        self.file = file
        self.random = random.Random(seed)

    def create_thread(self) -> str:
        thread_id: str = _ok(self.http.post("/threads", json={})).json()["thread_id"]
        self.ledger.threads.add(thread_id)
        return thread_id

    def run_body(self, seconds: float) -> dict[str, object]:
        return {
            "assistant_id": "effects",
            "input": {"file": str(self.file), "seconds": self.random.uniform(0, seconds)},
            "durability": self.random.choice(DURABILITIES),
        }

    def start_run(self, thread_id: str, seconds: float = 0.02) -> str:
        path = f"/threads/{thread_id}/runs"
        run = _ok(self.http.post(path, json=self.run_body(seconds))).json()
        self.ledger.runs[run["run_id"]] = thread_id
        return str(run["run_id"])

    def follow_run(self, thread_id: str, how: str) -> None:
        """Run by `wait` or `stream`: the run counts from the answer's head on."""
        body = self.run_body(0.02) | {"stream_resumable": self.random.random() < 0.5}
        with self.http.stream("POST", f"/threads/{thread_id}/runs/{how}", json=body) as answer:
            _ok(answer)
            run_id = answer.headers["content-location"].rsplit("/", 1)[1]
            self.ledger.runs[run_id] = thread_id
            answer.read()
        self.ledger.succeeded.add(run_id)

    def run_without_thread(self) -> None:
        body = self.run_body(0.02) | {"on_completion": "keep"}
        with self.http.stream("POST", "/runs/wait", json=body) as answer:
            _ok(answer)
            _, _, thread_id, _, run_id = answer.headers["content-location"].split("/")
            self.ledger.runs[run_id] = thread_id
            answer.read()
        self.ledger.succeeded.add(run_id)

    def note(self, thread_id: str, number: int) -> None:
        body = {"metadata": {"note": number}}
        _ok(self.http.patch(f"/threads/{thread_id}", json=body))
        self.ledger.notes[thread_id] = number

    def cancel(self, thread_id: str, run_id: str, action: str) -> None:
        query = {"action": action, "wait": self.random.choice(["true", "false"])}
        if action == "rollback":
            self.ledger.runs.pop(run_id)  # it may be gone from here on
        _ok(
            self.http.post(f"/threads/{thread_id}/runs/{run_id}/cancel", params=query),
            also=404,  # it was faster
        )

    def displace(self, thread_id: str, strategy: str) -> None:
        """A run that does to those before it on the thread what the strategy says."""
        if strategy == "rollback":
            self.ledger.forget_runs_of(thread_id)  # they may be gone from here on
        body = self.run_body(0.1) | {"multitask_strategy": strategy}
        answer = self.http.post(f"/threads/{thread_id}/runs", json=body)
        if _ok(answer, also=409).is_success:
            self.ledger.runs[answer.json()["run_id"]] = thread_id

    def delete_thread(self, thread_id: str) -> None:
        self.ledger.about_to_delete(thread_id)
        _ok(self.http.delete(f"/threads/{thread_id}"))
        self.ledger.deleted.add(thread_id)


def _ok(answer: httpx.Response, *, also: int = 200) -> httpx.Response:
    """The answer, which must be a 2xx or have the status `also`."""
    assert answer.is_success or answer.status_code == also, (
        answer.request.url,
        answer.status_code,
        answer.read(),
    )
    return answer


def plain_runs(client: Client) -> None:
    """Runs on a thread of one's own, in every way there is."""
    thread_id = client.create_thread()
    client.ledger.plain.add(thread_id)
    for number in range(1, 6):
        client.start_run(thread_id)
        client.follow_run(thread_id, client.random.choice(["wait", "stream"]))
        client.note(thread_id, number)


def runs_without_thread(client: Client) -> None:
    client.run_without_thread()


def cancelled_runs(client: Client) -> None:
    thread_id = client.create_thread()
    for action in ("interrupt", "rollback"):
        run_id = client.start_run(thread_id, seconds=0.5)
        client.cancel(thread_id, run_id, action)
    client.start_run(thread_id)


def displaced_runs(client: Client) -> None:
    """Runs that push each other off a thread, by every strategy and in any order."""
    thread_id = client.create_thread()
    for _ in range(6):
        client.displace(thread_id, client.random.choice(STRATEGIES))


def deleted_threads(client: Client) -> None:
    thread_id = client.create_thread()
    client.start_run(thread_id, seconds=0.2)
    client.delete_thread(thread_id)


KINDS: list[Callable[[Client], None]] = [
    plain_runs,
    plain_runs,
    plain_runs,
    runs_without_thread,
    cancelled_runs,
    displaced_runs,
    deleted_threads,
]


class Load:
    """A client of each kind, each in a thread, until the server dies under them."""

    def __init__(self, url: str, ledger: Ledger, file: Path, seed: int) -> None:
        self._failures: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._work, args=(url, ledger, file, kind, seed + number))
            for number, kind in enumerate(KINDS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every client has noticed that the server is gone.

        Raises:
            ExceptionGroup: clients that got another answer than 2xx.
        """
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs on a server that is gone"
        if self._failures:
            raise ExceptionGroup("clients failed", self._failures)

    def _work(
        self, url: str, ledger: Ledger, file: Path, kind: Callable[[Client], None], seed: int
    ) -> None:
        try:
            with httpx.Client(base_url=url, timeout=30) as http:
                client = Client(http, ledger, file, seed)
                while True:
                    kind(client)
        except httpx.TransportError:
            return  # the server has been killed
        except Exception as failure:
            self._failures.append(failure)
