"""What a user types: `lgtrio dev`, a second server, a port that is taken."""

from __future__ import annotations

import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lgtrio.welcome import lines_to_try
from support.sdk import open_sdk
from support.server import (
    Server,
    clean_environment,
    command,
    running,
    start_process,
    wait_until_listening,
)

DEMO_GRAPHS = ["chat", "echo", "approval", "slow", "fanout", "structured", "nested", "fails"]
QUESTION = {"messages": [{"role": "user", "content": "What is 6 times 7?"}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Server]:
    """`lgtrio dev` as a newcomer starts it: in a folder without langgraph.json."""
    server = start_process(["dev", "--port", "0"], cwd=folder)
    wait_until_listening(server)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log.tail()


@pytest.fixture
def client(demo: Server) -> Iterator[Any]:
    with open_sdk("sync", demo.url) as client:
        yield client


def lgtrio(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_it_prints_can_be_pasted(demo: Server, folder: Path) -> None:
    for line in lines_to_try(demo.url, DEMO_GRAPHS):
        assert demo.log.wait_for(lambda printed, line=line: line in printed, seconds=5)
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, timeout=60, cwd=folder, check=True
        )
        assert "42" in done.stdout, done


def test_its_data_is_in_the_current_folder_and_not_for_git(demo: Server, folder: Path) -> None:
    assert httpx.get(f"{demo.url}/ok").json()["ok"] is True
    assert (folder / ".lgtrio" / "lgtrio.db").is_file()
    assert "*" in (folder / ".lgtrio" / ".gitignore").read_text().split()


def test_every_demo_graph_runs(client: Any) -> None:
    answer = client.runs.wait(None, "chat", input=QUESTION)
    assert "42" in answer["messages"][-1]["content"]
    for graph in DEMO_GRAPHS:
        assistant = client.assistants.get(
            str(uuid.uuid5(uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), graph))
        )
        assert assistant["description"], f"{graph} says what it is"


def test_approval_asks_and_goes_on(client: Any) -> None:
    thread_id = client.threads.create()["thread_id"]
    asked = client.runs.wait(thread_id, "approval", input={"to": "ada@example.test"})
    assert asked["__interrupt__"]
    done = client.runs.wait(thread_id, "approval", command={"resume": True})
    assert "ada@example.test" in done["sent"]
    assert client.threads.get(thread_id)["status"] == "idle"


def test_a_second_server_on_the_same_database(demo: Server, folder: Path) -> None:
    second = lgtrio("dev", "--port", "0", cwd=folder)
    assert second.returncode == 1
    for part in ("in use", str(demo.pid), str(demo.port)):
        assert part in second.stderr
    assert "Traceback" not in second.stderr
    assert demo.alive


def test_a_port_that_was_asked_for_and_is_taken(demo: Server, tmp_path: Path) -> None:
    second = lgtrio("dev", "--port", str(demo.port), cwd=tmp_path)
    assert second.returncode == 1
    assert f"Port {demo.port}" in second.stderr
    assert "taken" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_default_port_that_is_taken_gives_way_to_the_next(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 2024))
            taken.listen()
        except OSError:
            pass  # somebody else has it: as good
        server = start_process(["dev"], cwd=tmp_path)
        wait_until_listening(server)
        assert server.port > 2024
        assert any("2024" in line and "taken" in line for line in server.log.lines)
        assert httpx.get(f"{server.url}/ok").status_code == 200
        assert server.stop() == 0


def test_production_log_is_json(tmp_path: Path) -> None:
    with running(tmp_path / "lgtrio.db") as server:
        assert server.log.find("listening", url=server.url)
    assert not [line for line in server.log.lines if line.strip() and not line.startswith("{")]
