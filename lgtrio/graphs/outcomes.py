"""What a run left behind, read from LangGraph's snapshot of the thread."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from lgtrio.graphs.encode import to_json
from lgtrio.graphs.persistence import Graph, GraphDatabase
from lgtrio.graphs.snapshots import pending_interrupts
from lgtrio.graphs.tap import StreamTap
from lgtrio.runs.executor import ErrorInfo, GraphEnd, GraphOutcome, LastWrites


def finished(tap: StreamTap, last_writes: LastWrites | None) -> GraphOutcome:
    """Of a graph that ran to its very end: the last values it emitted are its state."""
    values = tap.values_json()
    return GraphOutcome(GraphEnd.FINISHED, values, result=values, last_writes=last_writes)


def from_snapshot(
    end: GraphEnd, snapshot: StateSnapshot, error: ErrorInfo | None = None
) -> GraphOutcome:
    if snapshot.created_at is None:  # no checkpoint at all
        return GraphOutcome(end, None, error=error)
    values = to_json(snapshot.values)
    return GraphOutcome(
        end,
        values,
        next=tuple(snapshot.next),
        interrupts=to_json(pending_interrupts(snapshot)),
        result=_with_interrupts(snapshot) or values,
        error=error,
    )


def stored_outcome(
    database: GraphDatabase,
    graph: Graph,
    thread_id: str,
    end: GraphEnd,
    error: ErrorInfo | None = None,
) -> GraphOutcome:
    """What is stored of a thread now, read on the calling thread, which it blocks."""
    own = database.for_state().give_to(graph)
    if own.checkpointer is False:
        return GraphOutcome(end, None, error=error)
    return from_snapshot(end, own.get_state(thread_config(thread_id)), error)


def thread_config(thread_id: str) -> RunnableConfig:
    return RunnableConfig(configurable={"thread_id": thread_id, "checkpoint_ns": ""})


def _with_interrupts(snapshot: StateSnapshot) -> bytes | None:
    """What `wait` answers for an interrupted run; None when nothing is asked, or when the
    state is no object that could hold it."""
    if not snapshot.interrupts or not isinstance(snapshot.values, dict):
        return None
    return to_json({**snapshot.values, "__interrupt__": list(snapshot.interrupts)})
