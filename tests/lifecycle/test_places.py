"""Places: whose turn it is, and the limits of graphs and assistants."""

# ruff: noqa: ARG001 - pytest-trio looks for its clock among the arguments

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from random import Random
from typing import Any

import trio
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked
from world import now, now_iso

from lgtrio.runs.places import FairQueue, Place, Places, Turn
from lgtrio.storage.interface import NewRun
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.wire.enums import CancelAction
from support.scripted import bench, new_run

GROUPS = ["one", "two", "three"]

_puts = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(GROUPS)))


@given(_puts)
def test_a_queue_gives_back_every_thread_once(puts: list[tuple[str, str]]) -> None:
    queue = FairQueue()
    for thread_id, group in puts:
        queue.put(thread_id, group)
    popped = []
    while queue:
        popped.append(queue.pop())
    assert sorted(popped) == sorted({thread_id for thread_id, _ in puts})


@given(st.lists(st.sampled_from(GROUPS), min_size=1))
def test_groups_take_turns_and_threads_of_a_group_keep_their_order(arrivals: list[str]) -> None:
    queue = FairQueue()
    for number, group in enumerate(arrivals):
        queue.put(f"{number:03}", group)
    popped = [queue.pop() for _ in arrivals]
    served: Counter[str] = Counter()
    for thread_id in popped:
        group = arrivals[int(thread_id)]
        served[group] += 1
        for other in set(arrivals) - {group}:
            still_waits = served[other] < arrivals.count(other)
            assert not still_waits or served[group] - served[other] <= 1
    for group in GROUPS:
        own = [thread_id for thread_id in popped if arrivals[int(thread_id)] == group]
        assert own == sorted(own)


_limits = st.one_of(st.none(), st.integers(1, 3))
_owner = st.sampled_from(["a", "b"])
_work = st.lists(st.tuples(_owner, _owner), min_size=1, max_size=30)


_TWO = ("b", "a")
_ENDLESS = 1_000_000


@given(
    st.integers(1, 4), _limits, _limits, st.sampled_from([0, 1, 3, _ENDLESS]), _work, st.randoms()
)
@example(3, 2, 1, _ENDLESS, [_TWO, ("b", "b"), _TWO, _TWO, _TWO, ("b", "b")], Random(146_452))
@settings(max_examples=300)
def test_limits_are_kept_and_nobody_waits_without_need(
    total: int,
    per_graph: int | None,
    per_assistant: int | None,
    patience: int,
    work: list[tuple[str, str]],
    random: Random,
) -> None:
    """Threads with a run each queue, start and end in any order.

    In the example, threads that wait for a graph and an assistant once handed the places of the
    one to each other for ever.
    """
    places = Places(total, per_graph, per_assistant, patience)
    waiting = {f"thread {number}": owners for number, owners in enumerate(work)}
    running: list[tuple[tuple[str, str], Place]] = []
    for thread_id, (_, assistant_id) in waiting.items():
        places.queue(thread_id, assistant_id)

    def may_start(owners: tuple[str, str]) -> bool:
        graphs = Counter(graph for (graph, _), _ in running)
        assistants = Counter(assistant for (_, assistant), _ in running)
        return (
            len(running) < total
            and (per_graph is None or graphs[owners[0]] < per_graph)
            and (per_assistant is None or assistants[owners[1]] < per_assistant)
        )

    def start_all() -> None:
        turns = 0
        while turn := places.next_turn():
            turns += 1
            assert turns <= 2 * len(work), "they take turns and nobody starts"
            owners = waiting[turn.thread_id]
            if places.assign(turn, *owners):
                assert may_start(owners)
                running.append((waiting.pop(turn.thread_id), turn.place))
            else:
                places.release(turn.place)

    while waiting or running:
        start_all()
        assert places.taken == len(running)
        if patience == _ENDLESS:
            assert not any(may_start(owners) for owners in waiting.values())
        _, place = running.pop(random.randrange(len(running)))
        places.release(place)
    assert places.offer("a", "a") is not None


_happenings = st.one_of(
    st.tuples(st.just("arrives"), st.sampled_from("rstu"), _owner, _owner),
    st.tuples(st.just("is cancelled"), st.sampled_from("rstu")),
    st.tuples(st.just("is offered"), _owner, _owner),
    st.tuples(st.sampled_from(["gets its turn", "takes its turn", "gives up its turn", "ends"])),
)


