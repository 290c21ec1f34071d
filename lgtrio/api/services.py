"""What the routes work with; built once by the server and handed to all of them."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, field, frozen

from lgtrio.runs.executor import GraphStates
from lgtrio.runs.journal import Journal
from lgtrio.runs.supervisor import Supervisor
from lgtrio.storage.interface import Storage


@frozen
class Services:
    storage: Storage
    supervisor: Supervisor
    states: GraphStates
    graphs: Sequence[str]
    """Graph ids in the order in which langgraph.json names them."""
    heartbeat: float = 5.0
    """Seconds between two signs of life on an open stream or a waiting request."""
    journal: Journal = field(
        init=False, default=Factory(lambda self: Journal(self.storage), takes_self=True)
    )
    """Those who follow the journal live; to be broken off when the runs have ended."""
