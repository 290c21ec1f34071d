"""The documentation agrees with the code: options, statuses, links, code blocks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

import lgtrio
from lgtrio.config import DEMO_CONFIG, option_of, setting_fields, settings_table, variable_of
from lgtrio.errors import RequestError
from lgtrio.langgraph_json import read_langgraph_json
from lgtrio.storage.interface import Cause
from lgtrio.welcome import lines_to_try, welcome
from lgtrio.wire.enums import MultitaskStrategy, RunStatus, StreamMode, ThreadStatus

ROOT = Path(__file__).parents[1]
DOCS = Path(lgtrio.__file__).parent / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)]+)\)")


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def blocks(language: str) -> list[Any]:
    """A test parameter for each code block of a language in any page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in _FENCE.finditer(text):
            if block.group(1) == language:
                line = text.count("\n", 0, block.start()) + 1
                found.append(pytest.param(block.group(2), id=f"{page.name}:{line}"))
    return found


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


# -- parity with the code --------------------------------------------------------------------
def test_the_table_of_options_is_the_one_of_the_code() -> None:
    assert settings_table() in text_of("configuration.md")


def test_options_named_anywhere_exist() -> None:
    known = {option_of(each.name) for each in setting_fields()} | {"--help"}
    variables = {variable_of(each.name) for each in setting_fields()}
    for page in PAGES:
        prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
        assert set(re.findall(r"`(--[a-z][a-z-]+)", prose)) - {"--option"} <= known, page.name
        assert set(re.findall(r"LGTRIO_[A-Z_]+", prose)) <= variables, page.name


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("runs.md", RunStatus),
        ("runs.md", ThreadStatus),
        ("runs.md", MultitaskStrategy),
        ("runs.md", Cause),
        ("streams.md", StreamMode),
    ],
)
def test_every_word_of_a_closed_set_is_explained(page: str, words: type[StrEnum]) -> None:
    text = text_of(page)
    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_status_code_of_an_error_is_explained() -> None:
    def with_subclasses(kind: type[RequestError]) -> Iterator[type[RequestError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from with_subclasses(each)

    unused = {401, 403}  # authentication is not there yet
    statuses = {kind.status for kind in with_subclasses(RequestError)} - unused
    text = text_of("errors.md")
    assert [status for status in sorted(statuses) if f"| {status} |" not in text] == []


def test_every_page_is_listed() -> None:
    listed = set(_LINK.findall(text_of("index.md")))
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= listed


def test_the_newest_change_note_is_of_this_version() -> None:
    first = re.search(r"^## (.+)$", text_of("changes.md"), re.MULTILINE)
    assert first is not None
    assert first.group(1) == lgtrio.__version__


def test_the_readme_names_every_demo_graph() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [
        name for name in read_langgraph_json(DEMO_CONFIG).graphs if f"`{name}`" not in text
    ] == []


# -- links and code --------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("code", blocks("python"))
def test_python_parses(code: str) -> None:
    ast.parse(code)


@pytest.mark.parametrize("code", blocks("json"))
def test_json_parses(code: str) -> None:
    json.loads(code)


@pytest.mark.parametrize("code", blocks("shell"))
def test_shell_parses(code: str) -> None:
    subprocess.run(["sh", "-n"], input=code, text=True, check=True, timeout=10)


def test_every_fence_says_its_language() -> None:
    for page in PAGES:
        fences = re.findall(r"^```.*$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert all(len(fence) > 3 for fence in fences[::2]), page.name
        assert len(fences) % 2 == 0, page.name


# -- what the server says when it listens ----------------------------------------------------
def test_the_welcome_has_the_lines_to_try() -> None:
    text = welcome("http://127.0.0.1:7", ["agent", "other"])
    for line in lines_to_try("http://127.0.0.1:7", ["agent", "other"]):
        assert f"\n  {line}\n" in text
    assert "agent, other" in text


@pytest.mark.parametrize("graph", ["chat", "it's", 'a "b" $HOME `c` \\ !'])
def test_the_lines_to_try_are_words_a_shell_reads_back(graph: str) -> None:
    curl, python = (
        subprocess.run(
            ["sh", "-c", f"printf '%s\\0' {line}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.split("\0")[:-1]
        for line in lines_to_try("http://127.0.0.1:7", [graph])
    )
    assert json.loads(curl[-1])["assistant_id"] == graph
    call = ast.parse(python[-1])
    constants = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
    assert graph in constants
    assert "http://127.0.0.1:7" in constants
