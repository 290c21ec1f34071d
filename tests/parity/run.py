"""Carries out proofs with the SDK of this interpreter: an order on standard input, reports on
standard output, both JSON.

Proofs wait for the server most of the time, so several are at work at once.
"""

from __future__ import annotations

import fcntl
import json
import queue
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import parity.proofs  # noqa: F401 - fills the table of proofs
from parity.proving import PROOFS, Proof
from parity.recording import Calls
from parity.world import Client, World
from support.receiver import Receiver, receiver
from support.sdk import open_sdk

WORKERS = 10
KINDS = ("async", "sync")


@dataclass(frozen=True)
class Places:
    """What all runners use."""

    server: str
    tracing: str
    """A server that sends its traces to where the witness sees them."""
    witness: str
    lock: str
    """A file."""


class Runner:
    """
    Args:
        order: `places`; `patience` in seconds; `tasks`, a list of [name of a proof, kind of
            client, claim that is lost or null].
    """

    def __init__(self, order: dict[str, Any], hooks: Receiver) -> None:
        self._order = order
        self._places = Places(**order["places"])
        self._hooks = hooks
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.reports: list[dict[str, Any]] = []

    def run(self) -> None:
        for task in self._order["tasks"]:
            self._tasks.put(task)
        workers = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _work(self) -> None:
        with ExitStack() as stack:

            @cache
            def client(kind: str, url: str) -> Client:
                return Client(stack.enter_context(open_sdk(kind, url)))

            while True:
                try:
                    name, kind, lost = self._tasks.get_nowait()
                except queue.Empty:
                    return
                proof, calls = PROOFS[name], Calls(lost=lost and tuple(lost))
                url = self._places.tracing if proof.traced else self._places.server
                error = self._try(proof, client(kind, url), url, calls)
                self.reports.append(
                    {
                        "proof": name,
                        "kind": kind,
                        "lost": lost,
                        "error": error,
                        "values": [[*claim, len(each)] for claim, each in calls.values.items()],
                    }
                )

    def _try(self, proof: Proof, client: Client, url: str, calls: Calls) -> str | None:
        """What is wrong, if anything is."""
        places, patience = self._places, self._order["patience"]
        with shared(Path(places.lock), alone=proof.alone):
            world = World(client, self._hooks, url, places.witness, patience, calls)
            try:
                try:
                    proof.body(world)
                finally:
                    world.end()
            except Exception as error:  # whatever it is, it is this proof's, and is reported
                return _told(error)
        return None


def _told(error: Exception) -> str:
    """The traceback, and what the proof knew: nobody explains its asserts here as pytest would."""
    lines = traceback.format_exception(error)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__", "").startswith("parity.proofs."):
            known = {name: each for name, each in frame.f_locals.items() if name != "world"}
            lines.append(f"{frame.f_code.co_name}: {known!r}\n")
    return "".join(lines)


@contextmanager
def shared(lock: Path, *, alone: bool) -> Iterator[None]:
    """The server is this proof's alone, or that of all which do not mind, in all processes."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of parameters that the SDK wants gone
    with receiver() as hooks:
        runner = Runner(json.load(sys.stdin), hooks)
        runner.run()
    json.dump(runner.reports, sys.stdout)


if __name__ == "__main__":
    main()
