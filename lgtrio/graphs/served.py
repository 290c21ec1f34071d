"""The graphs that are served and the loops that they are on, also when loops are replaced.

What a module made when it was imported (a client, a lock, a connection) may be bound to the loop
it was made on and cannot move. So with a new loop come new module objects, and graphs made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import structlog
import trio
from attrs import define, field

from lgtrio.errors import LoopReplaced
from lgtrio.graphs.embedding import load_embedder
from lgtrio.graphs.importing import forget_modules
from lgtrio.graphs.loader import GraphsFailed, LoadedGraph, load_graphs
from lgtrio.graphs.loops import LoopSlot
from lgtrio.graphs.persistence import GraphDatabase
from lgtrio.langgraph_json import LanggraphConfig
from lgtrio.problems import Problem

log = structlog.get_logger(__name__)

LOAD_SECONDS: Final = 60.0
"""How long runs wait for their graph to be loaded again; after that they get the old one."""


@define(eq=False)
class ServedGraphs:
    config: LanggraphConfig
    database: GraphDatabase
    slots: Sequence[LoopSlot]
    graphs: Mapping[str, LoadedGraph] = field(factory=dict, init=False)
    """By graph id, in the order of langgraph.json."""
    slot_of: Mapping[str, LoopSlot] = field(init=False)
    """Graph id to the slot that it stays on."""
    _loading: dict[LoopSlot, trio.Event] = field(factory=dict, init=False)
    """Slots whose graphs are being loaded again to what is set when they are."""

    def __attrs_post_init__(self) -> None:
        slots = self.slots
        self.slot_of = {name: slots[i % len(slots)] for i, name in enumerate(self.config.graphs)}

    async def load(self) -> None:
        """Load each graph on the loop that it will stay on.

        Raises:
            GraphsFailed: with every problem of every graph.
        """
        problems: list[Problem] = []
        for slot in self.slots:
            try:
                await self._load(slot)
            except GraphsFailed as failed:
                problems += failed.problems
        if problems:
            raise GraphsFailed(problems)

    async def current(self, graph_id: str) -> LoadedGraph:
        """The graph as it is to be used now; waits while it is being loaded again.

        Raises:
            KeyError: there is no such graph.
        """
        while (loading := self._loading.get(self.slot_of[graph_id])) is not None:
            await loading.wait()
        return self.graphs[graph_id]

    def expect_new(self, slot: LoopSlot) -> None:
        """The slot's loop has been replaced: from now on its graphs are waited for, and what
        embeds for the store if that is at home there."""
        self._loading.setdefault(slot, trio.Event())
        index = self.database.item_index
        if index is not None and slot is self.home_of_embeddings:
            index.expect_new()

    async def load_again(self) -> None:
        """Import the user's modules anew and load all graphs, those first that are waited for.

        All, because graphs of different loops may share modules: what one has stored must not
        come to the other as an object of a class that merely looks the same. Graphs that cannot
        be loaded again are used as they were.
        """
        modules = forget_modules(self._folders())
        log.info("loading the graphs again", modules=len(modules))
        await self._load_embedder_again()
        for slot in sorted(self.slots, key=lambda each: each not in self._loading):
            await self._load_again(slot)

    @property
    def home_of_embeddings(self) -> LoopSlot:
        return self.slots[0]

    def _folders(self) -> Sequence[str]:
        """Where the user's modules are."""
        files = [spec.file for spec in self.config.graphs.values()]
        if (index := self.database.item_index) is not None:
            files.append(index.spec.embed.file)
        return [*self.config.search_path, *(str(file.parent) for file in files if file)]

    async def _load_embedder_again(self) -> None:
        """Before the graphs, which may store something as soon as they are imported."""
        index, slot = self.database.item_index, self.home_of_embeddings
        if index is None or slot not in self._loading:
            return
        embedder = None
        try:
            with trio.move_on_after(LOAD_SECONDS) as patience:
                embedder = await slot.call(load_embedder, self.config, index.spec.embed)
            if patience.cancelled_caught:
                log.error("what embeds for the store took too long to load again; used as before")
        except GraphsFailed as failed:
            log.error(  # noqa: TRY400 - as below
                "what embeds for the store could not be loaded again; used as before",
                problems=failed.detail,
            )
        except LoopReplaced:
            return  # it is expected still, and will be loaded on the next loop
        index.renew(embedder)

    async def _load_again(self, slot: LoopSlot) -> None:
        try:
            with trio.move_on_after(LOAD_SECONDS) as patience:
                await self._load(slot)
            if patience.cancelled_caught:
                log.error("graphs took too long to load again; used as before", loop=slot.name)
        except GraphsFailed as failed:
            # The problems show the tracebacks of the user's modules; ours says nothing.
            log.error(  # noqa: TRY400
                "graphs could not be loaded again; used as before", problems=failed.detail
            )
        except LoopReplaced:
            return  # they are expected still, and will be loaded on the next loop
        if (loading := self._loading.pop(slot, None)) is not None:
            loading.set()

    async def _load(self, slot: LoopSlot) -> None:
        own = [name for name in self.config.graphs if self.slot_of[name] is slot]
        store = self.database.for_state().store
        loaded = await slot.call(load_graphs, self.config, only=own, store=store)
        graphs = {**self.graphs, **loaded.graphs}
        self.graphs = {name: graphs[name] for name in self.config.graphs if name in graphs}
        for warning in loaded.warnings:
            log.warning(warning)
