"""langgraph.json: what is read, and each mistake with its line."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from lgtrio.config import DEMO_CONFIG
from lgtrio.langgraph_json import (
    LanggraphConfig,
    LanggraphJsonError,
    examine_langgraph_json,
    read_langgraph_json,
)

GRAPHS = {"agent": "./agent.py:graph"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # problems show paths relative to it
    return tmp_path


def write(folder: Path, content: Any) -> Path:
    path = folder / "langgraph.json"
    text = textwrap.dedent(content) if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, **keys: Any) -> LanggraphConfig:
    return read_langgraph_json(write(folder, {"graphs": GRAPHS, **keys}))


def problems(folder: Path, content: Any) -> list[str]:
    _, found = examine_langgraph_json(write(folder, content))
    return [str(each) for each in found]


def test_graphs_by_file_and_by_module_with_a_description(folder: Path) -> None:
    content = {
        "graphs": {
            "file": "./src/agent.py:graph",
            "module": {"path": "agents.chat:make", "description": "Chats"},
            "bare": "agent.py:graph",
        }
    }
    graphs = read_langgraph_json(write(folder, content)).graphs
    assert list(graphs) == ["file", "module", "bare"]
    assert (graphs["file"].file, graphs["file"].module) == (folder / "src" / "agent.py", None)
    assert (graphs["module"].file, graphs["module"].module) == (None, "agents.chat")
    assert (graphs["module"].variable, graphs["module"].description) == ("make", "Chats")
    assert graphs["bare"].file == folder / "agent.py"


def test_the_demo_configuration_is_good() -> None:
    assert not read_langgraph_json(DEMO_CONFIG).warnings


def test_dependencies_are_folders_on_the_search_path(folder: Path) -> None:
    project = folder / "lib"
    (project / "src").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    config = load(folder, dependencies=[".", "./lib"])
    assert config.search_path == [str(each) for each in (folder, project, project / "src")]


def test_a_package_among_the_dependencies_is_only_looked_for(folder: Path) -> None:
    config = load(folder, dependencies=["trio>=0.1", "surely-not-installed"])
    assert [warning.split("'")[1] for warning in config.warnings] == ["surely-not-installed"]
    assert config.dependencies == []


def test_env_as_an_object(folder: Path) -> None:
    assert load(folder, env={"KEY": "x", "SECONDS": 60}).env == {"KEY": "x", "SECONDS": "60"}


def test_env_as_a_file_beside_it(folder: Path) -> None:
    (folder / ".env").write_text("# keys\nKEY='a b'\nexport OTHER=1\nNO_VALUE\n")
    assert load(folder, env=".env").env == {"KEY": "a b", "OTHER": "1"}


def test_the_callers_environment_wins_over_env(folder: Path) -> None:
    environ = {"KEY": "mine"}
    load(folder, env={"KEY": "theirs", "NEW": "1"}).apply_env(environ)
    assert environ == {"KEY": "mine", "NEW": "1"}


def test_env_is_not_shown(folder: Path) -> None:
    assert "secret" not in repr(load(folder, env={"KEY": "secret"}))


def test_unknown_keys_are_named_and_ignored(folder: Path) -> None:
    config = load(folder, grahps={}, http={"shiny": 1}, python_version="3.12", ui={})
    assert config.warnings == [
        "Only for building images, ignored: python_version",
        "Not supported yet, ignored: ui",
        "Unknown keys in langgraph.json, ignored: grahps, http.shiny",
    ]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"auth": {"path": "./a.py:auth"}}, "open to everybody"),
        ({"http": {"app": "./a.py:app"}}, "your routes"),
        ({"http": {"disable_store": True}}, "would be open"),
        ({"store": {"path": "./a.py:store"}}, "another store"),
    ],
)
def test_keys_that_would_be_dangerous_to_ignore_are_refused(
    folder: Path, keys: dict[str, Any], reason: str
) -> None:
    [problem] = problems(folder, {"graphs": GRAPHS, **keys})
    assert reason in problem
    assert "Remove it" in problem


def test_harmless_values_of_dangerous_keys_pass(folder: Path) -> None:
    assert not load(folder, http={"disable_store": False}, auth=None).warnings


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[1]", "langgraph.json:1: must be a JSON object, not a list"),
        ("{", "not valid JSON: Expecting property name"),
        ('{\n // no\n "graphs": {}}', "langgraph.json:2: not valid JSON"),
        ('{\n // no\n "graphs": {}}', "comments are not allowed"),
        ("{}", "`graphs` is missing; for example"),
        ('{"graphs": {}}', "langgraph.json:1: `graphs` names no graph"),
        ('{\n"graphs": [\n]}', "langgraph.json:2: `graphs` must be an object, not a list"),
        ('{"graphs": {\n"a": "./a.py"}}', "langgraph.json:2: graph 'a' is './a.py'; it must be"),
        ('{"graphs": {\n"a": 1}}', "langgraph.json:2: graph 'a' must be a \"path.py:variable\""),
        ('{"graphs": {\n"": "a:b"}}', "langgraph.json:2: a graph needs a name"),
        ('{"graphs": {"a": "./a.ts:graph"}}', "JavaScript graphs are not supported"),
        ('{"graphs": {"a": "a:b"},\n "env": 1}', "langgraph.json:2: `env` must be an object"),
        ('{"graphs": {"a": "a:b"},\n "env": "nope"}', "langgraph.json:2: the `env` file"),
        (
            '{"graphs": {"a": "a:b"},\n "env": {\n"X": []}}',
            "langgraph.json:3: `env.X` must be a string, not a list",
        ),
        (
            '{"graphs": {"a": "a:b"},\n "dependencies": [".",\n "./nope"]}',
            "langgraph.json:3: the dependency './nope' is not a folder",
        ),
        ('{"graphs": {"a": "a:b"},\n "graphs": {"b": "a:b"}}', "langgraph.json:2: `graphs` is"),
        ('{"graphs": {"a": "a:b"}, "http": 3}', "`http` must be an object, not a number"),
    ],
)
def test_a_mistake_is_told_with_its_line(folder: Path, content: str, expected: str) -> None:
    [problem] = problems(folder, content)
    assert expected in problem


def test_a_broken_env_file_is_blamed_itself(folder: Path) -> None:
    (folder / ".env").write_text("KEY=1\n= broken\n")
    assert problems(folder, {"graphs": GRAPHS, "env": ".env"}) == [
        ".env:2: not a line of the form NAME=value"
    ]


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    path = write(folder, {"graphs": {"a": 1, "b": "x"}, "dependencies": 1, "env": 1})
    with pytest.raises(LanggraphJsonError) as caught:
        read_langgraph_json(path)
    assert len(caught.value.problems) == 4
    assert caught.value.detail.count("\n") == 3


def test_a_file_that_is_not_text_or_not_there(folder: Path) -> None:
    path = folder / "langgraph.json"
    assert "cannot be read" in str(examine_langgraph_json(path)[1][0])
    path.write_bytes(b"\xff\xfe{}")
    assert "not UTF-8" in str(examine_langgraph_json(path)[1][0])
