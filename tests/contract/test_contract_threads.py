"""Assistants and threads, whatever the database."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest
from attrs import evolve
from databases import IDLE, T, U, create, finish, moves, new_run, pending, running, status, thread

from lgtrio.errors import AlreadyExists, Conflict
from lgtrio.storage.interface import (
    AssistantRecord,
    Cause,
    Frame,
    LaneRun,
    NewThread,
    Storage,
    ThreadOutcome,
)
from lgtrio.wire.enums import RunStatus, ThreadStatus

NOW = "2026-01-01T00:00:00.000000+00:00"
ASSISTANT = AssistantRecord(
    assistant_id=str(uuid4()),
    graph_id="graph",
    version=1,
    name="graph",
    description=None,
    config=b'{"tags":  []}',
    context=b"{}",
    metadata=b'{"created_by": "system"}',
    created_at=NOW,
    updated_at=NOW,
)


async def test_an_assistant_is_made_once(storage: Storage) -> None:
    await storage.ensure_assistant(ASSISTANT)
    await storage.ensure_assistant(evolve(ASSISTANT, name="another name"))
    assert await storage.get_assistant(ASSISTANT.assistant_id) == ASSISTANT
    assert await storage.get_assistant(str(uuid4())) is None


async def test_a_new_thread_rests_and_has_nothing(storage: Storage) -> None:
    made = await storage.create_thread(NewThread(T, b'{"user":  "ada"}'))
    assert made == await storage.get_thread(T)
    assert made.created_at == made.updated_at == made.state_updated_at
    assert (made.metadata, made.config) == (b'{"user":  "ada"}', b"{}")
    assert (made.status, made.rest_status) == (ThreadStatus.IDLE, ThreadStatus.IDLE)
    assert (made.values, made.interrupts, made.error) == (None, b"{}", None)
    assert await storage.get_thread(U) is None


async def test_a_thread_id_is_taken_once(storage: Storage) -> None:
    made = await storage.create_thread(NewThread(T, b'{"a":1}'))
    with pytest.raises(AlreadyExists, match=T):
        await storage.create_thread(NewThread(T))
    assert await storage.create_thread(NewThread(T, b'{"b":2}'), exist_ok=True) == made


async def test_patching_merges_top_level_keys_and_keeps_nulls(storage: Storage) -> None:
    made = await storage.create_thread(NewThread(T, b'{"a": {"x": 1}, "b": 2}'))
    patched = await storage.patch_thread(T, b'{"a": {"y": null}, "c": null}')
    assert patched is not None
    assert orjson.loads(patched.metadata) == {"a": {"y": None}, "b": 2, "c": None}
    assert patched.updated_at > made.updated_at
    assert await storage.patch_thread(U, b"{}") is None


async def test_a_state_update_is_seen_and_moves_its_time_only_for_new_values(
    storage: Storage,
) -> None:
    made = await storage.create_thread(NewThread(T))
    outcome = ThreadOutcome(
        rest_status=ThreadStatus.INTERRUPTED,
        values=b'{"n":  1}',
        interrupts=b'{"task": [{"id": "i", "value": 1}]}',
    )
    updated = await storage.set_thread_state(T, outcome)
    assert updated is not None
    assert (updated.status, updated.values) == (ThreadStatus.INTERRUPTED, b'{"n":  1}')
    assert updated.interrupts == outcome.interrupts
    assert updated.state_updated_at > made.state_updated_at
    again = await storage.set_thread_state(T, outcome)
    assert again is not None
    assert again.state_updated_at == updated.state_updated_at
    kept = await storage.set_thread_state(T, evolve(outcome, values=None))
    assert kept is not None
    assert kept.values == b'{"n":  1}'
    assert await storage.set_thread_state(U, outcome) is None


async def test_a_state_update_under_a_running_run_is_refused(storage: Storage) -> None:
    run_id = await running(storage)
    with pytest.raises(Conflict):
        await storage.set_thread_state(T, IDLE)
    assert (await thread(storage)).values is None
    await finish(storage, run_id)
    assert await storage.set_thread_state(T, IDLE) is not None


async def test_a_pending_run_finds_the_updated_state(storage: Storage) -> None:
    run_id = await pending(storage)
    updated = await storage.set_thread_state(T, evolve(IDLE, values=b'{"n":1}'))
    assert updated is not None
    assert (updated.status, updated.values) == (ThreadStatus.BUSY, b'{"n":1}')
    await storage.claim_next(T)
    await storage.rollback_run(run_id, cause=Cause.CLIENT)
    assert (await thread(storage)).values == b'{"n":1}'


async def test_deleting_a_thread_takes_everything_but_the_journal(storage: Storage) -> None:
    ended = await running(storage)
    await finish(storage, ended)
    active, waiting = await running(storage), await pending(storage)
    other = await running(storage, U)
    await storage.append_frames(active, [Frame(1, "values", "values", b"1", 1)])
    assert await storage.delete_thread(T) == [
        LaneRun(active, RunStatus.RUNNING),
        LaneRun(waiting, RunStatus.PENDING),
    ]
    assert await storage.get_thread(T) is None
    assert [await status(storage, run_id) for run_id in (ended, active, waiting)] == [None] * 3
    assert await storage.read_frames(active, after=0) == []
    assert (await moves(storage, active))[-1] == (RunStatus.RUNNING, None, Cause.CLIENT)
    assert (await moves(storage, ended))[-1] == (RunStatus.SUCCESS, None, Cause.CLIENT)
    assert await storage.delete_thread(T) is None
    assert await status(storage, other) is RunStatus.RUNNING
    # The run that was executing meets its end later, and finds nothing.
    assert await finish(storage, active) is None
    assert await storage.get_thread(T) is None


async def test_a_deleted_thread_can_be_made_again(storage: Storage) -> None:
    await finish(storage, await running(storage))
    await storage.delete_thread(T)
    created = await create(storage, new_run(), claim=True)
    assert created.claimed is not None
    assert (await thread(storage)).values is None
