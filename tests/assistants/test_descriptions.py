"""What the graph side says of graphs: how they are drawn, what they take and give."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from lgtrio.config import Settings
from lgtrio.errors import BadRequest, NotFound
from lgtrio.graphs.side import open_graph_side
from lgtrio.langgraph_json import read_langgraph_json
from lgtrio.runs.descriptions import GraphDescriptions
from lgtrio.storage.sqlite import open_sqlite

SCHEMAS = ("input_schema", "output_schema", "state_schema", "config_schema", "context_schema")
GRAPHS = Path(__file__).parent / "described_graphs.json"


@pytest.fixture
async def graphs(tmp_path: Path) -> AsyncIterator[GraphDescriptions]:
    interval = sys.getswitchinterval()
    async with (
        open_sqlite(str(tmp_path / "graphs.db")) as storage,
        open_graph_side(read_langgraph_json(GRAPHS), storage.engine, Settings()) as side,
    ):
        yield side.descriptions
    sys.setswitchinterval(interval)


async def _nodes(graphs: GraphDescriptions, name: str, **asked: Any) -> set[str]:
    drawn = await graphs.drawing(name, asked.pop("config", {}), **asked)
    return {node["id"] for node in orjson.loads(drawn)["nodes"]} - {"__start__", "__end__"}


async def test_a_drawing(graphs: GraphDescriptions) -> None:
    drawn = orjson.loads(await graphs.drawing("choosing", {}))
    shown = [("__start__", "odd"), ("__start__", "even"), ("odd", "__end__"), ("odd", "even")]
    assert drawn["nodes"] == [
        *(
            {"id": name, "type": "runnable", "data": {"name": name}}
            for name in ("__start__", "odd", "even")
        ),
        {"id": "__end__"},
    ]
    by_ends = {(edge["source"], edge["target"]): edge for edge in drawn["edges"]}
    assert all(by_ends[ends]["conditional"] is True for ends in shown)
    assert by_ends["odd", "__end__"]["data"] == "odd"
    assert "conditional" not in by_ends["even", "__end__"]


async def test_a_drawing_goes_as_deep_as_asked(graphs: GraphDescriptions) -> None:
    assert await _nodes(graphs, "deep") == {"talk", "mid", "low"}
    one_level = {"talk", "mid:before", "mid:low", "low:leaf"}
    assert await _nodes(graphs, "deep", depth=1) == one_level
    everything = {"talk", "mid:before", "mid:low:leaf", "low:leaf"}
    for depth in (2, 9, True):
        assert await _nodes(graphs, "deep", depth=depth) == everything


async def test_a_graph_is_built_for_the_config(graphs: GraphDescriptions) -> None:
    assert await _nodes(graphs, "sized") == {"n0"}
    config = {"configurable": {"size": 3}, "tags": ["t"]}
    assert await _nodes(graphs, "sized", config=config) == {"n0", "n1", "n2"}
    with pytest.raises(BadRequest, match="The graph failed: LookupError"):
        await graphs.schemas("sized", {"configurable": {"size": -1}})


async def test_a_graph_that_is_not_served(graphs: GraphDescriptions) -> None:
    """An assistant may be of one that langgraph.json named once."""
    for ask in (graphs.drawing, graphs.schemas, graphs.subgraphs):
        with pytest.raises(NotFound, match="Graph 'nope' not found"):
            await ask("nope", {})


async def _schemas(graphs: GraphDescriptions, name: str) -> Any:
    made = orjson.loads(await graphs.schemas(name, {}))
    assert list(made) == ["graph_id", *SCHEMAS]
    assert made["graph_id"] == name
    for schema in SCHEMAS:
        if made[schema] is not None:
            Draft202012Validator.check_schema(made[schema])
    return made


async def test_quirk_04_input_and_output_have_schemas_of_their_own(
    graphs: GraphDescriptions,
) -> None:
    made = await _schemas(graphs, "deep")
    assert made["input_schema"] == {
        "title": "deep_input",
        "type": "object",
        "properties": {
            "question": {"title": "Question", "type": "string", "description": "What to ask"},
            "times": {"title": "Times", "type": "integer", "default": 1},
        },
        "required": ["question"],
    }
    assert made["output_schema"] == {
        "title": "deep_output",
        "type": "object",
        "properties": {"answer": {"title": "Answer", "type": "string"}},
        "required": ["answer"],
    }
    assert made["state_schema"]["title"] == "deep_state"
    assert made["state_schema"]["properties"] == {
        "question": {"title": "Question", "type": "string"},
        "times": {"title": "Times", "type": "integer"},
        "answer": {"title": "Answer", "type": "string"},
        "secret": {"title": "Secret", "type": "array", "items": {"type": "string"}},
    }
    assert made["config_schema"] == made["context_schema"]
    assert made["context_schema"]["properties"]["loud"]["type"] == "boolean"


async def test_schemas_of_a_graph_without_context(graphs: GraphDescriptions) -> None:
    made = await _schemas(graphs, "choosing")
    assert (made["config_schema"], made["context_schema"]) == ({}, None)


async def test_schemas_of_a_function(graphs: GraphDescriptions) -> None:
    made = await _schemas(graphs, "functional")
    assert made["input_schema"] == {"title": "functional_input", "type": "integer"}
    strings = {"type": "array", "items": {"type": "string"}}
    assert made["output_schema"] == {"title": "functional_output", **strings}
    assert made["context_schema"]["title"] == "Voice"


async def test_one_odd_field_does_not_cost_the_schema(graphs: GraphDescriptions) -> None:
    made = await _schemas(graphs, "awkward")
    properties = {
        "question": {"title": "Question", "type": "string", "minLength": 1},
        "opaque": {"title": "Opaque"},
        "numbers": {"title": "Numbers", "type": "array", "items": {"type": "integer"}},
    }
    for schema, title in [
        ("input_schema", "awkward_input"),
        ("output_schema", "awkward_output"),
        ("context_schema", "OldTalk"),
    ]:
        assert made[schema] == {
            "title": title,
            "type": "object",
            "properties": properties,
            "required": ["question"],
        }
    assert made["state_schema"]["properties"] == properties


async def _subgraphs(graphs: GraphDescriptions, **asked: Any) -> list[str]:
    found = orjson.loads(await graphs.subgraphs("deep", {}, **asked))
    for schemas in found.values():
        assert list(schemas) == list(SCHEMAS)
        assert schemas["input_schema"]["properties"] == {
            "number": {"title": "Number", "type": "integer"}
        }
    return list(found)


async def test_subgraphs(graphs: GraphDescriptions) -> None:
    assert await _subgraphs(graphs) == ["mid", "low"]
    assert await _subgraphs(graphs, recurse=True) == ["mid", "mid|low", "low"]
    assert orjson.loads(await graphs.subgraphs("choosing", {}, recurse=True)) == {}


@pytest.mark.parametrize(
    ("namespace", "found", "with_inner"),
    [
        ("mid", ["mid"], ["mid", "mid|low"]),
        ("low", ["low"], ["low"]),
        ("mid|low", ["mid|low"], ["mid|low"]),
        ("talk", [], []),
        ("mid|nope", [], []),
        ("mid|low|leaf", [], []),
        ("mi", [], []),
        ("", [], []),
    ],
)
async def test_subgraphs_at_a_namespace(
    graphs: GraphDescriptions, namespace: str, found: list[str], with_inner: list[str]
) -> None:
    assert await _subgraphs(graphs, namespace=namespace) == found
    assert await _subgraphs(graphs, namespace=namespace, recurse=True) == with_inner
