"""Tracebacks as the user would see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from project_folder import Project

from lgtrio.graphs.importing import import_file
from lgtrio.graphs.tracebacks import user_place, user_traceback


def raised(act: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        act()
    return caught.value


def imported(project: Project, source: str) -> BaseException:
    file = project.write("user_code.py", source)
    return raised(lambda: import_file(file))


def frames(text: str) -> list[str]:
    """Names of the files that a traceback shows, in its order."""
    lines = (line.strip().split('"') for line in text.splitlines() if 'File "' in line)
    return [Path(line[1]).name for line in lines]


def test_frames_that_led_to_the_users_code_are_left_out(project: Project) -> None:
    shown = user_traceback(imported(project, "def f():\n    1 / 0\n\nf()\n"))
    assert set(frames(shown)) == {"user_code.py", "test_tracebacks.py"}
    assert shown.endswith("ZeroDivisionError: division by zero\n")


def test_causes_are_cleaned_too(project: Project) -> None:
    source = (
        "try:\n    import not_there_at_all\nexcept ImportError as e:\n    raise OSError from e\n"
    )
    shown = user_traceback(imported(project, source))
    assert "direct cause" in shown
    assert not [name for name in frames(shown) if "importlib" in name or name == "importing.py"]


def test_members_of_a_group_are_cleaned_too(project: Project) -> None:
    project.write("inner_code.py", "1 / 0\n")
    inner = raised(lambda: import_file(project.folder / "inner_code.py"))
    shown = user_traceback(ExceptionGroup("all", [inner]))
    assert "inner_code.py" in frames(shown)
    assert "importing.py" not in frames(shown)


def test_the_innermost_place_of_the_users_is_blamed(project: Project) -> None:
    error = imported(project, "import json\n\ndef f():\n    json.loads('{')\n\nf()\n")
    assert user_place(error, [project.folder]) == (project.folder / "user_code.py", 4)


def test_a_syntax_error_is_where_it_says(project: Project) -> None:
    error = imported(project, "a = 1\nb = = 2\n")
    assert user_place(error, [project.folder]) == (project.folder / "user_code.py", 2)


def test_an_environment_inside_the_project_is_not_the_users(project: Project) -> None:
    file = project.write("venv/site-packages/lib_inside.py", "def f(): 1 / 0\n")
    library = import_file(file)
    assert user_place(raised(library.f), [project.folder]) is None
