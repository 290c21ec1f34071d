"""Rows are submitted behind the frames of the parts before them, in order, and all of them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.graphs.frame_order import FrameOrder
from lgtrio.storage.interface import CheckpointRow
from lgtrio.storage.sqlite.checkpoint_writer import Entry, Flight

Operation = tuple[str, int]
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.just(0)),
        st.tuples(st.just("put"), st.integers(0, 1)),
        st.tuples(st.just("logged"), st.integers(0, 3)),
        st.tuples(st.just("withdraw"), st.integers(0, 1)),
    ),
    max_size=40,
)


def _entry(name: str, thread_id: str = "t") -> Entry:
    row = CheckpointRow(thread_id, "", name, None, None, "msgpack", b"", b"{}", blob_refs={})
    return Entry([row], [], Flight(), lambda _: None)


def _names(entries: Sequence[Entry]) -> list[str]:
    return [row.checkpoint_id for entry in entries for row in entry.checkpoints]


@define
class Model:
    """(name, thread, parts before it) of what is held, and what the database has been given."""

    sent: int = 0
    logged: int = 0
    held: list[tuple[str, str, int]] = field(factory=list)
    submitted: list[str] = field(factory=list)

    def let_go(self) -> None:
        while self.held and self.held[0][2] <= self.logged:
            self.submitted.append(self.held.pop(0)[0])

    def take(self, thread: str) -> list[str]:
        taken = [name for name, of, _ in self.held if of == thread]
        self.held = [each for each in self.held if each[1] != thread]
        return taken


@given(OPERATIONS)
def test_it_does_what_the_model_does(operations: list[Operation]) -> None:
    submitted: list[str] = []
    order = FrameOrder(lambda entries: submitted.extend(_names(entries)))
    model = Model()
    for number, (what, argument) in enumerate(operations):
        if what == "count":
            order.count()
            model.sent += 1
        elif what == "put":
            order.put(_entry(str(number), f"t{argument}"))
            model.held.append((str(number), f"t{argument}", model.sent))
        elif what == "logged":  # never more than has been sent; notices may come late
            count = max(0, model.sent - argument)
            order.logged(count)
            model.logged = max(model.logged, count)
        else:
            assert _names(order.withdraw(f"t{argument}")) == model.take(f"t{argument}")
        model.let_go()
        assert submitted == model.submitted
        assert order.holding == bool(model.held)
    order.release()
    order.count()
    order.put(_entry("last"))
    assert submitted == [*model.submitted, *(name for name, _, _ in model.held), "last"]


def test_what_the_graphs_threads_have_sent_before_is_logged_before() -> None:
    """Threads send and store as nodes do; another one is the door and the log."""
    door: SimpleQueue[str | None] = SimpleQueue()
    log: set[str] = set()
    ahead: list[str] = []
    submitted: list[str] = []

    def submit(entries: Sequence[Entry]) -> None:
        for name in _names(entries):
            node, _, step = name.partition("-")
            submitted.append(name)
            ahead.extend(f"{node}-{n}" for n in range(int(step) + 1) if f"{node}-{n}" not in log)

    order = FrameOrder(submit)

    def node(name: str) -> None:
        for step in range(200):
            order.count()
            door.put(f"{name}-{step}")
            order.put(_entry(f"{name}-{step}"))

    def keep_log() -> None:
        while (part := door.get()) is not None:
            log.add(part)
            if random.random() < 0.3:
                order.logged(len(log))
        order.logged(len(log))

    nodes = [threading.Thread(target=node, args=(name,)) for name in "abc"]
    with _started([threading.Thread(target=keep_log)]):
        with _started(nodes):
            pass
        door.put(None)
    assert ahead == []
    assert len(submitted) == 600
    for name in "abc":
        assert [each for each in submitted if each.startswith(name)] == [
            f"{name}-{step}" for step in range(200)
        ]


@contextmanager
def _started(threads: Sequence[threading.Thread]) -> Iterator[None]:
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
