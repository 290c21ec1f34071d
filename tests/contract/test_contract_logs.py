"""Stream frames and the journal, whatever the database."""

from __future__ import annotations

from databases import FRAMES_PER_RUN, T, U, finish, running

from lgtrio.storage.interface import Frame, Storage


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


async def test_the_journal_is_read_by_run_by_thread_and_from_its_end(storage: Storage) -> None:
    first = await running(storage)
    other = await running(storage, U)
    await finish(storage, first)
    lines = await storage.journal()
    assert [line.seq for line in lines] == sorted(line.seq for line in lines)
    assert [line.run_id for line in lines] == [first, first, other, other, first]
    assert await storage.journal(thread_id=U) == lines[2:4]
    assert await storage.journal(run_id=first) == [*lines[:2], lines[4]]
    assert await storage.journal(run_id=first, thread_id=U) == []
    assert await storage.journal(limit=2) == lines[-2:]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert [line.monotonic for line in lines] == sorted(line.monotonic for line in lines)
