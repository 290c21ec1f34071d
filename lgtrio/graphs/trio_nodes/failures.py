"""What a Trio node raised, as the exception that LangGraph and the graph's author expect.

Nurseries raise groups. LangGraph tells interrupts, retries and errors apart by the class of the
exception, so the one that counts is taken out of its group.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import structlog
from langgraph.errors import GraphBubbleUp

log = structlog.get_logger(__name__)

USE_GRAPH_SIDE: Final = (
    "A Trio node awaited something that needs asyncio. Await it with"
    " `await graph_side(function, *arguments)`; `from lgtrio import graph_side`."
)


def exception_of_node(error: BaseException) -> BaseException:
    """The exception that the node's call raises in the graph.

    * An interrupt (or any other `GraphBubbleUp`) in a group: the first one, bare. Exceptions
      beside it are logged.
    * A group whose exceptions are all of one class: the first one, with notes that name the others.
    * Any other group: as it is.
    * What Trio or asyncio raise when an asyncio awaitable is awaited in Trio: a `RuntimeError`
      that says what to do instead.
    """
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, GraphBubbleUp):
            _log_hidden(leaf, error)
            return leaf
    first, *others = leaves
    if any(type(other) is not type(first) for other in others):
        return error
    for other in others:
        first.add_note(f"Raised in the same Trio node as well: {other!r}")
    return _explained(first)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _log_hidden(raised: GraphBubbleUp, error: BaseException) -> None:
    if not isinstance(error, BaseExceptionGroup):
        return
    _, hidden = error.split(GraphBubbleUp)
    if hidden is not None:
        log.warning(
            "exceptions beside an interrupt of a Trio node are lost",
            raised=type(raised).__name__,
            exc_info=hidden,
        )


def _explained(error: BaseException) -> BaseException:
    text = str(error)
    # Nobody offers a class or a code to tell these two by.
    if (type(error) is TypeError and "unrecognized yield message" in text) or (
        type(error) is RuntimeError and text == "no running event loop"
    ):
        explained = RuntimeError(USE_GRAPH_SIDE)
        explained.__cause__ = error
        return explained
    return error
