"""Stream frames and the journal, whatever the database."""

from __future__ import annotations

from itertools import combinations_with_replacement
from uuid import uuid4

from databases import FRAMES_PER_RUN, IDLE, Clock, T, U, create, finish, new_run, running

from lgtrio.storage.interface import (
    Cause,
    Frame,
    FrameLog,
    JournalSpan,
    NewThread,
    RunRecord,
    Storage,
)
from lgtrio.wire.enums import RunStatus


def _frames(first: int, last: int) -> list[Frame]:
    return [
        Frame(seq, "values", "values|a", b'{"n":  %d}' % seq, 1_000 + seq)
        for seq in range(first, last + 1)
    ]


async def test_frames_come_back_in_order_from_where_one_asks(storage: Storage) -> None:
    run_id, other = await running(storage), await running(storage, U)
    await storage.append_frames(run_id, _frames(1, 3))
    await storage.append_frames(run_id, _frames(4, 5))
    await storage.append_frames(other, _frames(1, 1))
    assert await storage.read_frames(run_id, after=0) == _frames(1, 5)
    assert await storage.read_frames(run_id, after=2, limit=2) == _frames(3, 4)
    assert await storage.read_frames(run_id, after=5) == []
    assert await storage.last_frame(run_id) == 5
    assert await storage.last_frame(T) == 0


async def test_the_mark_of_a_checkpoint_is_found(storage: Storage) -> None:
    run_id, other = await running(storage), await running(storage, U)
    marks = [Frame(seq, "mark", "mark", name, seq) for seq, name in ((4, b"c1"), (5, b"c2"))]
    await storage.append_frames(run_id, [*_frames(1, 3), *marks])
    assert await storage.frame_of_mark(run_id, "c1") == 4
    assert await storage.frame_of_mark(run_id, "c2") == 5
    assert await storage.frame_of_mark(run_id, "c3") is None
    assert await storage.frame_of_mark(other, "c1") is None


async def test_one_read_of_large_frames_has_few_of_them(storage: Storage) -> None:
    run_id = await running(storage)
    large = [Frame(seq, "values", "values", b"x" * 700_000, seq) for seq in range(1, 6)]
    await storage.append_frames(run_id, large)
    read: list[Frame] = []
    while frames := await storage.read_frames(run_id, after=len(read)):
        assert len(frames) <= 2
        read += frames
    assert read == large


async def test_a_frame_stored_twice_is_there_once(storage: Storage) -> None:
    run_id = await running(storage)
    await storage.append_frames(run_id, _frames(1, 3))
    await storage.append_frames(run_id, _frames(2, 4))
    await storage.append_frames(run_id, [])
    assert await storage.read_frames(run_id, after=0) == _frames(1, 4)


async def test_the_oldest_frames_make_room(storage: Storage) -> None:
    run_id = await running(storage)
    await storage.append_frames(run_id, _frames(1, FRAMES_PER_RUN))
    assert await storage.read_frames(run_id, after=0) == _frames(1, FRAMES_PER_RUN)
    await storage.append_frames(run_id, _frames(FRAMES_PER_RUN + 1, FRAMES_PER_RUN + 3))
    assert await storage.read_frames(run_id, after=0) == _frames(4, FRAMES_PER_RUN + 3)


async def test_frames_survive_the_end_and_are_not_stored_for_a_run_that_is_gone(
    storage: Storage,
) -> None:
    run_id = await running(storage)
    await storage.append_frames(run_id, _frames(1, 2))
    await finish(storage, run_id)
    assert await storage.last_frame(run_id) == 2
    await storage.delete_run(run_id)
    await storage.append_frames(run_id, _frames(3, 3))
    assert await storage.last_frame(run_id) == 0


async def _stateless(storage: Storage, *, resumable: bool = True) -> RunRecord:
    """A running stateless run on a thread of its own, with two frames."""
    new = new_run(str(uuid4()), temporary=True, resumable=resumable)
    run = (await create(storage, new, claim=True)).claimed
    assert run is not None
    await storage.append_frames(run.run_id, _frames(1, 2))
    return run


async def test_frames_of_a_stateless_run_outlive_it_for_a_while(
    storage: Storage, clock: Clock
) -> None:
    runs = [await _stateless(storage) for _ in range(12)]
    for run in runs[:-1]:
        await finish(storage, run.run_id)
        assert await storage.get_thread(run.thread_id) is None
    clock.advance(500)
    last = runs[-1]
    await finish(storage, last.run_id, RunStatus.ERROR)
    assert await storage.thread_of_kept_stream(last.run_id) == last.thread_id
    assert await storage.read_frames(last.run_id, after=1) == _frames(2, 2)
    await storage.append_frames(last.run_id, _frames(3, 3))
    assert await storage.last_frame(last.run_id) == 2, "it has ended"
    assert not await storage.forget_streams()
    clock.advance(101)
    assert await storage.forget_streams(), "a few at a time"
    assert not await storage.forget_streams()
    kept = [run for run in runs if await storage.last_frame(run.run_id)]
    assert kept == [last]
    assert await storage.thread_of_kept_stream(runs[0].run_id) is None


