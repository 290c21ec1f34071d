"""The OpenAPI document: whole, consistent, and of one mind with the parsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import trio
from jsonschema import Draft202012Validator
from live import GRAPHS, Live, live
from openapi_spec_validator import OpenAPIV31SpecValidator

from lgtrio.api.app import create_app
from lgtrio.errors import InvalidRequest
from lgtrio.wire.cancels import CancelMany
from lgtrio.wire.converter import parse
from lgtrio.wire.runs import RunCreate
from lgtrio.wire.states import HistoryQuery, StateAtCheckpoint, StateUpdate
from lgtrio.wire.threads import ThreadCreate, ThreadPatch


@pytest.fixture(scope="module")
def document() -> Any:
    """As a server answers; the tests of this file only read it."""

    async def ask() -> Any:
        async with live() as api:
            answer = await api.http.get("/openapi.json")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert (await api.http.get("/openapi.json")).content == answer.content
            return answer.json()

    return trio.run(ask)


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


async def test_every_route_is_in_it(api: Live, document: Any) -> None:
    """But what the page of this document consists of."""
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in create_app(api.services).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule != "/docs/<name>"
    }
    assert {(path, method) for path, method, _ in operations(document)} == served
    assert document["openapi"].startswith("3.1.")


def test_it_is_consistent(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in document["tags"]}
    for path, _, operation in operations(document):
        in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        answers = operation["responses"].values()
        assert all("$ref" in answer or answer["description"] for answer in answers)
    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_it_is_openapi(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_the_graphs_that_are_served_are_named(document: Any) -> None:
    schemas = document["components"]["schemas"]
    graphs = {"type": "string", "enum": list(GRAPHS)}
    assert schemas["AssistantCreate"]["properties"]["graph_id"] == graphs
    for name in ("RunCreate", "CronCreate", "BatchedRun"):
        assert graphs in schemas[name]["properties"]["assistant_id"]["anyOf"]


def test_the_journal_is_marked_as_our_own(document: Any) -> None:
    own = {path for path, _, operation in operations(document) if "own" in operation["tags"][0]}
    assert own == {path for path in document["paths"] if "journal" in path}


UUID = "01a21e31-1253-77a9-95f6-fb520085e1f6"
BODIES: list[tuple[type, Any]] = [
    (RunCreate, {"assistant_id": "a"}),
    (RunCreate, {}),
    (RunCreate, {"assistant_id": None}),
    (RunCreate, {"assistant_id": 7}),
    (RunCreate, []),
    (StateAtCheckpoint, {"checkpoint": {}}),
    (StateAtCheckpoint, {}),
    (StateAtCheckpoint, {"checkpoint": {"checkpoint_id": 1}}),
    (StateAtCheckpoint, {"checkpoint": {"checkpoint_map": {}}, "subgraphs": "yes"}),
    (StateUpdate, {"values": None, "as_node": "n", "checkpoint": None, "metadata": {}}),
    (StateUpdate, {"as_node": 1}),
    (ThreadCreate, {"if_exists": "do_nothing", "metadata": None}),
    (ThreadCreate, {"if_exists": "maybe"}),
    (ThreadPatch, {"metadata": []}),
    *(
        (CancelMany, body)
        for body in (
            {"status": "all"},
            {"status": "all", "thread_id": None},
            {"status": "all", "thread_id": "t", "run_ids": []},
            {"status": None, "thread_id": UUID, "run_ids": [UUID]},
            {"thread_id": UUID, "run_ids": []},
            {"thread_id": UUID},
            {},
        )
    ),
    *((HistoryQuery, {"limit": limit}) for limit in (0, 1, 1000, 1001, "1", None, True)),
    *(
        (HistoryQuery, {"before": before})
        for before in ("id", {"checkpoint_id": "id"}, {"configurable": {}}, {}, 1)
    ),
    *(
        (RunCreate, {"assistant_id": "a", name: value})
        for name, values in {
            "stream_mode": ["values", ["values", "events"], [], "nonsense", ["nonsense"], 1, None],
            "interrupt_before": ["*", ["a"], [], "a", [1], None],
            "after_seconds": [0, 1.5, -1, 10**9, "1", None],
            "config": [{"tags": ["a"], "own": 1}, {"tags": "a"}, {"recursion_limit": "1"}, [], {}],
            "command": [
                {"resume": None},
                {"update": {"a": 1}},
                {"update": [["a", 1]]},
                {"update": [["a"]]},
                {"goto": "n"},
                {"goto": {"node": "n", "input": 1}},
                {"goto": ["n", {"node": "n"}]},
                {"goto": {"input": 1}},
                {},
                {"other": 1},
                [],
            ],
            "multitask_strategy": ["rollback", "nonsense", None],
            "durability": ["exit", "none", None],
            "checkpoint": [{"checkpoint_id": "c", "thread_id": "t"}, "c", None],
            "feedback_keys": [["k"], "k", [1], None],
            "stream_resumable": [True, "true", None],
            "metadata": [{"a": None}, [], None],
            "unknown": [1],
            "webhook": ["https://there.test/hook", "", 1, None],
        }.items()
        for value in values
    ),
]


@pytest.mark.parametrize(
    ("cls", "body"), BODIES, ids=[f"{cls.__name__}-{body}" for cls, body in BODIES]
)
def test_schemas_and_parsers_agree(document: Any, cls: type, body: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{cls.__name__}", "components": document["components"]}
    assert Draft202012Validator(schema).is_valid(body) == is_taken(cls, body)


def is_taken(cls: type, body: Any) -> bool:
    try:
        parsed = parse(cls, orjson.dumps(body))
        if isinstance(parsed, CancelMany):
            parsed.named()
    except InvalidRequest:
        return False
    return True
