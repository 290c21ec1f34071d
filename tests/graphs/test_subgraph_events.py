"""What the tasks of a run say of its subgraphs, pure."""

from __future__ import annotations

from typing import Any

from lgtrio.graphs.subgraph_events import SubgraphEvents

OUTER, INNER = "outer:1", "inner:2"


def start(task_id: str, name: str, given: Any = None) -> dict[str, Any]:
    return {"id": task_id, "name": name, "input": given, "triggers": []}


def result(task_id: str, name: str, error: str | None = None) -> dict[str, Any]:
    return {"id": task_id, "name": name, "error": error, "interrupts": [], "result": {}}


def told(*tasks: tuple[tuple[str, ...], dict[str, Any]]) -> list[tuple[str, int]]:
    """Event and depth of each event."""
    events = SubgraphEvents()
    found = [each for namespace, task in tasks for each in events.take(namespace, task)]
    assert all(data["namespace"] == where for where, data in found)
    return [(data["event"], len(where)) for where, data in found]


def test_a_graph_without_subgraphs_tells_nothing() -> None:
    assert told(((), start("1", "a")), ((), result("1", "a"))) == []


def test_a_failure_goes_up() -> None:
    events = SubgraphEvents()
    tasks = [
        ((), start("1", "outer")),
        ((OUTER, INNER), start("3", "leaf")),
        ((OUTER, INNER), result("3", "leaf", "boom")),
        ((OUTER,), result("2", "inner", "boom")),
        ((), result("1", "outer", "boom")),
    ]
    found = [each for namespace, task in tasks for each in events.take(namespace, task)]
    assert found == [
        ((OUTER,), {"event": "started", "namespace": (OUTER,)}),
        ((OUTER, INNER), {"event": "started", "namespace": (OUTER, INNER)}),
        ((OUTER, INNER), {"event": "failed", "namespace": (OUTER, INNER), "error": "boom"}),
        ((OUTER,), {"event": "failed", "namespace": (OUTER,), "error": "boom"}),
    ]


def test_a_subgraph_that_is_called_twice_by_one_task_is_one() -> None:
    again = [((OUTER,), start("2", "leaf")), ((OUTER,), result("2", "leaf"))] * 2
    assert told(*again, ((), result("1", "outer"))) == [("started", 1), ("completed", 1)]


def test_the_older_form_of_a_tool_call() -> None:
    events = SubgraphEvents()
    assert not list(events.take((), start("1", "outer", [{"id": "call-1", "name": "x"}])))
    ((_, data),) = events.take((OUTER,), start("2", "leaf"))
    assert data["tool_call_id"] == "call-1"
