"""What one run, or one state operation, stores through: closed together when it ends."""

from __future__ import annotations

import copy
from typing import Any, Final

from attrs import field, frozen
from langgraph.pregel import Pregel
from langgraph.store.base import TTLConfig

from lgtrio.graphs.access import DatabaseAccess
from lgtrio.graphs.embedding import ItemIndex
from lgtrio.graphs.saver import RunSaver
from lgtrio.graphs.store import RunStore
from lgtrio.langgraph_store import ItemTtl
from lgtrio.storage.sqlite.checkpoint_writer import CheckpointWriter
from lgtrio.storage.sqlite.engine import Engine, Hurry
from lgtrio.wire.enums import Durability

Graph = Pregel[Any, Any, Any, Any]
_UNNAMED: Final[str] = Pregel.name
"""What LangGraph calls a graph that was compiled without a name."""


@frozen
class Persistence:
    """The saver and the store of one run, and the access to the database that both share."""

    access: DatabaseAccess
    saver: RunSaver
    store: RunStore

    def give_to(self, graph: Graph, *, name: str | None = None) -> Graph:
        """The graph with this saver and store; shallow, since nothing else of it is changed.

        Args:
            name: for a graph whose author has given it none; it stands in events and traces.
        """
        own = copy.copy(graph)
        if name is not None and own.name == _UNNAMED:
            own.name = name
        if own.checkpointer is not False:  # the author wants no checkpoints at all
            own.checkpointer = self.saver
        own.store = self.store
        return own


@frozen
class GraphDatabase:
    """Makes a `Persistence` for each run and state operation."""

    writer: CheckpointWriter
    item_index: ItemIndex | None = None
    item_ttl: ItemTtl = field(factory=ItemTtl)

    @classmethod
    def on(
        cls, engine: Engine, item_index: ItemIndex | None = None, item_ttl: ItemTtl | None = None
    ) -> GraphDatabase:
        return cls(CheckpointWriter(engine), item_index, item_ttl or ItemTtl())

    def for_run(
        self,
        run_id: str,
        durability: Durability,
        *,
        temporary: bool,
        fresh: str | None,
        behind_frames: bool = False,
    ) -> Persistence:
        """
        Args:
            temporary: its thread goes with it. Then its checkpoints are of use only to a server
                that is killed before its end, and most such runs end before one is worth storing.
            fresh: the run's thread, if nothing is stored of it yet.
            behind_frames: its stream has a log, which has to be ahead of its checkpoints. Somebody
                has to tell the access's `order` what is sent and logged.
        """
        hurry = Hurry.LATER if temporary else Hurry.SOON
        access = DatabaseAccess(self.writer, run_id, hurry, behind_frames=behind_frames)
        return self._make(access, run_id, durability, fresh)

    def for_state(self) -> Persistence:
        """For operations that belong to no run; each of their writes is durable on return."""
        return self._make(DatabaseAccess(self.writer), None, Durability.SYNC, None)

    def _make(
        self,
        access: DatabaseAccess,
        run_id: str | None,
        durability: Durability,
        fresh: str | None,
    ) -> Persistence:
        saver = RunSaver(access, run_id=run_id, durability=durability, fresh=fresh)
        ttl = TTLConfig(
            default_ttl=self.item_ttl.default_minutes,
            refresh_on_read=self.item_ttl.refresh_on_read,
        )
        return Persistence(access, saver, RunStore(access, index=self.item_index, ttl=ttl))
