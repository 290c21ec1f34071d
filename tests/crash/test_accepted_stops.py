"""`kill -9` while runs are being stopped: whoever was told so finds them stopped, not resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import define

from support.database import read_only, run_statuses
from support.server import running, start
from support.waiting import eventually, lines_of

CONFIG = Path(__file__).with_name("lasting.json")
PATIENT = ("--cancel-grace", "600")


@define
class Stopped:
    """A run that does not end by itself, and how it was stopped."""

    thread_id: str
    run_id: str
    cause: str
    actor: str | None = None

    @property
    def path(self) -> str:
        return f"/threads/{self.thread_id}/runs/{self.run_id}"


@define
class Lasting:
    """Starts runs that last, and stops them; the server does not live to see them end."""

    http: httpx.Client
    ledger: Path

    def body(self, name: str, **fields: Any) -> dict[str, Any]:
        given = {"file": str(self.ledger), "name": name}
        return {"assistant_id": "lasts", "input": given, **fields}

    def started(self, name: str) -> tuple[str, str]:
        """The ids of a thread and of its run, whose second step has begun."""
        thread_id = self.http.post("/threads", json={}).json()["thread_id"]
        run = self.http.post(f"/threads/{thread_id}/runs", json=self.body(name)).json()
        self.in_second_step(name)
        state = f"/threads/{thread_id}/state"
        eventually(lambda: self.http.get(state).json()["next"] == ["lasts"])
        return thread_id, run["run_id"]

    def in_second_step(self, name: str) -> None:
        eventually(lambda: f"{name} starts" in lines_of(self.ledger))

    def cancel(self, name: str, action: str) -> Stopped:
        thread_id, run_id = self.started(name)
        query = {"action": action, "wait": "false"}
        path = f"/threads/{thread_id}/runs/{run_id}/cancel"
        answer = self.http.post(path, params=query)
        assert answer.status_code == 202, answer.text
        return Stopped(thread_id, run_id, "client", answer.headers["x-request-id"])

    def interrupted(self, name: str) -> Stopped:
        return self.cancel(name, "interrupt")

    def rolled_back(self, name: str) -> Stopped:
        return self.cancel(name, "rollback")

    def one_of_many(self, name: str) -> Stopped:
        thread_id, run_id = self.started(name)
        body = {"thread_id": thread_id, "run_ids": [run_id]}
        answer = self.http.post("/runs/cancel", json=body)
        assert answer.is_success, answer.text
        return Stopped(thread_id, run_id, "client", answer.headers["x-request-id"])

    def displaced(self, name: str) -> Stopped:
        """The run that has displaced it is gone before the server dies."""
        thread_id, run_id = self.started(name)
        path = f"/threads/{thread_id}/runs"
        body = self.body("never", multitask_strategy="interrupt")
        newer = self.http.post(path, json=body).json()["run_id"]
        assert self.http.delete(f"{path}/{newer}").is_success
        return Stopped(thread_id, run_id, "displaced", newer)


HOW: list[Callable[[Lasting, str], Stopped]] = [
    Lasting.interrupted,
    Lasting.rolled_back,
    Lasting.one_of_many,
    Lasting.displaced,
]


@pytest.fixture
def database(own_process: Path) -> Path:
    return own_process / "lgtrio.db"


@contextmanager
def killed_afterwards(database: Path) -> Iterator[Lasting]:
    server = start(database, config=CONFIG, options=PATIENT)
    try:
        with server.http() as http:
            yield Lasting(http, database.with_name("starts"))
    finally:
        server.kill()


def test_what_was_accepted_is_done(database: Path) -> None:
    with killed_afterwards(database) as lasting:
        stopped = {how.__name__: how(lasting, how.__name__) for how in HOW}
    assert set(run_statuses(database).values()) == {"running"}, "they ended too early"
    with running(database, config=CONFIG) as second, second.http() as http:
        for name, run in stopped.items():
            last = eventually(partial(end_of, http, run), seconds=10)
            assert (last["from"], last["cause"], last["actor"]) == ("running", run.cause, run.actor)
            left = http.get(run.path)
            thread = http.get(f"/threads/{run.thread_id}").json()
            if name == "rolled_back":
                assert left.status_code == 404
                assert (thread["status"], thread["values"]) == ("idle", None)
                continue
            assert left.json()["status"] == "interrupted"
            assert left.json()["cancel_reason"] == f"{run.cause}: {run.actor}"
            # The step that it had finished is kept, and one is left to do.
            assert (thread["status"], thread["values"]["done"]) == ("interrupted", True)
            assert thread["error"]["error"] == "UserInterrupt"
    assert sorted(lines_of(lasting.ledger)) == sorted(f"{name} starts" for name in stopped)


def end_of(http: httpx.Client, run: Stopped) -> dict[str, Any] | None:
    """The third line of its journal, behind those of its creation and its start."""
    lines = http.get(f"{run.path}/journal").json()
    return dict(lines[2]) if len(lines) > 2 else None


def test_a_client_that_has_left_need_not_wait(database: Path) -> None:
    with killed_afterwards(database) as lasting:
        body = lasting.body("left", on_disconnect="cancel")
        with lasting.http.stream("POST", "/runs/stream", json=body):
            lasting.in_second_step("left")
        [run_id] = run_statuses(database)
        eventually(lambda: is_being_stopped(database, run_id))
    with running(database, config=CONFIG) as second, second.http() as http:
        eventually(lambda: not run_statuses(database), seconds=10)
        lines = [line for line in http.get("/journal").json() if line["run_id"] == run_id]
    assert [(line["to"], line["cause"]) for line in lines[2:]] == [
        ("interrupted", "disconnect"),
        (None, "disconnect"),
    ]
    assert lines_of(lasting.ledger) == ["left starts"]


def is_being_stopped(database: Path, run_id: str) -> bool:
    with read_only(database) as connection:
        query = "SELECT stop IS NOT NULL FROM runs WHERE run_id = ?"
        return bool(connection.execute(query, (run_id,)).fetchone()[0])
