"""`kill -9` and a new start: everything a client was told of is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from langgraph_sdk import get_sync_client

from support.server import Server, running, start
from support.waiting import eventually, lines_of


@pytest.fixture
def database(own_process: Path) -> Path:
    return own_process / "lgtrio.db"


def test_all_is_there_after_kill_9(database: Path) -> None:
    first = start(database)
    client = get_sync_client(url=first.url)
    thread_id = client.threads.create(metadata={"owner": "ann"})["thread_id"]
    client.runs.wait(thread_id, "ask", input={"foo": "hi"})
    before = (
        client.threads.get(thread_id),
        client.threads.get_state(thread_id),
        client.threads.get_history(thread_id),
        client.runs.list(thread_id),
    )
    first.kill()
    with running(database) as second:
        client = get_sync_client(url=second.url)
        assert before == (
            client.threads.get(thread_id),
            client.threads.get_state(thread_id),
            client.threads.get_history(thread_id),
            client.runs.list(thread_id),
        )
        done = client.runs.wait(thread_id, "ask", command={"resume": "ann"})
        assert done["answers"] == ["ann"]


def killed_in_the_second_step(
    database: Path, thread_id: str, **fields: object
) -> tuple[Server, str, Path]:
    """A server killed while node `b` of a run works; the run's id; the file of its steps."""
    file = database.with_name("steps.txt")
    server = start(database)
    client = get_sync_client(url=server.url)
    run = client.runs.create(
        thread_id,
        "steps",
        input={"seconds": 1, "slow": "b", "file": str(file)},
        if_not_exists="create",
        **fields,  # type: ignore[arg-type]
    )
    eventually(lambda: any(line.endswith("b start") for line in lines_of(file)))
    server.kill()
    return server, run["run_id"], file


THREAD = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize(("durability", "starts_of_a"), [("async", 1), ("sync", 1), ("exit", 2)])
def test_a_run_goes_on_from_its_last_checkpoint(
    database: Path, durability: str, starts_of_a: int
) -> None:
    _, run_id, file = killed_in_the_second_step(
        database, THREAD, durability=durability, stream_resumable=True, stream_mode="updates"
    )
    with running(database) as server:
        client = get_sync_client(url=server.url)
        assert client.runs.join(THREAD, run_id)["log"] == ["a", "b", "c"]
        parts = list(client.runs.join_stream(THREAD, run_id, last_event_id="-1"))
        assert [part.data["attempt"] for part in parts if part.event == "metadata"] == [1, 2]
        assert client.threads.get(THREAD)["status"] == "idle"
    starts = [line.split()[1] for line in lines_of(file) if line.endswith("start")]
    assert starts == ["a", "b", *["a"] * (starts_of_a - 1), "b", "c"]


def test_a_run_that_kills_the_server_is_given_up(database: Path) -> None:
    _, run_id, file = killed_in_the_second_step(database, THREAD)
    with running(database, options=["--max-attempts", "1"]) as server:
        client = get_sync_client(url=server.url)
        assert client.runs.get(THREAD, run_id)["status"] == "error"
        thread = client.threads.get(THREAD)
        assert thread["status"] == "error"
        assert "server stopped" in thread["error"]["message"]
        after = client.runs.wait(THREAD, "echo", input={"foo": "next"})
        assert after["foo"] == "next!"
    assert sum(line.endswith("b start") for line in lines_of(file)) == 1
