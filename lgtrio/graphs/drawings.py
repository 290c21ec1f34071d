"""A graph as nodes and edges, in the form that clients draw and `RemoteGraph` reads."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables.graph import Graph


def drawing(graph: Graph) -> dict[str, Any]:
    """`{"nodes": […], "edges": […]}`; see `GraphDescriptions.drawing`."""
    plain = graph.to_json()
    return {"nodes": [_node(each) for each in plain["nodes"]], "edges": plain["edges"]}


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """Without the Python path of what the node is made of: it tells a client nothing."""
    data = node.get("data")
    if isinstance(data, dict) and "name" in data:
        return {**node, "data": {"name": data["name"]}}
    return node
