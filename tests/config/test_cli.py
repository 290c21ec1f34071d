"""The command line: help, what it hands to the server, refusals, and `lgtrio check`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lgtrio
from lgtrio.cli import main
from lgtrio.config import DEMO_CONFIG, Settings, default_text, option_of, setting_fields
from lgtrio.errors import StorageUnavailable
from support.server import clean_environment, command

GOOD = "from langgraph.graph import START, MessagesState, StateGraph\n" + (
    "graph = StateGraph(MessagesState).add_node('a', lambda state: {}).add_edge(START, 'a')\n"
)


class FakeServer(ModuleType):
    """In place of `lgtrio.server`: records what it is run with, and may fail to start."""

    def __init__(self) -> None:
        super().__init__("lgtrio.server")
        self.settings: list[Settings] = []
        self.failure: BaseException | None = None
        self.environ: Mapping[str, str] = {}

    def run(self, settings: Settings) -> None:
        self.settings.append(settings)
        self.environ = dict(os.environ)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith(("LGTRIO_", "BG_JOB_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServer:  # noqa: ARG001
    fake = FakeServer()
    monkeypatch.setitem(sys.modules, "lgtrio.server", fake)
    monkeypatch.setattr(lgtrio, "server", fake, raising=False)
    monkeypatch.setattr("lgtrio.cli.configure_logging", lambda _: None)
    return fake


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        (folder / name).write_text(text)
    return folder / "langgraph.json"


def check(folder: Path, *arguments: str) -> tuple[int, str]:
    """Status and output of `lgtrio check`, in a process of its own: it imports user's code."""
    done = subprocess.run(
        command("check", *arguments),
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


# -- help ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["dev", "serve"])
def test_help_lists_every_option_with_its_default(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # one line an option
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for attribute in setting_fields():
        assert f"  {option_of(attribute.name)} " in text
        assert f"Default: {default_text(attribute)}." in text
    assert "LGTRIO_N_JOBS_PER_WORKER" in text


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in ("dev", "serve", "check"))


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"lgtrio {lgtrio.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["start"], ["dev", "--prot", "1"], ["dev", "--po", "1"]])
def test_an_unknown_command_or_option_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: lgtrio" in capsys.readouterr().err


def test_a_mistake_is_answered_without_importing_langgraph(folder: Path) -> None:
    program = (
        "import sys; from lgtrio.cli import main; status = main(['dev', '--port', 'x']);"
        "sys.exit(status + 10 * ('langgraph' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=clean_environment(), check=False
    )
    assert done.returncode == 1


# -- starting the server ---------------------------------------------------------------------
def test_dev_serves_the_demo_graphs_where_there_is_nothing_else(
    server: FakeServer, folder: Path
) -> None:
    assert main(["dev", "--port", "0"]) == 0
    [settings] = server.settings
    assert settings.config == DEMO_CONFIG
    assert settings.database == str(folder / ".lgtrio" / "lgtrio.db")
    assert (settings.port, settings.port_given, settings.development) == (0, True, True)


def test_options_are_in_effect(server: FakeServer, folder: Path) -> None:
    write(folder, {"langgraph.json": {"graphs": {"a": "a:b"}}})
    options = ["--n-jobs-per-worker", "7", "--synchronous=full", "--run-timeout", "none"]
    assert main(["serve", *options]) == 0
    [settings] = server.settings
    assert settings.config == folder / "langgraph.json"
    assert (settings.n_jobs_per_worker, settings.synchronous) == (7, "full")
    assert settings.run_timeout is None
    assert not settings.development


def test_env_of_langgraph_json_is_set_before_settings_are_read(
    server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"LGTRIO_PORT": "77", "MODEL_KEY": "k", "LGTRIO_HOST": "10.0.0.1"}
    write(folder, {"langgraph.json": {"graphs": {"a": "a:b"}, "env": env}})
    for name in env:
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)  # so that it is undone
    monkeypatch.setenv("LGTRIO_HOST", "127.0.0.1")
    assert main(["dev"]) == 0
    [settings] = server.settings
    assert (settings.port, settings.host) == (77, "127.0.0.1")
    assert server.environ["MODEL_KEY"] == "k"


