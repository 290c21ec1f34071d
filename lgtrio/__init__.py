"""lgtrio: a structured-concurrency server for LangGraph graphs.

For graphs: `trio_node` and `graph_side`, see `lgtrio/docs/trio-nodes.md`.
"""

from typing import TYPE_CHECKING, Any

from lgtrio._version import __version__

if TYPE_CHECKING:
    from lgtrio.graphs.trio_nodes import graph_side, trio_node

__all__ = ["__version__", "graph_side", "trio_node"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: Trio and LangGraph take most of a second.
    if name in {"graph_side", "trio_node"}:
        from lgtrio.graphs import trio_nodes

        return getattr(trio_nodes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
