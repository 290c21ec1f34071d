"""Nodes written for Trio in graphs that asyncio executes; see `lgtrio/docs/trio-nodes.md`.

asyncio's thread                 the nodes' Trio thread
graph → `trio_node` ──call────▶  the node, in a task and a cancel scope of its own
        (awaits)    ◀──result──
a coroutine         ◀──call────  `graph_side`
                    ──result──▶
"""

from lgtrio.graphs.trio_nodes.decorator import trio_node
from lgtrio.graphs.trio_nodes.graph_call import graph_side

__all__ = ["graph_side", "trio_node"]
