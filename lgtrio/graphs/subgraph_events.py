"""The stream mode `lifecycle`: when each subgraph of a run starts and ends.

LangGraph does not say so itself. But a subgraph's first task is told under its namespace, which
names the task that executes it, and with that task's result the subgraph has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

Namespace = tuple[str, ...]
"""A segment `node:task` for each graph below the root."""


@define(eq=False)
class SubgraphEvents:
    """Of one run; made of the `tasks` of all its graphs, in their order."""

    _open: set[Namespace] = field(factory=set, init=False)
    _tool_calls: dict[str, str] = field(factory=dict, init=False)
    """Id of a task that executes one tool call to the id of the call."""

    def take(
        self, namespace: Namespace, task: Mapping[str, Any]
    ) -> Iterator[tuple[Namespace, dict[str, Any]]]:
        """What a task's start or result says of subgraphs: where, and the event's data."""
        for depth in range(1, len(namespace) + 1):
            if (started := namespace[:depth]) not in self._open:
                self._open.add(started)
                yield started, self._event("started", started)
        if "result" not in task:
            self._note_tool_call(task)
            return
        ended = (*namespace, f"{task['name']}:{task['id']}")
        if ended in self._open:
            self._open.discard(ended)
            yield ended, {**self._event(_end(task), ended), **_error(task)}

    def _event(self, event: str, namespace: Namespace) -> dict[str, Any]:
        call = self._tool_calls.get(namespace[-1].rpartition(":")[2])
        told = {} if call is None else {"tool_call_id": call}
        return {"event": event, "namespace": namespace, **told}

    def _note_tool_call(self, task: Mapping[str, Any]) -> None:
        """A node that executes tools gets a task, or an item of the task's list, for each call."""
        given = task.get("input")
        call = given.get("tool_call") if isinstance(given, Mapping) else None
        if call is None and isinstance(given, list) and len(given) == 1:
            call = given[0]
        if isinstance(call, Mapping) and isinstance(call.get("id"), str):
            self._tool_calls[task["id"]] = call["id"]


def _end(result: Mapping[str, Any]) -> str:
    if result.get("interrupts"):
        return "interrupted"
    return "completed" if result.get("error") is None else "failed"


def _error(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"error": result["error"]} if _end(result) == "failed" else {}
