"""Traces of a real server, sent to something that LangSmith could be."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.sdk import open_sdk
from support.server import Server, running
from support.waiting import eventually

DEFAULT_PROJECT = "everything"
PLAIN_JSON = {
    "use_multipart_endpoint": False,
    "size_limit": 100,
    "size_limit_bytes": 20_000_000,
    "scale_up_nthreads_limit": 1,
    "scale_up_qsize_trigger": 1000,
}
"""How runs are to be sent."""


class Langsmith(ThreadingHTTPServer):
    """Keeps what runs it is told of."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: list[dict[str, Any]] = []

    def root(self, run_id: str) -> dict[str, Any]:
        """What is told of the beginning of a run of the server."""
        return eventually(lambda: [each for each in self.runs if each["id"] == run_id])[0]


class Handler(BaseHTTPRequestHandler):
    server: Langsmith

    def do_GET(self) -> None:
        self._answer({"version": "1", "batch_ingest_config": PLAIN_JSON})

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.runs += told["post"]
        self._answer({})

    def _answer(self, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def langsmith() -> Iterator[Langsmith]:
    with Langsmith() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tracing_server(
    langsmith: Langsmith, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    environment = {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{langsmith.server_port}",
        "LANGSMITH_API_KEY": "key",
        "LANGSMITH_PROJECT": DEFAULT_PROJECT,
    }
    database = tmp_path_factory.mktemp("tracing") / "lgtrio.db"
    with running(database, environment=environment) as server:
        yield server


@pytest.mark.parametrize("mode", ["values", "messages-tuple"])
def test_a_trace_belongs_where_the_client_says(
    tracing_server: Server, langsmith: Langsmith, mode: str
) -> None:
    example_id = str(uuid4())
    with open_sdk("sync", tracing_server.url) as sdk:
        thread_id = sdk.threads.create()["thread_id"]
        tracing = {"project_name": "mine", "example_id": example_id}
        given = {"input": {"foo": "1"}, "stream_mode": mode}
        list(sdk.runs.stream(thread_id, "echo", **given, langsmith_tracing=tracing))
        [run] = sdk.runs.list(thread_id)
    told = langsmith.root(run["run_id"])
    assert (told["session_name"], told["reference_example_id"]) == ("mine", example_id)
    inner = eventually(
        lambda: [each for each in langsmith.runs if each.get("parent_run_id") == run["run_id"]]
    )
    assert {each["session_name"] for each in inner} == {"mine"}


def test_other_traces_belong_where_the_server_says(
    tracing_server: Server, langsmith: Langsmith
) -> None:
    with open_sdk("sync", tracing_server.url) as sdk:
        run = sdk.runs.create(None, "echo", input={"foo": "1"})
    assert langsmith.root(run["run_id"])["session_name"] == DEFAULT_PROJECT


def test_examples_are_named_by_uuids(server: Server) -> None:
    body = {"assistant_id": "echo", "langsmith_tracer": {"example_id": "first"}}
    answer = httpx.post(f"{server.url}/runs/wait", json=body)
    assert answer.status_code == 422
    assert "`example_id` must be a UUID" in answer.json()["detail"]


def test_a_server_that_does_not_trace_runs_all_the_same(server: Server) -> None:
    body = {"assistant_id": "echo", "langsmith_tracer": {"project_name": "mine"}}
    answer = httpx.post(f"{server.url}/runs/wait", json={**body, "input": {"foo": "1"}})
    assert answer.json()["foo"] == "1!"
