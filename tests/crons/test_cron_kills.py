"""Exactly one run a firing, wherever SIGKILL hits the server that fires."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from support.database import inconsistencies, read_only
from support.server import GRAPHS, Server, running, start
from support.waiting import eventually

BODY = {"assistant_id": "echo", "schedule": "* * * * * *", "input": {"foo": "1"}}


def firings(database: Path) -> list[str]:
    """What each run of a cron says of itself in the journal: which cron, due when."""
    with read_only(database) as connection:
        rows = connection.execute(
            "SELECT actor FROM journal WHERE from_status IS NULL AND cause = 'scheduler'"
        )
        return [actor for (actor,) in rows]


def one_graph(folder: Path) -> Path:
    """A langgraph.json: with few commits before the server listens, points can be counted."""
    path = folder / "langgraph.json"
    path.write_text(json.dumps({"graphs": {"echo": f"{GRAPHS.parent / 'echo.py'}:graph"}}))
    return path


def make_cron(server: Server) -> None:
    with server.http() as http:
        body = {**BODY, "on_run_completed": "keep"}
        assert http.post("/runs/crons", json=body).status_code == 200


@pytest.mark.parametrize("point", ["after-op:create_run:2", "after-commit:14"])
def test_a_firing_has_one_run_however_the_server_dies(own_process: Path, point: str) -> None:
    database = own_process / "lgtrio.db"
    config = one_graph(own_process)
    server = start(database, config=config, environment={"LGTRIO_FAULT": point})
    try:
        make_cron(server)
        server.wait()
    finally:
        server.kill()
    before = firings(database)
    with running(database, config=config) as server:
        eventually(lambda: len(firings(database)) >= len(before) + 2)
    after = firings(database)
    assert [each for each, count in Counter(after).items() if count > 1] == []
    assert after[: len(before)] == before
    assert inconsistencies(database) == []
