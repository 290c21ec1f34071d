"""Drawings and schemas through the official clients, and through `RemoteGraph`."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

from support.sdk import open_sdk
from support.server import Server


@pytest.fixture
def nested(sdk: Any) -> str:
    """An assistant of a graph with a child and a grandchild."""
    return str(sdk.assistants.create("nested")["assistant_id"])


def _nodes(drawn: Any) -> set[str]:
    return {node["id"] for node in drawn["nodes"]} - {"__start__", "__end__"}


def test_graph(sdk: Any, nested: str) -> None:
    assert _nodes(sdk.assistants.get_graph(nested)) == {"root", "child"}
    assert _nodes(sdk.assistants.get_graph("nested")) == {"root", "child"}
    one = sdk.assistants.get_graph(nested, xray=1)
    assert _nodes(one) == {"root", "child:branch", "child:below"}
    whole = sdk.assistants.get_graph(nested, xray=True)
    assert _nodes(whole) == {"root", "child:branch", "child:below:leaf"}
    with pytest.raises(UnprocessableEntityError, match="Invalid xray value"):
        sdk.assistants.get_graph(nested, xray=-1)
    with pytest.raises(NotFoundError):
        sdk.assistants.get_graph("00000000-0000-0000-0000-000000000000")


def test_schemas(sdk: Any) -> None:
    key = sdk.assistants.create("context")["assistant_id"]
    schemas = sdk.assistants.get_schemas(key)
    assert schemas["graph_id"] == "context"
    assert schemas["input_schema"]["title"] == "context_input"
    assert set(schemas["output_schema"]["properties"]) == {"ask", "seen"}
    assert set(schemas["state_schema"]["properties"]) == {"ask", "seen"}
    assert set(schemas["context_schema"]["properties"]) == {"model", "temperature"}


def test_subgraphs(sdk: Any, nested: str) -> None:
    assert list(sdk.assistants.get_subgraphs(nested)) == ["child"]
    everything = sdk.assistants.get_subgraphs(nested, recurse=True)
    assert list(everything) == ["child", "child|below"]
    assert everything["child"]["state_schema"]["properties"].keys() == {"log"}


def test_a_nested_namespace_is_found(sdk: Any, nested: str) -> None:
    assert list(sdk.assistants.get_subgraphs(nested, "child|below")) == ["child|below"]
    assert sdk.assistants.get_subgraphs(nested, "nope") == {}


def test_a_remote_graph_draws_itself(server: Server) -> None:
    with open_sdk("sync", server.url) as client:
        drawn = RemoteGraph("nested", sync_client=client).get_graph(xray=True)
    assert set(drawn.nodes) >= {"root", "child:branch", "child:below:leaf"}
    assert "child:below:leaf" in drawn.draw_mermaid().replace("\\3a", ":")
