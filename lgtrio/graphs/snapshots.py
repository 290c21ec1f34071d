"""LangGraph's snapshot of a thread as the ThreadState that clients know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langgraph.types import PregelTask, StateSnapshot

_CHECKPOINT_KEYS: Final = ("checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map")


def thread_state(snapshot: StateSnapshot) -> dict[str, Any]:
    checkpoint = checkpoint_of(snapshot.config)
    parent = checkpoint_of(snapshot.parent_config)
    return {
        "values": snapshot.values,
        "next": snapshot.next,
        "tasks": [_task(task) for task in snapshot.tasks],
        "metadata": _metadata(snapshot),
        "created_at": snapshot.created_at,
        "checkpoint": checkpoint,
        "parent_checkpoint": parent,
        "interrupts": [_interrupt(each) for each in snapshot.interrupts],
        "checkpoint_id": (checkpoint or {}).get("checkpoint_id"),
        "parent_checkpoint_id": (parent or {}).get("checkpoint_id"),
    }


def pending_interrupts(snapshot: StateSnapshot) -> dict[str, list[dict[str, Any]]]:
    """Task id to what the task asks, as on the thread row."""
    return {
        task.id: [_interrupt(each) for each in task.interrupts]
        for task in snapshot.tasks
        if task.interrupts
    }


def checkpoint_of(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The checkpoint that a config names."""
    if config is None:
        return None
    configurable = config["configurable"]
    return {key: configurable[key] for key in _CHECKPOINT_KEYS if key in configurable}


def _metadata(snapshot: StateSnapshot) -> dict[str, Any] | None:
    """With the thread's id, which LangGraph keeps out of what it stores."""
    if snapshot.metadata is None:
        return None
    thread_id = snapshot.config.get("configurable", {}).get("thread_id")
    return {**snapshot.metadata, "thread_id": thread_id}


def _task(task: PregelTask) -> dict[str, Any]:
    state = task.state
    return {
        "id": task.id,
        "name": task.name,
        "path": task.path,
        # As text and unmasked: the state is for whoever works on the graph.
        "error": None if task.error is None else _error_text(task.error),
        "interrupts": [_interrupt(each) for each in task.interrupts],
        "checkpoint": checkpoint_of(state) if isinstance(state, Mapping) else None,
        "state": thread_state(state) if isinstance(state, StateSnapshot) else None,
        "result": task.result,
    }


def _error_text(error: object) -> str:
    return error if isinstance(error, str) else repr(error)


def _interrupt(interrupt: Any) -> dict[str, Any]:
    return {"id": interrupt.id, "value": interrupt.value}
