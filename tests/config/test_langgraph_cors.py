"""`http.cors` of langgraph.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lgtrio.langgraph_json import LanggraphConfig, examine_langgraph_json
from lgtrio.wire.cors import CorsPolicy


def read(folder: Path, cors: Any) -> tuple[LanggraphConfig, list[str]]:
    path = folder / "langgraph.json"
    content = {"graphs": {"a": "./a.py:graph"}, "http": {"cors": cors}}
    path.write_text(json.dumps(content, indent=1))
    config, problems = examine_langgraph_json(path)
    assert all(problem.line is not None for problem in problems)
    return config, [problem.message for problem in problems]


def test_everything(tmp_path: Path) -> None:
    config, problems = read(
        tmp_path,
        {
            "allow_origins": ["https://App.test", "null", "capacitor://localhost", "http://a:81"],
            "allow_methods": ["get", "POST"],
            "allow_headers": ["X-Api-Key"],
            "allow_credentials": True,
            "allow_origin_regex": r"https://.*\.test",
            "expose_headers": ["Location"],
            "max_age": 0,
        },
    )
    assert (problems, config.warnings) == ([], [])
    policy = config.cors
    assert policy.allow_origins == [
        "https://app.test",
        "null",
        "capacitor://localhost",
        "http://a:81",
    ]
    assert (policy.allow_methods, policy.allow_headers) == (["GET", "POST"], ["X-Api-Key"])
    assert (policy.allow_credentials, policy.max_age) == (True, 0)
    assert policy.expose_headers == ["Location"]
    assert policy.allow_origin_regex is not None
    assert policy.allow_origin_regex.pattern == r"https://.*\.test"


def test_without_the_section_everybody_may(tmp_path: Path) -> None:
    assert read(tmp_path, None)[0].cors == CorsPolicy.open_to_all()


def test_an_empty_section_closes_everything(tmp_path: Path) -> None:
    config, problems = read(tmp_path, {"allow_origins": None})
    assert (problems, config.cors) == ([], CorsPolicy())


@pytest.mark.parametrize(
    ("cors", "said"),
    [
        (["*"], "`http.cors` must be an object, not a list"),
        ({"allow_origins": "*"}, "`http.cors.allow_origins` must be a list of strings"),
        ({"allow_origins": [1]}, "`http.cors.allow_origins` must be a list of strings"),
        (
            {"allow_origins": ["app.test"]},
            "`http.cors.allow_origins` has 'app.test': an origin",
        ),
        ({"allow_origins": ["https://a.test/"]}, "no path, such as https://app.example.com"),
        ({"allow_origins": ["https://*.a.test"]}, "for some use `allow_origin_regex`"),
        ({"allow_methods": ["GET,POST"]}, "`http.cors.allow_methods` has 'GET,POST': not the name"),
        ({"allow_headers": ["X Y"]}, "`http.cors.allow_headers` has 'X Y': not the name"),
        ({"expose_headers": {}}, "`http.cors.expose_headers` must be a list of strings"),
        (
            {"allow_credentials": "yes"},
            "`http.cors.allow_credentials` must be true or false",
        ),
        (
            {"allow_origin_regex": "("},
            "`http.cors.allow_origin_regex` must be a regular",
        ),
        ({"allow_origin_regex": ["a"]}, "must be a regular expression as a string, not a list"),
        ({"max_age": "600"}, "`http.cors.max_age` must be a whole number of seconds from 0, not"),
        ({"max_age": True}, "`http.cors.max_age` must be a whole number of seconds from 0, not"),
        ({"max_age": -1}, "`http.cors.max_age` must be a whole number of seconds from 0, not -1"),
    ],
)
def test_mistakes(tmp_path: Path, cors: Any, said: str) -> None:
    _, [problem] = read(tmp_path, cors)
    assert said in problem


def test_warnings(tmp_path: Path) -> None:
    config, _ = read(tmp_path, {"allow_origin": ["*"]})
    assert config.warnings == [
        "Unknown keys in `http.cors` of langgraph.json, ignored: allow_origin"
    ]
    config, _ = read(tmp_path, {"allow_origins": ["*"], "allow_credentials": True})
    [warning] = config.warnings
    assert "name the origins" in warning
