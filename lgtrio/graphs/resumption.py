"""Where a run goes on that has been started before, and how a `resume` is never applied twice.

A run that was cut off is started again with the same kwargs. If it has stored a checkpoint, it
goes on from there with no input. If not, it starts over; what it may have done by then is kept by
LangGraph as writes of tasks on the checkpoint it started from, and is not done again.

A plain `resume` would be taken by whatever interrupt comes first. Named by the interrupt it was
meant for, it cannot reach another one. It stays plain where the interrupt will have another name.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from attrs import evolve
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from lgtrio.graphs.inputs import run_input
from lgtrio.graphs.parents import as_command, resumed_by_parent
from lgtrio.graphs.persistence import Graph, Persistence
from lgtrio.storage.interface import RunRecord
from lgtrio.storage.sqlite.run_writes import has_task_writes
from lgtrio.wire.kwargs import RunKwargs

_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")
_ANY: Final = ""
"""An answer that LangGraph refuses before it looks at it: several questions are pending."""
_NULL_NEEDS_A_NAME: Final = (
    "`resume: null` must name the interrupt that it answers here: {<interrupt id>: null}. The state"
    " that the run starts from asks under an id of its own."
)
_FORK_KEYS: Final = ("checkpoint_id", "checkpoint_ns", "checkpoint_map")


async def starting_input(
    run: RunRecord,
    kwargs: RunKwargs,
    graph: Graph,
    config: RunnableConfig,
    persistence: Persistence,
) -> Any:
    """The input to start (again) with; None continues. A fork point that the run has left
    behind is taken out of `config`."""
    if run.attempt > 1 and await _has_checkpoint(run, persistence):
        configurable = config.setdefault("configurable", {})
        for key in _FORK_KEYS:
            configurable.pop(key, None)
        return None
    if resumed_by_parent(kwargs):
        kwargs = as_command(kwargs, await graph.aget_state(config))
    if kwargs.command is None or "resume" not in kwargs.command:
        return run_input(kwargs)
    return await _resuming_input(run, kwargs, graph, config, persistence)


async def _has_checkpoint(run: RunRecord, persistence: Persistence) -> bool:
    """Whether the thread's latest checkpoint is this run's: nobody else has run since."""
    at = RunnableConfig(configurable={"thread_id": run.thread_id, "checkpoint_ns": ""})
    latest = await persistence.saver.aget_tuple(at)
    return latest is not None and latest.metadata.get("run_id") == run.run_id


async def _resuming_input(
    run: RunRecord,
    kwargs: RunKwargs,
    graph: Graph,
    config: RunnableConfig,
    persistence: Persistence,
) -> Any:
    assert kwargs.command is not None
    answer = kwargs.command["resume"]
    if "checkpoint_id" in config.get("configurable", {}):
        return _as_it_came(kwargs, pending=1)  # a fork asks anew, under new ids
    snapshot = await graph.aget_state(config)
    pending = [each.id for each in snapshot.interrupts]
    if _names_interrupts(answer):
        if run.attempt == 1:
            return run_input(kwargs)
        answers = {key: value for key, value in answer.items() if key in pending}
        return _command(kwargs, answers) if answers else None
    if run.attempt > 1:
        wrote = partial(has_task_writes, run_id=run.run_id)
        if persistence.access.read(wrote):
            return None
    if len(pending) != 1 or await _asks_under_another_id(snapshot, graph, config):
        return _as_it_came(kwargs, pending=len(pending))
    return _command(kwargs, {pending[0]: answer})


def _as_it_came(kwargs: RunKwargs, *, pending: int) -> Any:
    """A command whose answer does not name its question.

    Raises:
        ValueError: the answer is null, which LangGraph takes for none.
    """
    assert kwargs.command is not None
    if kwargs.command["resume"] is not None:
        return run_input(kwargs)
    if pending == 1:
        raise ValueError(_NULL_NEEDS_A_NAME)
    return _command(kwargs, _ANY if pending else {})  # to too many, or to nothing


async def _asks_under_another_id(
    snapshot: StateSnapshot, graph: Graph, config: RunnableConfig
) -> bool:
    """Whether the one question that is pending will not be asked again under its id.

    It comes from a subgraph whose state a client has changed since: the changed state has tasks
    of its own, and their questions new ids.
    """
    if all(task.state is None for task in snapshot.tasks):
        return False
    deep = await graph.aget_state(config, subgraphs=True)
    return not _innermost_asks(deep)


def _innermost_asks(snapshot: StateSnapshot) -> bool:
    """Whether a task asks that is no subgraph: the others hand on what these have asked."""
    return any(
        _innermost_asks(task.state) if isinstance(task.state, StateSnapshot) else task.interrupts
        for task in snapshot.tasks
    )


def _names_interrupts(answer: Any) -> bool:
    return isinstance(answer, dict) and bool(answer) and all(map(_INTERRUPT_ID.fullmatch, answer))


def _command(kwargs: RunKwargs, answers: dict[str, Any] | str) -> Any:
    assert kwargs.command is not None
    return run_input(evolve(kwargs, command={**kwargs.command, "resume": answers}))
