"""What a scenario has in its hands: one server, and a record of everything it answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from attrs import Factory, define, field

from bench.parity.exchange import (
    Answer,
    Exchange,
    Frame,
    Recording,
    SseReader,
    answer_of,
    head_of,
)

_PATIENCE = 60.0
"""Seconds until something that does not happen fails the scenario."""
_LOOK = 0.03
_REST = 4.0
ACTIVE = ("pending", "running")


@define(eq=False)
class Stream:
    """A stream that is being read."""

    status: int
    headers: Mapping[str, str]
    _frames: Iterator[Frame]
    seen: list[Frame] = field(factory=list)

    def until(self, event: str) -> Frame:
        """Read up to and with the next frame of this name.

        Raises:
            AssertionError: the stream ends before.
        """
        for frame in self._frames:
            self.seen.append(frame)
            if frame.event == event:
                return frame
        raise AssertionError(f"the stream ended without {event}")

    def rest(self) -> None:
        self.seen.extend(self._frames)

    @property
    def run_id(self) -> str:
        return self.headers["content-location"].rsplit("/", 1)[1]


@define(eq=False)
class Player:
    """Each request is named by its step; what it brought is compared under this name."""

    http: httpx.Client
    tag: str = Factory(lambda: f"tag-{uuid4().hex[:12]}")
    """A word that no other play has: for filters that find what this play has made."""
    recording: Recording = field(factory=Recording)

    # -- requests ------------------------------------------------------------------------
    def send(
        self,
        step: str,
        method: str,
        path: str,
        *,
        body: Any = ...,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Any = None,
    ) -> Answer:
        """Send a request and record the answer.

        Args:
            body: to be sent as JSON; `...` sends none.
            content: bytes to be sent instead.
            query: mapping or pairs.
        """
        response = self.http.request(
            method, path, content=_content(body, content), headers=headers, params=query
        )
        answer = answer_of(response)
        self._record(step, method, path, answer)
        return answer

    def get(self, step: str, path: str, **options: Any) -> Answer:
        return self.send(step, "GET", path, **options)

    def post(self, step: str, path: str, body: Any = ..., **options: Any) -> Answer:
        return self.send(step, "POST", path, body=body, **options)

    def patch(self, step: str, path: str, body: Any = ..., **options: Any) -> Answer:
        return self.send(step, "PATCH", path, body=body, **options)

    def put(self, step: str, path: str, body: Any = ..., **options: Any) -> Answer:
        return self.send(step, "PUT", path, body=body, **options)

    def delete(self, step: str, path: str, body: Any = ..., **options: Any) -> Answer:
        return self.send(step, "DELETE", path, body=body, **options)

    @contextmanager
    def follow(
        self,
        step: str,
        method: str,
        path: str,
        *,
        body: Any = ...,
        headers: Mapping[str, str] | None = None,
        query: Any = None,
    ) -> Iterator[Stream]:
        """A stream that is read as far as the scenario wants; left, it is closed and recorded."""
        with self.http.stream(
            method, path, content=_content(body, None), headers=headers, params=query
        ) as response:
            reader = SseReader()
            frames = reader.read(response.iter_text())
            stream = Stream(response.status_code, head_of(response), frames)
            yield stream
        answer = Answer(
            stream.status, stream.headers, frames=stream.seen, line_ends=reader.line_ends
        )
        self._record(step, method, path, answer)

    def _record(self, step: str, method: str, path: str, answer: Answer) -> None:
        exchanges = self.recording.exchanges
        assert step not in exchanges, f"two steps are named {step!r}"
        exchanges[step] = Exchange(step, f"{method} {path}", answer)

    # -- what is not compared ------------------------------------------------------------
    def thread(self, **body: Any) -> str:
        """The path of a new thread."""
        answer = self.http.post("/threads", json=body)
        answer.raise_for_status()
        return f"/threads/{answer.json()['thread_id']}"

    def run(self, thread: str, graph: str, given: Any = None, **body: Any) -> str:
        """The path of a new run; it may not have started yet."""
        answer = self.http.post(f"{thread}/runs", json=order(graph, given, **body))
        answer.raise_for_status()
        return f"{thread}/runs/{answer.json()['run_id']}"

    def ran(self, thread: str, graph: str, given: Any = None, **body: Any) -> str:
        """The path of a run that has ended."""
        return self.ended(self.run(thread, graph, given, **body))

    def first_run_of(self, search: dict[str, Any]) -> str:
        """The path of the oldest run of the first thread that a search finds, once there is one."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            for row in self.http.post("/threads/search", json=search).json():
                thread = f"/threads/{row['thread_id']}"
                if runs := self.look(f"{thread}/runs"):
                    return f"{thread}/runs/{runs[-1]['run_id']}"
            time.sleep(_LOOK)
        raise AssertionError(f"{search} finds no thread with a run")

    def look(self, path: str) -> Any:
        answer = self.http.get(path)
        return None if answer.status_code == 404 else answer.json()

    def started(self, run: str) -> str:
        return self._until(run, lambda row: row is None or row["status"] != "pending")

    def in_its_middle(self, run: str) -> str:
        """Wait until the first node of a run of `slow` has ended and the second one works."""
        state = f"{run.partition('/runs/')[0]}/state"
        return self._until(
            state,
            lambda row: row["next"] == ["wait"] and row["metadata"]["run_id"] == id_of(run),
            of=run,
        )

    def ended(self, run: str) -> str:
        """Wait until a run is final and its thread is not busy with it any more."""
        self._until(run, lambda row: row is None or row["status"] not in ACTIVE)
        return run

    def rested(self, thread: str) -> str:
        """Wait until a thread is not busy, for a while: on the reference server some stay busy."""
        end = time.monotonic() + _REST
        while (row := self.look(thread)) and row["status"] == "busy" and time.monotonic() < end:
            time.sleep(_LOOK)
        return thread

    def gone(self, path: str) -> str:
        return self._until(path, lambda row: row is None)

    def _until(self, path: str, holds: Any, *, of: str | None = None) -> str:
        """
        Returns:
            The path of what was waited for: that of the look, unless it is `of` something else.
        """
        end = time.monotonic() + _PATIENCE
        while not holds(row := self.look(path)):
            if time.monotonic() > end:
                raise AssertionError(f"{path} stays {row}")
            time.sleep(_LOOK)
        return of or path


def order(graph: str, given: Any = None, **body: Any) -> dict[str, Any]:
    """The body of a create; a `command` takes the place of an input."""
    start = {} if "command" in body else {"input": given}
    return {"assistant_id": graph, **start, **body}


def id_of(path: str) -> str:
    return path.rsplit("/", 1)[1]


def _content(body: Any, content: bytes | None) -> bytes | None:
    return content if body is ... else json.dumps(body).encode()
