"""What of a graph's exception a client may see: its class, and its text only where it is safe.

Texts of exceptions that a graph author raises on purpose (`ValueError("age must be …")`) and of
LangGraph's own are shown. Everything else may hold paths, addresses or secrets and is masked;
the log has it in full.
"""

from __future__ import annotations

from typing import Final

from langgraph.errors import GraphBubbleUp

from lgtrio.runs.executor import ErrorInfo

MASKED: Final = "An internal error occurred"

_SHOWN: Final = frozenset(
    {
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
        NotImplementedError,
        TimeoutError,
    }
)
"""Exactly these classes, not their subclasses: a user's own class may carry anything."""


def error_info(error: BaseException) -> ErrorInfo:
    """The two-key error object of an exception; of a group, that of its first member."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kind = type(error)
    return ErrorInfo(kind.__name__, str(error) if _is_shown(kind) else MASKED)


def _is_shown(kind: type[BaseException]) -> bool:
    if kind in _SHOWN or kind.__name__ == "HTTPException":
        return True
    return kind.__module__ == GraphBubbleUp.__module__
