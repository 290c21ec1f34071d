"""`kill -9` and a new start: everything a client was told of is still there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.sdk import open_sdk
from support.server import running, start
from support.waiting import eventually, lines_of

THREAD = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def database(own_process: Path) -> Path:
    return own_process / "lgtrio.db"


def test_all_is_there_after_kill_9(database: Path) -> None:
    first = start(database)
    with open_sdk("sync", first.url) as client:
        thread_id = client.threads.create(metadata={"owner": "ann"})["thread_id"]
        client.runs.wait(thread_id, "ask", input={"foo": "hi"})
        before = everything(client, thread_id)
    first.kill()
    with running(database) as second, open_sdk("sync", second.url) as client:
        assert everything(client, thread_id) == before
        done = client.runs.wait(thread_id, "ask", command={"resume": "ann"})
        assert done["answers"] == ["ann"]


def everything(client: Any, thread_id: str) -> list[Any]:
    """All that the API tells of a thread."""
    return [
        client.threads.get(thread_id),
        client.threads.get_state(thread_id),
        client.threads.get_history(thread_id),
        client.runs.list(thread_id),
    ]


def killed_in_the_second_step(database: Path, **fields: Any) -> tuple[str, Path]:
    """Kill a server while node `b` of a run works; the run's id, and the file of its steps."""
    file = database.with_name("steps.txt")
    server = start(database)
    with open_sdk("sync", server.url) as client:
        run = client.runs.create(
            THREAD,
            "steps",
            input={"seconds": 1, "slow": "b", "file": str(file)},
            if_not_exists="create",
            **fields,
        )
        eventually(lambda: any(line.endswith("b start") for line in lines_of(file)))
        if fields.get("stream_resumable"):
            # Only what a client was told of is promised to outlive the server.
            parts = client.runs.join_stream(THREAD, run["run_id"], last_event_id="-1")
            assert next(part.data for part in parts if part.event == "updates").keys() == {"a"}
            parts.close()
        if fields.get("durability") != "exit":
            # The first step's checkpoint is stored in the background.
            eventually(lambda: client.threads.get_state(THREAD)["next"] == ["b"])
    server.kill()
    return run["run_id"], file


@pytest.mark.parametrize(("durability", "starts_of_a"), [("async", 1), ("sync", 1), ("exit", 2)])
def test_a_run_goes_on_from_its_last_checkpoint(
    database: Path, durability: str, starts_of_a: int
) -> None:
    run_id, file = killed_in_the_second_step(
        database, durability=durability, stream_resumable=True, stream_mode="updates"
    )
    with running(database) as server, open_sdk("sync", server.url) as client:
        assert client.runs.join(THREAD, run_id)["log"] == ["a", "b", "c"]
        parts = list(client.runs.join_stream(THREAD, run_id, last_event_id="-1"))
        assert [part.data["attempt"] for part in parts if part.event == "metadata"] == [1, 2]
        assert client.threads.get(THREAD)["status"] == "idle"
    starts = [line.split()[1] for line in lines_of(file) if line.endswith("start")]
    assert starts == ["a", "b", *["a"] * (starts_of_a - 1), "b", "c"]


def test_a_run_that_kills_the_server_is_given_up(database: Path) -> None:
    run_id, file = killed_in_the_second_step(database)
    options = ["--max-attempts", "1"]
    with running(database, options=options) as server, open_sdk("sync", server.url) as client:
        assert client.runs.get(THREAD, run_id)["status"] == "error"
        thread = client.threads.get(THREAD)
        assert thread["status"] == "error"
        assert "server died" in thread["error"]["message"]
        after = client.runs.wait(THREAD, "echo", input={"foo": "next"})
        assert after["foo"] == "next!"
    assert sum(line.endswith("b start") for line in lines_of(file)) == 1
