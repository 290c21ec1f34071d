"""`/docs`, as a browser loads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from support.server import Server


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as http:
        yield http


def test_the_page_asks_nobody_else(http: httpx.Client) -> None:
    page = http.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert "http:" not in page.text
    assert "https:" not in page.text


@pytest.mark.parametrize("base", ["", "/behind/a/proxy"])
def test_everything_the_page_needs_is_there(http: httpx.Client, base: str) -> None:
    page = http.get("/docs")
    needed = dict.fromkeys(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    assert len(needed) == 5
    for link in needed:
        path = urljoin(f"http://here{base}/docs", link).removeprefix(f"http://here{base}")
        answer = http.get(path)
        assert answer.status_code == 200, path
        kind = {"css": "text/css", "js": "text/javascript", "png": "image/png"}
        wanted = kind.get(path.rpartition(".")[2], "application/json")
        assert answer.headers["content-type"].startswith(wanted)
        assert len(answer.content) > 100


def test_the_page_shows_the_document(http: httpx.Client) -> None:
    start = http.get("/docs/start.js").text
    found = re.search(r'url: "([^"]+)"', start)
    assert found is not None
    assert http.get(urljoin("/docs", found.group(1))).json()["openapi"] == "3.1.0"
    assert "SwaggerUIBundle" in http.get("/docs/swagger-ui-bundle.js").text


@pytest.mark.parametrize("name", ["nothing.js", "VERSION", "../__init__.py", "..%2f__init__.py"])
def test_nothing_else_is_served(http: httpx.Client, name: str) -> None:
    assert http.get(f"/docs/{name}").status_code == 404


def test_a_slash_too_many(http: httpx.Client) -> None:
    answer = http.get("/docs/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
