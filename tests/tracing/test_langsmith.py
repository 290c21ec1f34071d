"""Traces of a real server, sent to something that LangSmith could be."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from support.langsmith import DEFAULT_PROJECT, Langsmith, langsmith
from support.sdk import open_sdk
from support.server import Server, running


@pytest.fixture(scope="module")
def traces() -> Iterator[Langsmith]:
    with langsmith() as there:
        yield there


@pytest.fixture(scope="module")
def tracing_server(traces: Langsmith, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    database = tmp_path_factory.mktemp("tracing") / "lgtrio.db"
    with running(database, environment=traces.environment) as server:
        yield server


@pytest.mark.parametrize("mode", ["values", "messages-tuple"])
def test_a_trace_belongs_where_the_client_says(
    tracing_server: Server, traces: Langsmith, mode: str
) -> None:
    example_id = str(uuid4())
    with open_sdk("sync", tracing_server.url) as sdk:
        thread_id = sdk.threads.create()["thread_id"]
        tracing = {"project_name": "mine", "example_id": example_id}
        given = {"input": {"foo": "1"}, "stream_mode": mode}
        list(sdk.runs.stream(thread_id, "echo", **given, langsmith_tracing=tracing))
        [run] = sdk.runs.list(thread_id)
    told = traces.find(id=run["run_id"])
    assert told is not None
    assert (told["session_name"], told["reference_example_id"]) == ("mine", example_id)
    for node in ("e1", "e2"):
        inner = traces.find(parent_run_id=run["run_id"], name=node)
        assert inner is not None
        assert inner["session_name"] == "mine"


def test_other_traces_belong_where_the_server_says(
    tracing_server: Server, traces: Langsmith
) -> None:
    with open_sdk("sync", tracing_server.url) as sdk:
        run = sdk.runs.create(None, "echo", input={"foo": "1"})
    told = traces.find(id=run["run_id"])
    assert told is not None
    assert told["session_name"] == DEFAULT_PROJECT


def test_examples_are_named_by_uuids(server: Server) -> None:
    body = {"assistant_id": "echo", "langsmith_tracer": {"example_id": "first"}}
    answer = httpx.post(f"{server.url}/runs/wait", json=body)
    assert answer.status_code == 422
    assert "`example_id` must be a UUID" in answer.json()["detail"]


def test_a_server_that_does_not_trace_runs_all_the_same(server: Server) -> None:
    body = {"assistant_id": "echo", "langsmith_tracer": {"project_name": "mine"}}
    answer = httpx.post(f"{server.url}/runs/wait", json={**body, "input": {"foo": "1"}})
    assert answer.json()["foo"] == "1!"
