"""Under which names the user's files are imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from project_folder import Project

from lgtrio.graphs.importing import extend_sys_path, import_file


@pytest.mark.usefixtures("project")
def test_folders_go_in_front_in_their_order() -> None:
    rest = [*sys.path]
    extend_sys_path(["/one", "/two", rest[0]])
    assert sys.path == ["/one", "/two", *rest]


def test_a_file_and_an_import_of_it_are_one_module(project: Project) -> None:
    file = project.write("tools_of_mine.py", "VALUE = object()\n")
    project.write("other.py", "from tools_of_mine import VALUE\n")
    extend_sys_path([str(project.folder)])
    tools = import_file(file)
    assert tools.__name__ == "tools_of_mine"
    assert import_file(project.folder / "other.py").VALUE is tools.VALUE


def test_relative_imports_inside_a_package(project: Project) -> None:
    project.write("pkg/__init__.py", "")
    project.write("pkg/sub/__init__.py", "")
    project.write("pkg/base.py", "VALUE = 1\n")
    file = project.write("pkg/sub/agent.py", "from ..base import VALUE\n")
    module = import_file(file)
    assert (module.__name__, module.VALUE) == ("pkg.sub.agent", 1)


def test_a_package_itself(project: Project) -> None:
    file = project.write("pkg_alone/__init__.py", "VALUE = 1\n")
    assert import_file(file).__name__ == "pkg_alone"


def test_a_folder_without_init_below_the_path(project: Project) -> None:
    file = project.write("plain_folder/agent_there.py", "VALUE = 1\n")
    extend_sys_path([str(project.folder)])
    assert import_file(file).__name__ == "plain_folder.agent_there"


@pytest.mark.parametrize("name", ["json.py", "random.py", "trio.py"])
def test_a_file_called_like_another_module_does_not_replace_it(project: Project, name: str) -> None:
    file = project.write(name, "VALUE = 1\n")
    module = import_file(file)
    assert module.__name__.startswith("_lgtrio_")
    assert import_file(file) is module
    assert not hasattr(sys.modules.get(Path(name).stem), "VALUE")


def test_a_file_off_the_path_or_with_an_odd_name(project: Project) -> None:
    file = project.write("my agent-2.py", "VALUE = 1\n")
    extend_sys_path([str(project.folder)])
    assert import_file(file).VALUE == 1


def test_a_module_that_fails_is_not_left_behind(project: Project) -> None:
    file = project.write("my agent-3.py", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        import_file(file)
    assert not [name for name in sys.modules if name.endswith("my_agent_3")]
    file.write_text("VALUE = 1\n")
    assert import_file(file).VALUE == 1
