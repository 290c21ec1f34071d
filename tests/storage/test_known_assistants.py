"""What is remembered of assistants is never older than what anybody has been told."""

from __future__ import annotations

from pathlib import Path

import trio
import trio.testing
from held_writer import held_writer

from lgtrio.storage.interface import AssistantChange, AssistantRecord
from lgtrio.storage.sqlite.known_assistants import KnownAssistants
from lgtrio.storage.sqlite.storage import open_sqlite

AT = "2026-01-01T00:00:00+00:00"
FIRST = AssistantRecord(
    assistant_id="a",
    graph_id="g",
    version=1,
    name="first",
    description=None,
    config=b"{}",
    context=b"{}",
    metadata=b"{}",
    created_at=AT,
    updated_at=AT,
)


async def test_a_change_is_seen_though_nobody_waited_for_it(tmp_path: Path) -> None:
    async with open_sqlite(str(tmp_path / "known.db")) as storage:
        await storage.create_assistant(FIRST)
        with held_writer(storage.engine):
            with trio.move_on_after(0):
                await storage.update_assistant("a", AssistantChange(name="never asked"))
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    change = AssistantChange(name="second")
                    nursery.start_soon(storage.update_assistant, "a", change)
                    await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()
            found = await storage.get_assistant("a")
            assert found is not None
            assert found.name == "first", "not committed yet"
        await storage.engine.write(lambda _: None)
        found = await storage.get_assistant("a")
        assert found is not None
        assert found.name == "second"
        assert await storage.delete_assistant("a")
        assert await storage.get_assistant("a") is None


def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    known = KnownAssistants()
    before = known.since_change
    known.note()
    known.committed()
    known.remember(before, FIRST)
    assert known.since_change == {}


def test_it_remembers_until_a_change_and_not_without_end() -> None:
    known = KnownAssistants()
    known.remember(known.since_change, FIRST)
    known.committed()
    assert known.since_change == {"a": FIRST}
    for n in range(5000):
        known.since_change[str(n)] = FIRST
        known.remember(known.since_change, FIRST)
    assert len(known.since_change) < 1100
