"""A folder with a langgraph.json and graph files, as a user would have it."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from lgtrio.graphs.loader import GraphsFailed, Loaded, LoadedGraph, load_graphs
from lgtrio.langgraph_json import read_langgraph_json
from lgtrio.problems import Problem

ECHO = """
from typing import TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict):
    said: str

def build(said):
    return StateGraph(State).add_node("say", lambda state: {"said": said}).add_edge(START, "say")

graph = build("hi").compile()
"""
"""Source of a module with a graph, and with a function that builds others like it."""


@frozen
class Project:
    """A folder with a langgraph.json."""

    folder: Path

    def write(self, name: str, source: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return path

    async def load(self, graphs: Mapping[str, Any], **keys: Any) -> Loaded:
        path = self.write("langgraph.json", json.dumps({"graphs": graphs, **keys}))
        return await load_graphs(read_langgraph_json(path))

    def load_now(self, graphs: Mapping[str, Any], **keys: Any) -> Loaded:
        return asyncio.run(self.load(graphs, **keys))

    def load_one(self, source: str, variable: str = "graph") -> LoadedGraph:
        """The graph of a module that starts with `ECHO`."""
        self.write("agent.py", ECHO + textwrap.dedent(source))
        return self.load_now({"a": f"./agent.py:{variable}"}).graphs["a"]

    def problems(self, graphs: Mapping[str, Any], **keys: Any) -> list[Problem]:
        with pytest.raises(GraphsFailed) as caught:
            self.load_now(graphs, **keys)
        return list(caught.value.problems)
