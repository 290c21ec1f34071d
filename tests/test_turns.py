"""How the workers of the suite share the machine; threads stand for them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.turns import Turns

WORKERS = 3
ROUNDS = 30


def test_shared_turns_are_taken_together(tmp_path: Path) -> None:
    together = threading.Barrier(WORKERS)

    def work(_worker: int) -> None:
        with Turns(tmp_path).taken(alone=False):
            together.wait(10)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, range(WORKERS)))


def test_who_is_alone_is_alone_and_gets_its_turn(tmp_path: Path) -> None:
    taken: list[bool] = []
    crowds: list[list[bool]] = []
    waiting = threading.Event()
    done = threading.Event()

    def go_on_sharing(_worker: int) -> None:
        while not done.is_set():
            with Turns(tmp_path).taken(alone=False):
                taken.append(False)
                waiting.set()
                time.sleep(0.001)  # so that an intruder would meet somebody
                taken.remove(False)

    def be_alone() -> None:
        waiting.wait(10)
        for _ in range(ROUNDS):
            with Turns(tmp_path).taken(alone=True):
                crowds.append([*taken])
        done.set()

    with ThreadPoolExecutor(WORKERS) as workers:
        workers.submit(be_alone)
        list(workers.map(go_on_sharing, range(WORKERS - 1)))
    assert crowds == [[]] * ROUNDS
