"""Assistants over HTTP: what is refused, what is shown, and edge cases no SDK sends."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from live import GRAPHS, Live, run_body

from lgtrio.wire.ids import default_assistant_id

UNKNOWN = str(uuid4())


async def _create(api: Live, **body: Any) -> Any:
    answer = await api.http.post("/assistants", json={"graph_id": "scripted", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _patch(api: Live, assistant: Any, **body: Any) -> Any:
    return (await api.http.patch(f"/assistants/{assistant['assistant_id']}", json=body)).json()


def _detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert isinstance(detail, str)
    return detail


async def test_a_new_assistant(api: Live) -> None:
    created = await _create(api, unknown_field=1, name=None, metadata=None)
    assert list(created) == [
        "assistant_id",
        "graph_id",
        "config",
        "context",
        "metadata",
        "name",
        "created_at",
        "updated_at",
        "version",
        "description",
    ]
    assert UUID(created["assistant_id"]).version == 4
    assert (created["name"], created["version"], created["description"]) == ("Untitled", 1, None)
    assert created["config"] == created["context"] == created["metadata"] == {}
    assert created["created_at"] == created["updated_at"]
    path = f"/assistants/{created['assistant_id'].upper()}"
    assert (await api.http.get(path)).json() == created


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"graph_id": "nope"}, 404, "Graph 'nope' not found. Expected one of: ['other', 'scrip"),
        ({}, 422, "`graph_id` is required"),
        ({"graph_id": None}, 422, "`graph_id` is required"),
        ({"graph_id": "other", "assistant_id": "x"}, 422, "Invalid assistant ID: must be a UUID"),
        ({"graph_id": "other", "if_exists": "x"}, 422, "`if_exists` must be one of"),
        ({"graph_id": "other", "metadata": []}, 422, "`metadata` must be an object"),
        ({"graph_id": "other", "config": {"configurable": 1}}, 422, "`configurable` must be"),
        ({"graph_id": "other", "config": {"tags": "t"}}, 422, "`tags` must be a list of strings"),
        ({"graph_id": "other", "config": {"recursion_limit": "9"}}, 422, "must be an integer"),
        (
            {"graph_id": "other", "config": {"configurable": {"a": 1}}, "context": {"a": 1}},
            400,
            "Cannot specify both configurable and context",
        ),
    ],
)
async def test_create_refuses(api: Live, body: Any, status: int, sentence: str) -> None:
    assert sentence in _detail(await api.http.post("/assistants", json=body), status)


# Given, what is stored as config and as context.
BOTH = [
    ({}, {}, {}),
    ({"config": {}, "context": {}}, {}, {}),
    ({"config": {"configurable": {"a": 1}}}, {"configurable": {"a": 1}}, {"a": 1}),
    ({"context": {"a": 1}}, {"configurable": {"a": 1}}, {"a": 1}),
    (
        {"config": {"tags": ["t"]}, "context": {"a": 1}},
        {"tags": ["t"], "configurable": {"a": 1}},
        {"a": 1},
    ),
    ({"config": {"configurable": {}}, "context": {"a": 1}}, {"configurable": {"a": 1}}, {"a": 1}),
    ({"config": {"configurable": {"a": 1}}, "context": {}}, {"configurable": {"a": 1}}, {"a": 1}),
    ({"config": {"recursion_limit": 5, "x": None}}, {"recursion_limit": 5, "x": None}, {}),
]


@pytest.mark.parametrize(("given", "config", "context"), BOTH)
async def test_config_and_context_are_copied(
    api: Live, given: Any, config: Any, context: Any
) -> None:
    created = await _create(api, **given)
    assert (created["config"], created["context"]) == (config, context)


@pytest.mark.parametrize(
    ("given", "config", "context"),
    [
        ({}, {"tags": ["t"], "configurable": {"old": 1}}, {"old": 1}),
        ({"config": {"recursion_limit": 5}}, {"recursion_limit": 5}, {"old": 1}),
        ({"config": {}}, {}, {}),
        ({"context": {}}, {}, {}),
        ({"config": {"tags": []}, "context": {}}, {"tags": []}, {}),
        *(row for row in BOTH if {"a": 1} in row),
    ],
)
async def test_patch_replaces_config_and_context(
    api: Live, given: Any, config: Any, context: Any
) -> None:
    old = await _create(api, config={"tags": ["t"], "configurable": {"old": 1}})
    patched = await _patch(api, old, **given)
    assert (patched["config"], patched["context"]) == (config, context)


async def test_patch_refuses(api: Live) -> None:
    path = f"/assistants/{(await _create(api))['assistant_id']}"
    both = {"config": {"configurable": {"a": 1}}, "context": {"a": 1}}
    assert "Cannot specify both" in _detail(await api.http.patch(path, json=both), 400)
    tags = await api.http.patch(path, json={"config": {"tags": "t"}})
    assert "`tags` must be a list of strings" in _detail(tags, 422)
    unknown_graph = await api.http.patch(path, json={"graph_id": "nope"})
    assert "Graph 'nope' not found" in _detail(unknown_graph, 404)
    assert (await api.http.get(path)).json()["version"] == 1


async def test_quirk_02_an_empty_patch_is_a_version(api: Live) -> None:
    created = await _create(api, metadata={"a": 1}, name="n", description="d")
    patched = await _patch(api, created)
    assert patched == {**created, "version": 2, "updated_at": patched["updated_at"]}


async def test_unknown_ones(api: Live) -> None:
    sentence = f"Assistant {UNKNOWN} not found"
    path = f"/assistants/{UNKNOWN}"
    assert _detail(await api.http.get(path), 404) == "Not Found"
    assert _detail(await api.http.patch(path, json={}), 404) == sentence
    assert _detail(await api.http.post(f"{path}/versions", json={}), 404) == sentence
    assert _detail(await api.http.post(f"{path}/latest", json={"version": 1}), 404) == sentence
    for query in ("", "?delete_threads=true"):
        gone = await api.http.delete(path + query)
        assert _detail(gone, 404) == f"Assistant with ID {UNKNOWN} not found"
    for part in ("graph", "schemas", "subgraphs", "subgraphs/x"):
        assert _detail(await api.http.get(f"{path}/{part}"), 404) == "Not Found"


async def test_quirk_05_only_the_drawing_takes_the_name_of_a_graph(api: Live) -> None:
    sentence = "Invalid assistant ID: must be a UUID"
    for part in ("", "/schemas", "/subgraphs"):
        assert _detail(await api.http.get(f"/assistants/scripted{part}"), 422) == sentence
    assert (await api.http.get("/assistants/scripted/graph")).json()["graph_id"] == "scripted"
    assert _detail(await api.http.get("/assistants/nope/graph"), 422) == sentence


async def test_versions(api: Live) -> None:
    first = await _create(api, metadata={"a": 1})
    second = await _patch(api, first, metadata={"a": 2})
    path = f"/assistants/{first['assistant_id']}"
    listed = (await api.http.post(f"{path}/versions", json={})).json()
    assert [each["version"] for each in listed] == [2, 1]
    assert list(listed[0]) == [
        "assistant_id",
        "version",
        "graph_id",
        "config",
        "context",
        "metadata",
        "created_at",
        "name",
        "description",
    ]
    assert listed[0]["created_at"] == second["updated_at"]
    for body in ({"limit": 0}, {"limit": 1001}, {"offset": -1}):
        _detail(await api.http.post(f"{path}/versions", json=body), 422)
    assert "JSON" in _detail(await api.http.post(f"{path}/versions"), 422)
    for number in (99, 0, -1, 1 << 63, (1 << 64) - 1):
        unknown = await api.http.post(f"{path}/latest", json={"version": number})
        sentence = f"Version {number} not found for assistant {first['assistant_id']}"
        assert _detail(unknown, 404) == sentence
    for wrong in ({}, {"version": "1"}, {"version": True}):
        _detail(await api.http.post(f"{path}/latest", json=wrong), 422)


@pytest.mark.parametrize("path", ["/assistants/search", "/assistants/count"])
async def test_searches_refuse(api: Live, path: str) -> None:
    unknown = await api.http.post(path, json={"graph_id": "nope"})
    assert "Graph 'nope' not found" in _detail(unknown, 404)
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"a": deep}
    assert "cannot be stored" in _detail(await api.http.post(path, json={"metadata": deep}), 422)
    if path.endswith("search"):
        wrong = [{"select": ["nope"]}, {"select": "name"}, {"sort_by": "version"}]
        wrong += [{"sort_order": "up"}, {"limit": 0}, {"limit": 1001}, {"offset": -1}]
        for body in wrong:
            _detail(await api.http.post(path, json=body), 422)


async def test_quirk_01_the_total_is_a_total(api: Live) -> None:
    for number in range(5):
        await _create(api, metadata={"of": "total", "number": number})
    wanted = {"metadata": {"of": "total"}, "limit": 2, "sort_by": "created_at"}
    pages = [
        await api.http.post("/assistants/search", json={**wanted, "offset": offset})
        for offset in (0, 2, 4, 6)
    ]
    assert [page.headers["X-Pagination-Total"] for page in pages] == ["5"] * 4
    following = [page.headers.get("X-Pagination-Next") for page in pages]
    assert following == ["2", "4", None, None]
    numbers = [each["metadata"]["number"] for page in pages for each in page.json()]
    assert numbers == [4, 3, 2, 1, 0]
    count = await api.http.post("/assistants/count", json={"metadata": {"of": "total"}})
    assert count.json() == 5


async def test_select(api: Live) -> None:
    await _create(api, name="one", metadata={"of": "select"})
    wanted = {"metadata": {"of": "select"}}
    some = await api.http.post("/assistants/search", json={**wanted, "select": ["name", "config"]})
    assert some.json() == [{"config": {}, "name": "one"}]
    assert list(some.json()[0]) == ["config", "name"]
    none = await api.http.post("/assistants/search", json={**wanted, "select": []})
    assert len(none.json()[0]) == 10


async def test_the_assistants_of_graphs(api: Live) -> None:
    found = (await api.http.post("/assistants/search", json={})).json()
    assert {each["assistant_id"] for each in found} == {default_assistant_id(g) for g in GRAPHS}
    assert [each["metadata"] for each in found] == [{"created_by": "system"}] * 2
    path = f"/assistants/{default_assistant_id('other')}"
    assert (await api.http.delete(path)).status_code == 204
    refused = await api.http.post("/runs", json={**run_body(), "assistant_id": "other"})
    assert _detail(refused, 404) == "Thread or assistant not found."


async def test_delete_with_its_threads(api: Live) -> None:
    """More of them than are looked for at once, one with a run that is under way."""
    assistant_id = (await _create(api))["assistant_id"]
    busy = await api.thread()
    run = await api.background(busy, ["gate", "never"], assistant_id=assistant_id)
    await api.executor.reached["never"].wait()
    own = [await api.thread(metadata={"assistant_id": assistant_id}) for _ in range(101)]
    other = await api.thread(metadata={"assistant_id": UNKNOWN})
    answer = await api.http.delete(f"/assistants/{assistant_id}?delete_threads=true")
    assert (answer.status_code, answer.content) == (204, b"")
    for thread_id in (busy, *own):
        assert await api.storage.get_thread(thread_id) is None
    assert await api.storage.get_thread(other) is not None
    assert await api.status(run["run_id"]) is None
    assert busy not in api.executor.active


async def test_delete_leaves_threads_alone(api: Live) -> None:
    assistant_id = (await _create(api))["assistant_id"]
    thread_id = await api.thread()
    run = await api.background(thread_id, assistant_id=assistant_id)
    assert await api.ended(run["run_id"]) == "success"
    await api.http.delete(f"/assistants/{assistant_id}?delete_threads=false")
    assert (await api.http.get(f"/threads/{thread_id}")).json()["status"] == "idle"
    assert (await api.http.get(f"/threads/{thread_id}/runs/{run['run_id']}")).status_code == 200


@pytest.mark.parametrize(
    ("text", "depth"),
    [("", False), ("false", False), ("False", False), ("true", True), ("1", 1), ("12", 12)],
)
async def test_xray(api: Live, text: str, depth: int | bool) -> None:
    answer = await api.http.get(f"/assistants/scripted/graph?xray={text}")
    assert answer.json()["depth"] is depth or answer.json()["depth"] == depth


@pytest.mark.parametrize("text", ["0", "-1", "nope", "1.5", "²", "9" * 5000])
async def test_xray_refused(api: Live, text: str) -> None:
    answer = await api.http.get("/assistants/scripted/graph", params={"xray": text})
    assert "Invalid xray value" in _detail(answer, 422)


async def test_descriptions_are_of_the_assistant(api: Live) -> None:
    """Its graph, and its config, which a graph that is built for it may depend on."""
    made = await _create(api, graph_id="other", config={"configurable": {"size": 1}})
    path = f"/assistants/{made['assistant_id']}"
    own = {"graph_id": "other", "config": {"configurable": {"size": 1}}}
    assert (await api.http.get(f"{path}/schemas")).json() == own
    assert (await api.http.get(f"{path}/graph")).json() == {**own, "depth": False}
    inside = (await api.http.get(f"{path}/subgraphs?recurse=true")).json()
    assert inside == {**own, "namespace": None, "recurse": True}
    for namespace in ("a", "a|b", "a/b|c"):
        named = (await api.http.get(f"{path}/subgraphs/{namespace}")).json()
        assert named == {**own, "namespace": namespace, "recurse": False}
