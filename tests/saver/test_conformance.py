"""The published conformance suite, with every optional capability detected and passed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.conformance.report import CapabilityReport

from lgtrio.graphs.saver import RunSaver
from lgtrio.wire.enums import Durability
from support.savers import Database


class BlockingSaver(RunSaver):
    """Answers the suite, which is asynchronous, with the methods that sync nodes use."""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        self.put_writes(config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self.get_tuple(config)

    async def alist(
        self, config: RunnableConfig | None, **options: Any
    ) -> AsyncIterator[CheckpointTuple]:
        for found in self.list(config, **options):
            yield found

    async def adelete_thread(self, thread_id: str) -> None:
        self.delete_thread(thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        self.delete_for_runs(run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self.copy_thread(source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self.prune(thread_ids, strategy=strategy)


def run_suite(saver: BaseCheckpointSaver[str]) -> CapabilityReport:
    @checkpointer_test(name=type(saver).__name__)
    async def make() -> AsyncGenerator[BaseCheckpointSaver[str], None]:
        yield saver

    return asyncio.run(validate(make))


@pytest.mark.parametrize("durability", [Durability.SYNC, Durability.ASYNC])
@pytest.mark.parametrize("kind", [RunSaver, BlockingSaver])
def test_all_capabilities(database: Database, kind: type[RunSaver], durability: Durability) -> None:
    report = run_suite(kind(database.access(), durability=durability))
    results: Mapping[str, Any] = report.results
    assert {name: result.failures for name, result in results.items()} == {
        capability.value: [] for capability in Capability
    }
    assert all(
        r.detected and r.passed and r.tests_passed and not r.tests_skipped for r in results.values()
    )
