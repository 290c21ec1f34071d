"""The trace of any journal: valid JSON however it is cut into pieces, and true to its lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from lgtrio.runs.machine import LEGAL
from lgtrio.storage.interface import Cause, JournalLine
from lgtrio.wire.enums import ACTIVE, RunStatus
from lgtrio.wire.trace import TraceText, microseconds

RUNS = 5
START = datetime(2026, 1, 1, tzinfo=UTC)
END = (START + timedelta(days=1)).isoformat()


@st.composite
def journals(draw: st.DrawFn) -> list[JournalLine]:
    """Lines of some runs on two threads, each run from its creation on through legal moves."""
    status: dict[int, RunStatus | None] = {}
    lines: list[JournalLine] = []
    elapsed = 0.0
    for run in draw(st.lists(st.integers(0, RUNS - 1), max_size=30)):
        was = status.get(run)
        if run in status and was is None:
            continue  # it is gone
        elapsed += draw(st.floats(0, 10))
        now = draw(st.sampled_from(sorted(LEGAL[was], key=str)))
        status[run] = now
        stopped = was is RunStatus.RUNNING and draw(st.booleans())
        lines.append(
            JournalLine(
                seq=len(lines) + 1,
                run_id=f"run-{run}",
                thread_id=f"thread-{run % 2}",
                assistant_id="assistant",
                graph_id="graph",
                at=(START + timedelta(seconds=elapsed)).isoformat(timespec="microseconds"),
                monotonic=elapsed,
                asked=elapsed - 0.5 if stopped else None,
                from_status=was,
                to_status=now,
                cause=draw(st.sampled_from(Cause)),
                actor=draw(st.none() | st.text()),
            )
        )
    return lines


def trace(lines: Sequence[JournalLine], cuts: Sequence[int] = ()) -> list[dict[str, Any]]:
    text = TraceText()
    bounds = [0, *sorted(cut for cut in cuts if cut <= len(lines)), len(lines)]
    pieces = [text.piece(lines[first:last]) for first, last in pairwise(bounds)]
    events: list[dict[str, Any]] = orjson.loads(b"".join([*pieces, text.last_piece(END)]))[
        "traceEvents"
    ]
    return events


def by_run(events: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Slices and instants of each run, found by the names of process and track."""
    threads = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    tracks = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert len(set(threads.values())) == len(threads)
    assert len({tid for _, tid in tracks}) == len(tracks)
    runs = defaultdict(list)
    for event in events:
        if event["ph"] != "M":
            run_id = tracks[event["pid"], event["tid"]].removeprefix("graph ")
            number = int(run_id.removeprefix("run-"))
            assert threads[event["pid"]] == f"thread thread-{number % 2}"
            runs[run_id].append(event)
    return runs


@given(lines=journals(), cuts=st.lists(st.integers(0, 30), max_size=5))
@example(lines=[], cuts=[])
def test_pieces_make_the_same_trace(lines: list[JournalLine], cuts: list[int]) -> None:
    assert trace(lines, cuts) == trace(lines)


@given(lines=journals())
def test_slices_are_what_each_run_was_and_instants_what_became_of_it(
    lines: list[JournalLine],
) -> None:
    runs = by_run(trace(lines))
    assert runs.keys() <= {line.run_id for line in lines}
    for run_id in {line.run_id for line in lines}:
        own = [line for line in lines if line.run_id == run_id]
        times = [microseconds(line.at) for line in own] + [microseconds(END)]
        slices = [
            (event["name"], event["ts"], event["ts"] + event["dur"], event["args"]["ended"])
            for event in runs[run_id]
            if event["ph"] == "X"
        ]
        ends = [str(line.to_status or "removed") for line in own[1:]] + ["goes on"]
        assert slices == [
            (str(line.to_status), begin, end, ended)
            for line, begin, end, ended in zip(own, times[:-1], times[1:], ends, strict=True)
            if line.to_status in ACTIVE
        ]
        instants = [e for e in runs[run_id] if e["ph"] == "i" and e["name"] != "stop asked for"]
        assert [(e["args"]["seq"], e["name"], e["ts"]) for e in instants] == [
            (line.seq, line.to_status or "removed", microseconds(line.at))
            for line in own
            if line.to_status not in ACTIVE
            or (line.from_status is RunStatus.RUNNING and line.to_status is RunStatus.PENDING)
        ]


@given(lines=journals())
def test_the_time_from_a_stop_to_its_end_can_be_seen(lines: list[JournalLine]) -> None:
    asked = [
        (event["args"]["seq"], event["ts"])
        for event in trace(lines)
        if event["name"] == "stop asked for"
    ]
    assert asked == [
        (line.seq, microseconds(line.at) - 500_000) for line in lines if line.asked is not None
    ]


@given(lines=journals(), first=st.integers(0, 30))
def test_a_run_that_is_older_than_the_trace_is_there_from_its_beginning(
    lines: list[JournalLine], first: int
) -> None:
    rest = lines[first:]
    for run_id, events in by_run(trace(rest)).items():
        line = next(line for line in rest if line.run_id == run_id)
        if line.from_status in ACTIVE:
            assert events[0]["name"] == line.from_status
            assert events[0]["ts"] == microseconds(rest[0].at)
            assert events[0]["args"]["attempt"] is None
            assert "cause" not in events[0]["args"]


def test_attempts_are_counted() -> None:
    moves = [None, "pending", "running", "pending", "running", "success"]
    line = JournalLine(1, "r", "t", "a", "g", END, 0.0, None, None, None, Cause.CLIENT, None)
    lines = [
        evolve(
            line,
            from_status=RunStatus(was) if was else None,
            to_status=RunStatus(now) if now else None,
        )
        for was, now in pairwise(moves)
    ]
    running = [event for event in trace(lines) if event["name"] == "running"]
    assert [event["args"]["attempt"] for event in running] == [1, 2]


def test_a_clock_that_was_set_back_makes_no_negative_slice() -> None:
    line = JournalLine(1, "r", "t", "a", "g", END, 0.0, None, None, None, Cause.CLIENT, None)
    earlier = START.isoformat(timespec="microseconds")
    lines = [
        evolve(line, to_status=RunStatus.PENDING),
        evolve(line, seq=2, at=earlier, from_status=RunStatus.PENDING),
    ]
    (pending,) = (event for event in trace(lines) if event["ph"] == "X")
    assert pending["dur"] == 0
