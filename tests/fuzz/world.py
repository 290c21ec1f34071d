"""Threads, runs, assistants, crons and items on the server, for requests to be about."""

from __future__ import annotations

from typing import Any

import httpx
from attrs import define, field

Meant = dict[str, Any]
"""Name of a parameter, or of a field of a body, to its value."""

_WORDS: Meant = {
    "schedule": "0 0 1 1 *",
    "timezone": "Europe/Berlin",
    "end_time": None,
    "webhook": None,
    "checkpoint": None,
    "interrupt_before": None,
    "interrupt_after": None,
    "command": None,
    "as_node": None,
    "select": None,
    "extract": None,
    "metadata": {"a": 1},
    "input": {"foo": "a"},
    "values": {"foo": "b"},
    "namespace": ["a", "b"],
    "namespace_prefix": ["a"],
    "key": "k",
}


@define
class World:
    base_url: str
    http: httpx.Client = field(init=False)
    _shared: Meant = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.base_url, timeout=30)
        self._shared = {**_WORDS, **self._thread(), **self._assistant(), **self._cron()}
        self._item()

    def meant(self, method: str, path: str) -> Meant:
        """What a request of this route should be about; its own if it may destroy it."""
        own: Meant = {}
        if path.endswith("/cancel"):
            own = self._waiting_run()
        elif path == "/threads/prune" or (method == "DELETE" and "/threads/" in path):
            own = self._thread()
        elif method == "DELETE" and path.startswith("/assistants/"):
            own = self._assistant()
        elif method == "DELETE" and path.startswith("/runs/crons/"):
            own = self._cron()
        if path == "/store/items" and method == "GET":
            own = {"namespace": "a.b"}
        if path == "/assistants/{assistant_id}/subgraphs/{namespace}":
            own = {"namespace": "child"}
        if path.endswith("/state/checkpoint"):
            own = {"checkpoint": {"checkpoint_id": self._shared["checkpoint_id"]}}
        if path == "/threads" and method == "POST":
            own = {"thread_id": None, "metadata": {"graph_id": "echo"}, "supersteps": []}
        if path == "/assistants" and method == "POST":
            own = {"assistant_id": None}
        if path == "/runs/batch":
            own = {"checkpoint_id": None, "thread_id": None}
        if path in {"/runs", "/runs/wait", "/runs/stream", "/runs/crons"}:
            own = {"checkpoint_id": None}
        return {**self._shared, **own}

    def _post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def _thread(self) -> Meant:
        """A thread with a run that has ended."""
        thread_id = self._post("/threads")["thread_id"]
        path = f"/threads/{thread_id}"
        self._post(f"{path}/runs/wait", assistant_id="echo", input={"foo": "a"})
        [run] = self.http.get(f"{path}/runs").json()
        checkpoint_id = self.http.get(f"{path}/state").json()["checkpoint_id"]
        return {
            "thread_id": thread_id,
            "thread_ids": [thread_id],
            "run_id": run["run_id"],
            "checkpoint_id": checkpoint_id,
            "before": checkpoint_id,
        }

    def _waiting_run(self) -> Meant:
        thread_id = self._post("/threads")["thread_id"]
        run = self._post(f"/threads/{thread_id}/runs", assistant_id="echo", after_seconds=600)
        run_id = run["run_id"]
        return {"thread_id": thread_id, "run_id": run_id, "run_ids": [run_id], "status": None}

    def _assistant(self) -> Meant:
        created = self._post("/assistants", graph_id="nested")
        return {"assistant_id": created["assistant_id"], "version": 1}

    def _cron(self) -> Meant:
        cron = self._post("/runs/crons", assistant_id="echo", schedule="0 0 1 1 *")
        return {"cron_id": cron["cron_id"]}

    def _item(self) -> None:
        item = {"namespace": ["a", "b"], "key": "k", "value": {"a": 1}}
        self.http.put("/store/items", json=item).raise_for_status()
