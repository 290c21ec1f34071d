"""Random lives of a server beside a model of them: every status, history and stream agrees.

`make lifecycle` runs many more of them; a failure prints the steps, and `--hypothesis-seed`
repeats a run.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from model import Model
from trio.testing import MockClock
from world import World

from lgtrio.runs.supervisor import RunOptions

THREADS = [f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "abc"]

# No two things ever happen at the same moment: steps of the test come at whole seconds, ends of
# steps of a run a little later, delays and deadlines at odd fractions.
_LITTLE = 1 / 1024
_RUN_TIMEOUT = 4.28371
_ENDS = ("restart", "crash")
_GRACE = 3.17193

_seconds = st.integers(0, 4).map(lambda whole: whole + _LITTLE)
_steps = st.one_of(
    st.tuples(st.just("sleep"), _seconds),
    st.tuples(st.just("emit"), st.integers(1, 9)),
    st.tuples(st.just("stubborn"), _seconds),
    st.tuples(st.just("fail")),
)
_scripts = st.lists(_steps.map(list), max_size=4)
_which = st.integers(-6, -1)


def _submits() -> st.SearchStrategy[tuple[Any, ...]]:
    return st.builds(
        lambda thread, script, strategy, options: ("submit", thread, script, strategy, options),
        st.sampled_from(THREADS),
        _scripts,
        st.sampled_from(["enqueue", "interrupt", "rollback", "reject"]),
        st.fixed_dictionaries(
            {},
            optional={
                "resumable": st.booleans(),
                "temporary": st.booleans(),
                "delay": st.integers(0, 5).map(lambda whole: whole + 0.7531),
            },
        ),
    )


_advances = st.tuples(st.just("advance"), st.integers(1, 4))
_others = st.one_of(
    st.tuples(st.just("cancel"), _which, st.sampled_from(["interrupt", "rollback"]), st.booleans()),
    st.tuples(st.just("disconnect"), _which),
    st.tuples(st.just("follow"), _which, st.booleans()),
    st.tuples(st.just("delete_run"), _which),
    st.tuples(st.just("delete_thread"), st.sampled_from(THREADS)),
    st.just(("cancel_unknown",)),
    st.sampled_from(_ENDS).map(lambda end: (end,)),
)
_lives = st.lists(st.one_of(_submits(), _submits(), _advances, _others), min_size=8, max_size=40)


def _split(steps: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """A list of steps for each server; ends of a server come last in its list."""
    lives: list[list[tuple[Any, ...]]] = [[]]
    for step in steps:
        lives[-1].append(step)
        if step[0] in _ENDS:
            lives.append([])
    return lives


@pytest.mark.long
@pytest.mark.timeout(0)
def test_a_server_lives_like_the_model(lifecycle_examples: int) -> None:
    count = 0

    @settings(
        max_examples=lifecycle_examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        print_blob=True,
    )
    @given(
        steps=_lives,
        n_jobs=st.sampled_from([1, 2, 100]),
        run_timeout=st.sampled_from([None, _RUN_TIMEOUT]),
    )
    def live(steps: list[tuple[Any, ...]], n_jobs: int, run_timeout: float | None) -> None:
        nonlocal count
        count += len(steps)
        _compare(steps, n_jobs, run_timeout)

    live()
    print(f"{count} steps of {lifecycle_examples} lives")


_newer = st.sampled_from(["enqueue", "interrupt", "rollback"]).map(
    lambda strategy: ("submit", THREADS[0], [["emit", 2]], strategy, {})
)
_first = st.just(0)
_stops = st.one_of(
    _newer,
    st.tuples(st.just("cancel"), _first, st.sampled_from(["interrupt", "rollback"]), st.booleans()),
    st.tuples(st.just("disconnect"), _first),
    st.tuples(st.just("delete_run"), _which),  # perhaps of the one that displaces
    st.just(("advance", 5)),  # beyond the deadline
)


@settings(max_examples=150, deadline=None)
@given(
    options=st.sampled_from([{}, {"resumable": True}, {"temporary": True}]),
    stops=st.lists(_stops, min_size=1, max_size=4),
    ends=st.lists(st.sampled_from(_ENDS), min_size=1, max_size=2),
    run_timeout=st.sampled_from([None, _RUN_TIMEOUT]),
)
def test_a_stop_outlives_the_end_of_the_server(
    options: dict[str, bool],
    stops: list[tuple[Any, ...]],
    ends: list[str],
    run_timeout: float | None,
) -> None:
    """The server ends while a run does not stop; random lives seldom come to that."""
    stubborn = [["emit", 1], ["stubborn", 19 + _LITTLE]]
    first = ("submit", THREADS[0], stubborn, "enqueue", options)
    _compare([first, *stops, *((end,) for end in ends), ("advance", 1)], 1, run_timeout)


def _compare(steps: list[tuple[Any, ...]], n_jobs: int, run_timeout: float | None) -> None:
    options = RunOptions(n_jobs=n_jobs, run_timeout=run_timeout, shutdown_grace=_GRACE)
    world = World(":memory:", options, Model(n_jobs, run_timeout, options.max_attempts))
    trio.run(world.live, _split(steps), clock=MockClock(autojump_threshold=0))
