"""Health, information, and what any route answers to a request it cannot serve."""

from __future__ import annotations

import uuid

import httpx
import pytest

from support.server import Server

DEFAULT_NAMESPACE = uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")


@pytest.fixture
def http(server: Server):
    with server.http() as client:
        yield client


@pytest.mark.parametrize("path", ["/ok", "/"])
def test_health(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "services": {}}
    assert answer.headers["content-type"].startswith("application/json")


def test_health_by_head_has_no_body(http: httpx.Client) -> None:
    answer = http.head("/ok")
    assert answer.status_code == 200
    assert answer.content == b""


def test_info_names_versions_and_flags(http: httpx.Client) -> None:
    info = http.get("/info").json()
    assert info["langgraph_py_version"] == "1.2.22"
    assert info["version"]
    assert info["flags"]["assistants"] is True
    assert info["host"]["kind"] == "self-hosted"


def test_default_assistant_of_a_graph(http: httpx.Client) -> None:
    assistant_id = str(uuid.uuid5(DEFAULT_NAMESPACE, "echo"))
    assistant = http.get(f"/assistants/{assistant_id}").json()
    assert assistant["assistant_id"] == assistant_id
    assert assistant["graph_id"] == assistant["name"] == "echo"
    assert assistant["metadata"] == {"created_by": "system"}
    assert assistant["description"] == "Two nodes, one reducer"
    assert assistant["version"] == 1
    assert assistant["config"] == assistant["context"] == {}


def test_assistant_get_by_graph_name_is_refused(http: httpx.Client) -> None:
    answer = http.get("/assistants/echo")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Invalid assistant ID: must be a UUID"


def test_unknown_assistant(http: httpx.Client) -> None:
    assert http.get(f"/assistants/{uuid.uuid4()}").status_code == 404


def test_unknown_path(http: httpx.Client) -> None:
    answer = http.get("/no/such/thing")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Not Found"


def test_wrong_method_names_the_right_one(http: httpx.Client) -> None:
    answer = http.get("/threads")
    assert answer.status_code == 405
    assert answer.json()["detail"] == "Method Not Allowed"
    assert "POST" in answer.headers["allow"]


def test_trailing_slash_redirects(http: httpx.Client) -> None:
    answer = http.post("/threads/", json={})
    assert answer.status_code == 307
    assert httpx.URL(answer.headers["location"]).path == "/threads"


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"metadata": NaN}', b'"\\ud800"', b"\xff\xfe", b'{"a": 1} x']
)
def test_body_that_is_not_json(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/threads", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Invalid JSON in request body"


def test_body_is_json_whatever_the_content_type_says(http: httpx.Client) -> None:
    answer = http.post("/threads", content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 200


def test_unknown_body_fields_are_ignored(http: httpx.Client) -> None:
    assert http.post("/threads", json={"no_such_field": 1}).status_code == 200


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/threads/xyz", "Invalid thread ID"),
        ("/threads/xyz/state", "Invalid thread ID"),
        ("/threads/00000000-0000-4000-8000-000000000000/runs/xyz", "Invalid run ID"),
        ("/assistants/xyz", "Invalid assistant ID"),
    ],
)
def test_path_ids_must_be_uuids(http: httpx.Client, path: str, detail: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)


def test_any_origin_may_call_and_read_the_headers_clients_need(http: httpx.Client) -> None:
    answer = http.get("/ok", headers={"origin": "http://elsewhere.test"})
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert "content-location" in exposed
    assert "x-pagination-next" in exposed


def test_errors_reach_browsers_too(http: httpx.Client) -> None:
    answer = http.get("/threads/xyz", headers={"origin": "http://elsewhere.test"})
    assert answer.status_code == 422
    assert answer.headers["access-control-allow-origin"] == "*"


def test_preflight(http: httpx.Client) -> None:
    answer = http.options(
        "/threads",
        headers={
            "origin": "http://elsewhere.test",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-api-key",
        },
    )
    assert answer.status_code == 200
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "x-api-key" in answer.headers["access-control-allow-headers"]


def test_connection_is_usable_after_an_error(server: Server) -> None:
    limits = httpx.Limits(max_connections=1)
    with server.http(limits=limits) as client:
        assert client.get("/threads/xyz").status_code == 422
        assert client.post("/threads", content=b"{").status_code == 422
        assert client.get("/ok").status_code == 200
