"""Runs that a graph elsewhere asks for, because a `RemoteGraph` is one of its nodes.

When that graph is resumed, the node is executed again and sends its input again, as if it were
new. That it is not, and what has been answered, only two keys of `configurable` say, which
LangGraph means for the subgraphs of a graph. Read as what they mean here, they are a command.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve
from langgraph._internal._constants import CONFIG_KEY_RESUME_MAP, CONFIG_KEY_RESUMING
from langgraph.types import StateSnapshot

from lgtrio.wire.kwargs import RunKwargs


def resumed_by_parent(kwargs: RunKwargs) -> bool:
    """Whether the graph that called this one has been resumed."""
    configurable = kwargs.config.get("configurable") or {}
    return kwargs.command is None and configurable.get(CONFIG_KEY_RESUMING) is True


def as_command(kwargs: RunKwargs, snapshot: StateSnapshot) -> RunKwargs:
    """The run as its caller means it: going on, with the answers that this thread waits for.

    The caller's mark stays to the end of its own run. If nothing is left to do here, this is not
    what was interrupted, and the input is a new one.
    """
    if not snapshot.next:
        return kwargs
    answers = kwargs.config["configurable"].get(CONFIG_KEY_RESUME_MAP)
    known = answers if isinstance(answers, Mapping) else {}
    resume = {each.id: known[each.id] for each in snapshot.interrupts if each.id in known}
    return evolve(kwargs, input=None, command={"resume": resume} if resume else None)