@given(
    st.integers(1, 4),
    _limits,
    _limits,
    st.sampled_from([0, 1, 3, _ENDLESS]),
    st.lists(_happenings, max_size=60),
)
@settings(max_examples=300)
def test_no_place_is_lost_whatever_becomes_of_those_who_wait(
    total: int,
    per_graph: int | None,
    per_assistant: int | None,
    patience: int,
    happenings: list[tuple[Any, ...]],
) -> None:
    """Runs come and are cancelled while their threads wait, so that others are next; threads are
    queued twice, and turns are given back."""
    places = Places(total, per_graph, per_assistant, patience)
    runs: dict[str, list[tuple[str, str]]] = {thread_id: [] for thread_id in "rstu"}
    turns: list[Turn] = []
    running: list[Place] = []

    def take_turn() -> None:
        turn = turns.pop(0)
        upcoming = runs[turn.thread_id]
        if upcoming and places.assign(turn, *upcoming[0]):
            running.append(turn.place)
            upcoming.pop(0)
        else:
            places.release(turn.place)

    def end() -> None:
        places.release(running.pop(0))
        for thread_id, upcoming in runs.items():
            if upcoming:
                places.queue(thread_id, upcoming[0][1])

    for what, *args in happenings:
        if what == "arrives":
            thread_id, *owners = args
            runs[thread_id].append((owners[0], owners[1]))
            places.queue(thread_id, owners[1])
        elif what == "is cancelled":
            runs[args[0]][:1] = []
        elif what == "is offered" and (place := places.offer(*args)) is not None:
            running.append(place)
        elif what == "gets its turn" and (turn := places.next_turn()) is not None:
            turns.append(turn)
        elif what == "takes its turn" and turns:
            take_turn()
        elif what == "gives up its turn" and turns:
            places.queue(turns[0].thread_id, "any")
            places.release(turns.pop(0).place)
        elif what == "ends" and running:
            end()
        assert places.taken == len(turns) + len(running)
    while turns or running or places.waiting:
        while (turn := places.next_turn()) is not None:
            turns.append(turn)
        if turns:
            take_turn()
        else:
            end()
    assert not any(runs.values())
    assert not places._used, "of every graph and assistant all places are free"
    assert all(places.offer(*owners) for owners in [("a", "a"), ("b", "b")][:total])


def test_who_waits_for_two_is_not_passed_over_for_ever() -> None:
    """One of the two always has a run that began before the other's had ended."""
    places = Places(10, 1, 1, patience=3)
    running = [places.offer("g", "other"), places.offer("other", "a")]
    places.queue("both", "a")
    turn = places.next_turn()
    assert turn is not None
    assert not places.assign(turn, "g", "a")
    places.release(turn.place)
    passed = 0
    while (turn := places.next_turn()) is None:
        place, owners = running.pop(0), ("g", "other") if passed % 2 == 0 else ("other", "a")
        assert place is not None
        places.release(place)
        running.append(places.offer(*owners))
        if running[-1] is None:
            running.pop()
        passed += 1
    assert turn.thread_id == "both"
    assert places.assign(turn, "g", "a")
    assert passed <= 3 + 2


def test_a_thread_whose_next_run_is_another_waits_for_what_that_one_needs() -> None:
    places = Places(10, 1, None)
    first = places.offer("g", "a")
    assert first is not None
    places.queue("t", "a")
    for graph in ("g", "h", "g"):
        turn = places.next_turn() or places.queue("t", "a") or places.next_turn()
        assert turn is not None
        started = places.assign(turn, graph, "a")
        assert started == (graph == "h")
        places.release(turn.place)
    assert places.waiting == 1
    places.release(first)
    assert places.waiting == 1, "it is queued, and its place is promised"
    assert places.offer("g", "b") is None
    turn = places.next_turn()
    assert turn is not None
    places.release(turn.place)
    assert places.offer("g", "b") is not None, "it had nothing to start"


# -- in the supervisor ---------------------------------------------------------------------


def _runs_of(graph_id: str, assistant_id: str) -> Iterator[NewRun]:
    """Runs of ten seconds, each on a thread of its own."""
    for number in count():
        run = new_run(f"{graph_id}/{assistant_id}/{number}", ["sleep", 10])
        yield evolve(run, graph_id=graph_id, assistant_id=assistant_id)


