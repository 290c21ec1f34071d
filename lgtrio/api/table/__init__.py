"""Every route of the server, a module for each resource: what it takes, gives and refuses."""

from __future__ import annotations

from collections.abc import Iterator

from lgtrio.api.orders import Orders
from lgtrio.api.routes import Route
from lgtrio.api.services import Services
from lgtrio.api.table.assistants import assistant_routes, description_routes
from lgtrio.api.table.crons import cron_routes
from lgtrio.api.table.journal import journal_routes
from lgtrio.api.table.runs import run_routes
from lgtrio.api.table.store import store_routes
from lgtrio.api.table.streams import followed_run_routes
from lgtrio.api.table.system import system_routes
from lgtrio.api.table.threads import state_routes, thread_routes

__all__ = ["routes"]


def routes(services: Services) -> Iterator[Route]:
    """Built once a server; the handlers know its services."""
    orders = Orders(services)
    yield from system_routes()
    yield from assistant_routes(services)
    yield from description_routes(services)
    yield from thread_routes(services)
    yield from state_routes(services)
    yield from run_routes(services, orders)
    yield from followed_run_routes(services, orders)
    yield from cron_routes(services, orders)
    yield from store_routes(services)
    yield from journal_routes(services)
