from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk import get_client, get_sync_client

from support.sdk import Blocking, Portal
from support.server import Server


class AsyncMethods:
    """The asynchronous methods of a graph, under the names of the synchronous ones."""

    def __init__(self, portal: Portal, graph: Any) -> None:
        self._blocking = Blocking(portal, graph)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blocking, f"a{name}")


Call = Callable[[Any], Any]


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    try:
        yield portal
    finally:
        portal.close()


@pytest.fixture(params=["async", "sync"])
def call(request: pytest.FixtureRequest, portal: Portal) -> Call:
    """A graph as it is called: by its synchronous methods, or by the others in their stead."""
    if request.param == "sync":
        return lambda graph: graph
    return lambda graph: AsyncMethods(portal, graph)


@pytest.fixture
def remote(server: Server, portal: Portal) -> Iterator[Callable[[str], RemoteGraph]]:
    """A graph of the server, by its name; not yet to be called."""
    client, sync_client = get_client(url=server.url), get_sync_client(url=server.url)
    yield lambda name: RemoteGraph(name, client=client, sync_client=sync_client)
    sync_client.http.client.close()
    portal.call(client.aclose)


@pytest.fixture
def config() -> RunnableConfig:
    """Of a thread that nobody has used."""
    return {"configurable": {"thread_id": str(uuid4())}}
