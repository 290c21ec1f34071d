"""The JavaScript clients and their React hook, in Node.js, against a live server.

The checks themselves are the scripts beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support import js
from support.server import Server, running

CHAPTERS = ("assistants", "threads", "states", "runs", "streams", "crons", "store")
CLIENTS = {"assistants", "threads", "runs", "crons", "store"}

Outcomes = dict[str, str | None]
"""Name of each check to None, or to why it failed."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    js.install()
    with running(tmp_path_factory.mktemp("js") / "lgtrio.db") as server:
        yield server


@pytest.fixture(scope="module", params=js.SDKS)
def story(request: pytest.FixtureRequest, server: Server) -> dict[str, Any]:
    """What `story.mjs` prints."""
    printed: dict[str, Any] = js.run_script("story.mjs", url=server.url, sdk=request.param)
    return printed


def check(outcomes: Outcomes) -> None:
    assert outcomes
    failed = [f"{name}: {why}" for name, why in outcomes.items() if why is not None]
    assert not failed, "\n\n".join(failed)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_story(story: dict[str, Any], chapter: str) -> None:
    check(story["results"][chapter])


def test_the_story_is_told_in_full(story: dict[str, Any]) -> None:
    assert set(story["results"]) == set(CHAPTERS)
    assert {name.partition(".")[0] for name in story["methods"]} == CLIENTS
    assert story["untold"] == [], "methods of the SDK that no check calls"


@pytest.mark.parametrize("sdk", js.SDKS)
def test_a_page_with_the_hook(server: Server, sdk: str) -> None:
    check(js.run_script("hook.mjs", url=server.url, sdk=sdk))
