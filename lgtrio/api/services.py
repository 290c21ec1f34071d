"""What the routes work with; built once by the server and handed to all of them."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, field, frozen

from lgtrio.errors import NotFound
from lgtrio.runs.crons import CronClock
from lgtrio.runs.descriptions import GraphDescriptions
from lgtrio.runs.executor import GraphStates
from lgtrio.runs.item_store import ItemStore
from lgtrio.runs.journal import Journal
from lgtrio.runs.supervisor import Supervisor
from lgtrio.storage.interface import Storage
from lgtrio.webhooks.policy import UrlPolicy
from lgtrio.wire.cors import CorsPolicy


@frozen
class Services:
    storage: Storage
    supervisor: Supervisor
    states: GraphStates
    descriptions: GraphDescriptions
    graphs: Sequence[str]
    """Graph ids in the order in which langgraph.json names them."""
    heartbeat: float = 5.0
    """Seconds between two signs of life on an open stream or a waiting request."""
    items: ItemStore = field(kw_only=True)
    """The store."""
    webhooks: UrlPolicy = field(kw_only=True, factory=UrlPolicy)
    """Which URLs clients may have called."""
    cors: CorsPolicy = field(kw_only=True, factory=CorsPolicy.open_to_all)
    """Which pages may call this server."""
    crons: CronClock = field(
        init=False,
        default=Factory(
            lambda self: CronClock(self.supervisor, self.supervisor.now), takes_self=True
        ),
    )
    """To be run as long as the supervisor."""
    journal: Journal = field(
        init=False, default=Factory(lambda self: Journal(self.storage), takes_self=True)
    )
    """Those who follow the journal live; to be broken off when the runs have ended."""

    def check_graph(self, graph_id: str) -> None:
        """
        Raises:
            NotFound: no such graph is served.
        """
        if graph_id not in self.graphs:
            known = sorted(self.graphs)
            raise NotFound(f"Graph '{graph_id}' not found. Expected one of: {known}")