@pytest.mark.parametrize(
    "failure",
    [
        StorageUnavailable("The database x is in use by pid 1."),
        BaseExceptionGroup(
            "", [ExceptionGroup("", [StorageUnavailable("The database x is in use by pid 1.")])]
        ),
    ],
)
def test_a_server_that_cannot_start_says_why_and_ends_with_1(
    server: FakeServer, failure: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    server.failure = failure
    assert main(["dev"]) == 1
    assert capsys.readouterr().err == (
        "lgtrio does not start.\nThe database x is in use by pid 1.\n"
    )


def test_a_bug_is_not_made_a_sentence(server: FakeServer) -> None:
    server.failure = ExceptionGroup("", [StorageUnavailable("x"), ZeroDivisionError()])
    with pytest.RaisesGroup(StorageUnavailable, ZeroDivisionError):
        main(["dev"])


def test_ctrl_c_during_the_start(server: FakeServer) -> None:
    server.failure = KeyboardInterrupt()
    assert main(["dev"]) == 130


@pytest.mark.usefixtures("folder")
def test_serve_without_a_config_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"]) == 1
    assert "There is no langgraph.json in" in capsys.readouterr().err


# -- check -----------------------------------------------------------------------------------
def test_check_of_good_graphs(folder: Path) -> None:
    write(folder, {"agent.py": GOOD, "langgraph.json": {"graphs": {"a": "./agent.py:graph"}}})
    status, output = check(folder)
    assert (status, output) == (0, f"{folder / 'langgraph.json'}: good. Graphs: a\n")


def test_check_reports_every_problem_with_file_and_line(folder: Path) -> None:
    write(
        folder,
        {
            "good.py": GOOD,
            "syntax.py": "a = 1\nif a\n",
            "raises.py": "def use():\n    raise RuntimeError('no key')\n\nuse()\n",
            "wrong.py": "\n\ngraph = 3\n",
            "langgraph.json": {
                "graphs": {
                    "good": "./good.py:graph",
                    "lost": "./good.py:grph",
                    "syntax": "./syntax.py:graph",
                    "raises": "./raises.py:graph",
                    "wrong": "./wrong.py:graph",
                    "gone": "./gone.py:graph",
                    "form": "./good.py",
                },
                "env": {"LGTRIO_PORT": "high"},
                "extra": 1,
            },
        },
    )
    status, output = check(folder)
    assert status == 1
    lines = output.splitlines()
    assert lines[0] == "warning: Unknown keys in langgraph.json, ignored: extra"
    assert lines[-1] == "7 problems; the server would not start."
    for place in (
        "langgraph.json:9: graph 'form' is './good.py'; it must be",
        "LGTRIO_PORT is 'high'; it must be a whole number",
        f"langgraph.json:4: graph 'lost': there is no `grph` in {folder / 'good.py'}; graphs in",
        "syntax.py:2: graph 'syntax': SyntaxError: expected ':'",
        "raises.py:2: graph 'raises': RuntimeError: no key",
        "wrong.py:3: graph 'wrong': `graph` is of the type int; it must be a compiled graph",
        "langgraph.json:8: graph 'gone': there is no file",
    ):
        assert any(line.startswith(place) for line in lines), place


def test_check_shows_only_the_users_frames(folder: Path) -> None:
    write(
        folder,
        {
            "raises.py": "def use():\n    raise RuntimeError('no key')\n\nuse()\n",
            "langgraph.json": {"graphs": {"raises": "./raises.py:graph"}},
        },
    )
    status, output = check(folder)
    assert status == 1
    files = [line for line in output.splitlines() if line.startswith("  File ")]
    assert len(files) == 2
    assert all('raises.py"' in line for line in files)


def test_check_of_a_broken_langgraph_json(folder: Path) -> None:
    write(folder, {"langgraph.json": '{\n "graphs": {,}\n}'})
    status, output = check(folder)
    assert status == 1
    assert output.startswith("langgraph.json:2: not valid JSON")