async def test_a_graph_and_an_assistant_get_no_more_than_they_may(
    autojump_clock: MockClock,
) -> None:
    async with (
        open_sqlite(":memory:", inline=True, now=now_iso) as storage,
        bench(storage, now=now, n_jobs=10, max_runs_per_graph=3, max_runs_per_assistant=2) as b,
    ):
        owners = [_runs_of("g", "x"), _runs_of("g", "y"), _runs_of("h", "z")]
        runs = [await b.submit(next(of_owner)) for _ in range(4) for of_owner in owners]
        owner = {run.run_id: run for run in runs}
        most: Counter[str] = Counter()
        while b.supervisor.executing:
            executing = [owner[run_id] for run_id in b.supervisor.executing]
            most |= Counter(run.graph_id for run in executing)
            most |= Counter(run.assistant_id for run in executing)
            await trio.sleep(1)
        assert most == {"g": 3, "h": 2, "x": 2, "y": 2, "z": 2}
        assert {await b.status(run.run_id) for run in runs} == {"success"}
        assert trio.current_time() < 35, "eight runs of a graph, three at once, ten seconds each"


async def test_a_thread_that_waits_for_a_limit_goes_on_when_its_next_run_has_none(
    autojump_clock: MockClock,
) -> None:
    async with (
        open_sqlite(":memory:", inline=True, now=now_iso) as storage,
        bench(storage, now=now, max_runs_per_graph=1) as b,
    ):
        full = await b.submit(next(_runs_of("g", "x")))
        waiting = evolve(new_run("t", ["emit", 1]), graph_id="g")
        await b.submit(waiting)
        behind = await b.submit(evolve(new_run("t", ["emit", 2]), graph_id="h"))
        await wait_all_tasks_blocked()
        assert await b.status(behind.run_id) == "pending"
        await b.supervisor.stopper.cancel(
            "t", [waiting.run_id], action=CancelAction.INTERRUPT, wait=False
        )
        await wait_all_tasks_blocked()
        assert await b.status(behind.run_id) == "success"
        assert await b.status(full.run_id) == "running"


async def test_an_assistant_with_many_threads_does_not_starve_another(
    autojump_clock: MockClock,
) -> None:
    async with (
        open_sqlite(":memory:", inline=True, now=now_iso) as storage,
        bench(storage, now=now, n_jobs=1) as b,
    ):
        greedy, modest = _runs_of("g", "greedy"), _runs_of("g", "modest")
        many = [await b.submit(next(greedy)) for _ in range(20)]
        one = await b.submit(next(modest))
        await b.ended(one.run_id)
        assert b.executor.order().index(one.run_id) == 2
        await b.ended(*[run.run_id for run in many])


_lives = st.lists(
    st.tuples(
        st.sampled_from("rstuvw"),
        st.sampled_from("gh"),
        st.sampled_from("ab"),
        st.sampled_from(["enqueue", "enqueue", "interrupt", "rollback"]),
        st.integers(1, 3),
        st.sampled_from(["", "", "", "cancel", "pass"]),
    ),
    min_size=1,
    max_size=30,
)


@given(st.integers(1, 4), _limits, _limits, _lives)
@settings(max_examples=150)
def test_limits_hold_and_every_run_ends_in_any_life(
    n_jobs: int, per_graph: int | None, per_assistant: int | None, orders: list[tuple[Any, ...]]
) -> None:
    """Runs of a few graphs and assistants on a few threads; some are cancelled."""
    limits = {"max_runs_per_graph": per_graph, "max_runs_per_assistant": per_assistant}
    runs: dict[str, NewRun] = {}

    def check(executing: Mapping[str, object]) -> None:
        graphs = Counter(runs[run_id].graph_id for run_id in executing)
        assistants = Counter(runs[run_id].assistant_id for run_id in executing)
        assert len(executing) <= n_jobs
        assert max(graphs.values(), default=0) <= (per_graph or n_jobs)
        assert max(assistants.values(), default=0) <= (per_assistant or n_jobs)

    async def live() -> None:
        async with (
            open_sqlite(":memory:", inline=True, now=now_iso) as storage,
            bench(storage, now=now, n_jobs=n_jobs, **limits) as b,
        ):
            for thread_id, graph_id, assistant_id, strategy, seconds, then in orders:
                new = new_run(thread_id, ["sleep", seconds], strategy=strategy)
                new = evolve(new, graph_id=graph_id, assistant_id=assistant_id)
                runs[new.run_id] = new
                await b.submit(new)
                if then == "cancel":
                    interrupt = CancelAction.INTERRUPT
                    await b.supervisor.stopper.cancel(
                        thread_id, [new.run_id], action=interrupt, wait=False
                    )
                if then == "pass":
                    await trio.sleep(1.5)
                check(b.supervisor.executing)
            while b.supervisor.executing:
                check(b.supervisor.executing)
                await trio.sleep(0.5)
            await b.ended(*runs)
            assert await storage.active_runs() == []
            assert trio.current_time() < 4 * len(orders) + 1

    trio.run(live, clock=MockClock(autojump_threshold=0))