async def test_a_stateless_run_before_another_is_there_itself(storage: Storage) -> None:
    run = await _stateless(storage)
    behind = (await create(storage, new_run(run.thread_id))).run
    await finish(storage, run.run_id)
    assert await storage.get_run(run.run_id) is not None
    assert await storage.thread_of_kept_stream(run.run_id) is None
    assert await storage.last_frame(run.run_id) == 2
    await storage.delete_run(behind.run_id)
    await storage.delete_thread(run.thread_id)
    assert await storage.last_frame(run.run_id) == 0


async def test_only_an_end_keeps_frames(storage: Storage) -> None:
    runs = [await _stateless(storage) for _ in range(2)]
    runs.append(await _stateless(storage, resumable=False))
    await storage.rollback_run(runs[0].run_id, cause=Cause.CLIENT)
    await storage.delete_thread(runs[1].thread_id)
    await finish(storage, runs[2].run_id)
    for run in runs:
        assert await storage.last_frame(run.run_id) == 0
        assert await storage.thread_of_kept_stream(run.run_id) is None


async def test_the_logs_of_a_thread_in_the_order_of_their_first_frames(storage: Storage) -> None:
    def at(seq: int, ms: int) -> Frame:
        return Frame(seq, "values", "values", b"1", ms)

    later, quiet = await running(storage, resumable=True), await running(storage, U)
    await storage.append_frames(later, [at(1, 500), at(2, 700)])
    await storage.append_frames(quiet, [at(1, 100)])
    await finish(storage, later)
    earlier = await running(storage, resumable=True)
    await storage.append_frames(earlier, [at(1, 300)])
    await storage.append_frames(earlier, [at(seq, 300 + seq) for seq in range(2, 14)])
    assert await storage.frame_logs(T) == [
        FrameLog(earlier, ended=False, first_ms=304, last_ms=313, last_seq=13),
        FrameLog(later, ended=True, first_ms=500, last_ms=700, last_seq=2),
    ]
    assert await storage.frame_logs(U) == [], "not resumable"
    await finish(storage, earlier)
    assert await running(storage, resumable=True)
    assert len(await storage.frame_logs(T)) == 2, "no frame yet, no log"


async def test_the_journal_is_read_by_run_by_thread_and_in_pages(storage: Storage) -> None:
    first = await running(storage)
    other = await running(storage, U)
    await finish(storage, first)
    lines = await storage.journal()
    assert [line.seq for line in lines] == sorted(line.seq for line in lines)
    assert [line.run_id for line in lines] == [first, first, other, other, first]
    assert await storage.journal(thread_id=U) == lines[2:4]
    assert await storage.journal(run_id=first) == [*lines[:2], lines[4]]
    assert await storage.journal(run_id=first, thread_id=U) == []
    assert await storage.journal(limit=2) == lines[:2]
    assert await storage.journal(span=JournalSpan(after=2), limit=2) == lines[2:4]
    assert await storage.journal(span=JournalSpan(after=1, up_to=3)) == lines[1:3]
    assert await storage.journal(run_id=first, span=JournalSpan(after=2)) == lines[4:]
    assert await storage.last_journal_seq() == lines[-1].seq == 5
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert [line.monotonic for line in lines] == sorted(line.monotonic for line in lines)


async def test_the_journal_is_read_by_time_also_if_the_clock_was_set_back(
    storage: Storage, clock: Clock
) -> None:
    first = await running(storage)
    clock.advance(-10)
    await finish(storage, first)
    clock.advance(20)
    await running(storage, U)
    lines = await storage.journal()
    times = [line.at for line in lines]
    assert times != sorted(times)
    for since, before in combinations_with_replacement([None, *sorted(times), clock.later(1)], 2):
        span = JournalSpan(since=since, before=before)
        wanted = [
            line
            for line in lines
            if (since is None or line.at >= since) and (before is None or line.at < before)
        ]
        assert await storage.journal(span=span) == wanted
        assert await storage.journal(span=span, limit=1) == wanted[:1]
        of_first = [line for line in wanted if line.run_id == first]
        assert await storage.journal(run_id=first, span=span) == of_first
        later = span.behind(2)
        assert await storage.journal(span=later) == [line for line in wanted if line.seq > 2]
        page = later.not_behind(4)
        assert await storage.journal(span=page) == [line for line in wanted if 2 < line.seq <= 4]


async def test_lines_say_whose_they_are_and_when_the_stop_was_asked_for(storage: Storage) -> None:
    run_id = await running(storage)
    ended = await storage.finish_run(
        run_id, RunStatus.INTERRUPTED, IDLE, cause=Cause.CLIENT, actor="r" * 1000, asked=1.5
    )
    assert ended is not None
    run = await storage.get_run(run_id)
    assert run is not None
    created, started, interrupted = await storage.journal(run_id=run_id)
    assert [line.asked for line in (created, started, interrupted)] == [None, None, 1.5]
    assert interrupted.actor == "r" * 200
    for line in (created, started, interrupted):
        assert (line.assistant_id, line.graph_id) == (run.assistant_id, "graph")


async def test_whoever_waits_for_the_journal_is_told_of_each_change(storage: Storage) -> None:
    run_id = await running(storage)
    changed = storage.journal_changed()
    assert storage.journal_changed() is changed
    await storage.append_frames(run_id, _frames(1, 1))
    await storage.create_thread(NewThread(U))
    assert not changed.is_set()
    await finish(storage, run_id)
    await changed.wait()
    changed = storage.journal_changed()
    assert not changed.is_set()
    await storage.delete_thread(T)
    await changed.wait()
