"""The section `webhooks` of langgraph.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lgtrio.errors import SettingsError
from lgtrio.langgraph_json import LanggraphConfig, examine_langgraph_json
from lgtrio.langgraph_webhooks import WebhooksConfig
from lgtrio.webhooks.policy import UrlPolicy


def read(folder: Path, webhooks: Any) -> tuple[LanggraphConfig, list[str]]:
    path = folder / "langgraph.json"
    path.write_text(json.dumps({"graphs": {"a": "./a.py:graph"}, "webhooks": webhooks}, indent=1))
    config, problems = examine_langgraph_json(path)
    assert all(problem.line is not None for problem in problems)
    return config, [problem.message for problem in problems]


def test_everything(tmp_path: Path) -> None:
    url = {
        "require_https": True,
        "allowed_domains": ["*.there.test"],
        "allowed_ports": [443],
        "max_url_length": 99,
        "disable_loopback": False,
    }
    section = {"env_prefix": "P_", "url": url, "headers": {"X-A": "1 ${{ env.P_A }}"}}
    config, problems = read(tmp_path, section)
    assert problems == []
    assert config.warnings == []
    assert config.webhooks == WebhooksConfig(UrlPolicy(**url), {"X-A": "1 ${{ env.P_A }}"}, "P_")


@pytest.mark.parametrize("section", [None, {}, {"url": None, "headers": None}])
def test_nothing(tmp_path: Path, section: Any) -> None:
    config, problems = read(tmp_path, section)
    assert problems == []
    assert config.webhooks == WebhooksConfig()
    assert config.webhooks.url.disable_loopback


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (1, "`webhooks` must be an object, not a number"),
        ({"url": []}, "`webhooks.url` must be an object, not a list"),
        ({"headers": "X"}, "`webhooks.headers` must be an object, not a string"),
        ({"headers": {"X Y": "1"}}, "`webhooks.headers.X Y` must be a header's name and its text"),
        ({"headers": {"X": 1}}, "`webhooks.headers.X` must be a header's name and its text"),
        ({"env_prefix": ""}, "`webhooks.env_prefix` must be a text that is not empty"),
        ({"url": {"require_https": 1}}, "`webhooks.url.require_https` must be true or false"),
        ({"url": {"allowed_domains": "a"}}, "`webhooks.url.allowed_domains` must be a list of"),
        ({"url": {"allowed_ports": ["1"]}}, "`webhooks.url.allowed_ports` must be a list of port"),
        ({"url": {"allowed_ports": [0]}}, "`webhooks.url.allowed_ports` must be a list of port"),
        ({"url": {"max_url_length": 0}}, "`webhooks.url.max_url_length` must be a number above 0"),
        ({"url": {"disable_loopback": "no"}}, "`webhooks.url.disable_loopback` must be true or"),
    ],
)
def test_mistakes(tmp_path: Path, section: Any, said: str) -> None:
    _, problems = read(tmp_path, section)
    [problem] = problems
    assert problem.startswith(said)


def test_unknown_keys(tmp_path: Path) -> None:
    config, problems = read(tmp_path, {"uri": 1, "url": {"ports": 1}})
    assert problems == []
    assert config.warnings == [
        "Unknown keys in `webhooks` of langgraph.json, ignored: uri",
        "Unknown keys in `webhooks.url` of langgraph.json, ignored: ports",
    ]


def test_headers_take_variables_of_the_prefix() -> None:
    config = WebhooksConfig(headers={"X": "a ${{ env.LG_WEBHOOK_A }}${{env.LG_WEBHOOK_B}}"})
    environ = {"LG_WEBHOOK_A": "1", "LG_WEBHOOK_B": "2"}
    assert config.resolved_headers(environ) == {"X": "a 12"}
    assert "LG_WEBHOOK_A" not in repr(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${{ env.SECRET }}", "does not begin with LG_WEBHOOK_"),
        ("${{ env.LG_WEBHOOK_NONE }}", "is not set"),
        ("${{ env.LG_WEBHOOK_LINES }}", "printable ASCII"),
    ],
)
def test_headers_that_cannot_be_sent(text: str, said: str) -> None:
    config = WebhooksConfig(headers={"X": text})
    with pytest.raises(SettingsError, match=said):
        config.resolved_headers({"SECRET": "s", "LG_WEBHOOK_LINES": "a\r\nb"})
