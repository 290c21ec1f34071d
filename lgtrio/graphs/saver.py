"""The checkpointer of one run, or of one state operation.

    writer = CheckpointWriter(engine)            # one for the whole server
    access = DatabaseAccess(writer, run_id)      # one for each run
    saver = RunSaver(access, run_id=run_id, durability=Durability.ASYNC)
    store = RunStore(access, ...)                # shares the access, so both end together
    ...                                          # run the graph
    access.close()                               # from here on every call raises Fenced
    await access.wait_drained()                  # nothing of the run is written any more

Rules it keeps:

- `aput` and `aput_writes` hand their rows to the database before their first await. A task that
  is cancelled there leaves nothing that is written later and that nobody counts.
- With durability `sync` they wait for the commit, otherwise they return at once; what fails then
  is raised by the next call and by `wait_drained`.
- A read waits until everything of this saver is committed, so a run sees what it has written.
- All methods work from any thread. The sync ones block it; that is meant for sync nodes.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)

from lgtrio.graphs.access import DatabaseAccess
from lgtrio.graphs.checkpoint_codec import (
    LargeValues,
    checkpoint_row,
    checkpoint_tuple,
    delta_history,
    place,
    write_rows,
)
from lgtrio.graphs.checkpoint_listing import Listing
from lgtrio.storage.sqlite.checkpoint_rows import list_checkpoints, load_checkpoint
from lgtrio.storage.sqlite.checkpoints import (
    copy_thread_rows,
    delete_run_rows,
    delete_thread_rows,
    prune_thread_rows,
)
from lgtrio.storage.sqlite.delta import read_chains
from lgtrio.storage.sqlite.engine import Operation
from lgtrio.wire.enums import Durability


class RunSaver(BaseCheckpointSaver[str]):
    """
    Args:
        run_id: tags every row, so that the run can be undone; None for operations that belong
            to no run (then rows are tagged with the `run_id` in their metadata, if any).
        durability: of the run. `sync`, the default, makes each put durable on return.
        fresh: a thread that was made for this run and that nothing has run on yet, so there is
            nothing to be found of it until the run has stored something.
    """

    def __init__(
        self,
        access: DatabaseAccess,
        *,
        run_id: str | None = None,
        durability: Durability = Durability.SYNC,
        fresh: str | None = None,
    ) -> None:
        # Without super().__init__: all it does is check the serializer, at 8 µs a run.
        self._access = access
        self._run_id = run_id
        self._waits = durability is Durability.SYNC
        self._large = LargeValues()
        self._fresh = fresh

    # -- writing -------------------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - blobs are found by their size
    ) -> RunnableConfig:
        stored = self._hand_over_checkpoint(config, checkpoint, metadata)
        if self._waits:
            self._access.settle()
        return stored

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - blobs are found by their size
    ) -> RunnableConfig:
        stored = self._hand_over_checkpoint(config, checkpoint, metadata)
        if self._waits:
            await self._access.asettle()
        return stored

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        self._hand_over_writes(config, writes, task_id, task_path)
        if self._waits:
            self._access.settle()

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        self._hand_over_writes(config, writes, task_id, task_path)
        if self._waits:
            await self._access.asettle()

    # LangGraph looks at both signatures for each graph it runs; looking one up costs more than all
    # else that it asks of a saver.
    put_writes.__signature__ = signature(put_writes)  # type: ignore[attr-defined]
    aput_writes.__signature__ = signature(aput_writes)  # type: ignore[attr-defined]

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002
        """A counter that sorts as text, and a random part: branches of a thread count alike."""
        count = int(current.split(".")[0]) + 1 if current else 1
        return f"{count:032}.{random.getrandbits(53):016}"

    def _hand_over_checkpoint(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> RunnableConfig:
        self._fresh = None
        row = checkpoint_row(
            self.serde, self._large, config, checkpoint, metadata, run_id=self._run_id
        )
        self._access.hand_over(checkpoints=[row])
        return {
            "configurable": {
                "thread_id": row.thread_id,
                "checkpoint_ns": row.checkpoint_ns,
                "checkpoint_id": row.checkpoint_id,
            }
        }

    def _hand_over_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> None:
        self._fresh = None
        rows = write_rows(self.serde, config, writes, task_id, task_path, run_id=self._run_id)
        self._access.hand_over(writes=rows)

    # -- reading -------------------------------------------------------------------------

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        self._access.settle()
        return self._load(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        await self._access.asettle()
        return self._load(config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        self._access.settle()
        listing = Listing(config, filter or {}, before, limit)
        while listing.query is not None:
            page = self._access.read(partial(list_checkpoints, query=listing.query))
            yield from listing.matching(self.serde, page)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        await self._access.asettle()
        listing = Listing(config, filter or {}, before, limit)
        while listing.query is not None:
            page = await self._access.scan(partial(list_checkpoints, query=listing.query))
            for found in listing.matching(self.serde, page):
                yield found

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        self._access.settle()
        return self._load_history(config, channels)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        await self._access.asettle()
        return self._load_history(config, channels)

    def _load(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread_id, checkpoint_ns, checkpoint_id = place(config)
        if thread_id == self._fresh:
            return None
        loaded = self._access.read(
            lambda connection: load_checkpoint(connection, thread_id, checkpoint_ns, checkpoint_id)
        )
        if loaded is None:
            return None
        self._large.remember(loaded.row)
        return checkpoint_tuple(self.serde, loaded)

    def _load_history(
        self, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        if not channels:
            return {}
        thread_id, checkpoint_ns, checkpoint_id = place(config)
        chains = self._access.read(
            lambda connection: read_chains(
                connection, thread_id, checkpoint_ns, checkpoint_id, channels
            )
        )
        return delta_history(self.serde, chains)

    # -- removing and copying ------------------------------------------------------------

    def delete_thread(self, thread_id: str) -> None:
        self._change(partial(delete_thread_rows, thread_id=thread_id))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._achange(partial(delete_thread_rows, thread_id=thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._change(partial(delete_run_rows, run_ids=run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self._achange(partial(delete_run_rows, run_ids=run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        copy = partial(copy_thread_rows, source=source_thread_id, target=target_thread_id)
        self._change(copy)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        copy = partial(copy_thread_rows, source=source_thread_id, target=target_thread_id)
        await self._achange(copy)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._change(_pruning(thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        await self._achange(_pruning(thread_ids, strategy))

    def _change(self, operation: Operation[None]) -> None:
        if self._access.holding:  # rows that have to come first
            self._access.settle()
        self._access.write(operation)

    async def _achange(self, operation: Operation[None]) -> None:
        if self._access.holding:
            await self._access.asettle()
        await self._access.awrite(operation)


def _pruning(thread_ids: Sequence[str], strategy: str) -> Operation[None]:
    strategies = {"keep_latest": prune_thread_rows, "delete": delete_thread_rows}
    if strategy not in strategies:
        raise ValueError(f"strategy must be one of {', '.join(strategies)}, got {strategy!r}.")

    def prune(connection: sqlite3.Connection) -> None:
        for thread_id in thread_ids:
            strategies[strategy](connection, thread_id)

    return prune
