"""Which modules are imported anew when graphs are loaded again."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from lgtrio.graphs.importing import forget_modules


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return sys.modules


@pytest.mark.parametrize(
    ("name", "file", "forgotten"),
    [
        ("agent", "agent.py", True),
        ("agent.tools", "src/agent/tools.py", True),
        ("_lgtrio_agent", "json.py", True),
        ("__main__", "agent.py", False),
        ("lgtrio.graphs.executor", "lgtrio/graphs/executor.py", False),
        ("lgtrio.demo.echo", "lgtrio/demo/echo.py", True),
        ("httpx", "env/lib/python3.11/site-packages/httpx/__init__.py", False),
        ("elsewhere", "../elsewhere.py", False),
    ],
)
def test_the_users_own_are_forgotten_and_nothing_else(
    modules: dict[str, ModuleType], tmp_path: Path, name: str, file: str, forgotten: bool
) -> None:
    folder = tmp_path / "project"
    module = ModuleType(name)
    module.__file__ = str(folder / file)
    modules[name] = module
    gone = forget_modules([str(folder)])
    assert list(gone) == ([name] if forgotten else [])
    assert (name in modules) is not forgotten


@pytest.mark.usefixtures("modules")
def test_a_folder_around_everything_leaves_what_is_installed() -> None:
    gone = forget_modules(["/"])
    assert not {"trio", "langgraph", "json", "lgtrio.graphs.importing"} & set(gone)
