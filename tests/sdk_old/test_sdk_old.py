"""The oldest SDK we promise to serve, in an environment of its own, against a live server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from exercise import CHECKS

from support.old_sdk import old_python
from support.server import running

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Name of each check to None, or to the traceback of its failure."""
    with running(
        tmp_path_factory.mktemp("old-sdk") / "lgtrio.db", options=["--heartbeat", "0.1"]
    ) as server:
        done = subprocess.run(
            [old_python(), str(HERE / "exercise.py"), server.url],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def test_the_environment_has_the_old_sdk() -> None:
    program = "import importlib.metadata as m; print(m.version('langgraph-sdk'))"
    done = subprocess.run([old_python(), "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.2.4"


@pytest.mark.parametrize("name", CHECKS)
def test_old_sdk(results: dict[str, str | None], name: str) -> None:
    assert results[name] is None, results[name]
