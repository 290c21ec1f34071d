"""A short soak; `make soak` is the long one."""

from __future__ import annotations

import pytest

from bench.accounts import Journal
from bench.soak import Options, Sample, growth, left_over, soak


def sample(**held: int) -> Sample:
    return Sample(0.0, 1.0, held.pop("files"), held.pop("threads"), held)


def test_what_is_left_over() -> None:
    base = sample(files=10, threads=5, tasks=7)
    assert left_over(base, sample(files=10, threads=4, tasks=7)) == []
    assert left_over(base, sample(files=12, threads=4, tasks=8)) == [
        ("open files", 2),
        ("tasks", 1),
    ]


def test_growth_compares_the_ends() -> None:
    assert growth([100.0] * 10) == 0
    assert growth([100, 500, 100, 100, 110]) == pytest.approx(0.1)


def lines(*moves: tuple[str, str | None, str | None]) -> list[dict[str, object]]:
    return [
        {"seq": seq, "run_id": run_id, "thread_id": "t", "from": was, "to": now}
        for seq, (run_id, was, now) in enumerate(moves, start=1)
    ]


@pytest.mark.parametrize(
    ("moves", "complaint"),
    [
        ([("a", None, "pending"), ("a", "pending", "running"), ("a", "running", None)], None),
        ([("a", None, "pending"), ("a", "running", "success")], "was pending"),
        (
            [(run, None, "pending") for run in "ab"]
            + [(run, "pending", "running") for run in "ab"],
            "ran at once",
        ),
    ],
)
def test_the_journal_is_replayed(
    moves: list[tuple[str, str | None, str | None]], complaint: str | None
) -> None:
    journal = Journal()
    for line in lines(*moves):
        journal._replay(line)
    assert [complaint in each for each in journal.broken] == ([True] if complaint else [])


@pytest.mark.long
@pytest.mark.usefixtures("own_process")
def test_nothing_is_left_of_a_mixed_load() -> None:
    report = soak(Options(seconds=12, clients=30, warm_up=4, pause=0.5))
    assert report["problems"] == [], report
    assert report["runs"] > 100, "it was hardly loaded"
    assert len(report["acts"]) == 9, "some act was never done"
