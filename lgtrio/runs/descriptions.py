"""What the API asks about graphs themselves: how they are built, and what they take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lgtrio.storage.interface import Json


class GraphDescriptions(Protocol):
    """Each answers encoded JSON, of the graph as it is for this config.

    A graph that a function builds may differ with the config of the assistant it is built for.

    Raises (all): NotFound, BadRequest with a sentence for the client.
    """

    async def drawing(
        self, graph_id: str, config: Mapping[str, Any], *, depth: int | bool = False
    ) -> Json:
        """`{"nodes": [{"id", "type", "data": {"name"}}], "edges": [{"source", "target"}]}`.

        Edges that a function chooses at run time have `"conditional": true`, some edges a label
        as `data`.

        Args:
            depth: down to which level nodes that are graphs are replaced by their own nodes;
                True for all levels.
        """
        ...

    async def schemas(self, graph_id: str, config: Mapping[str, Any]) -> Json:
        """`graph_id`, and a JSON schema each for `input_schema`, `output_schema`, `state_schema`,
        `config_schema` and `context_schema`.

        A graph that takes no context has null for the last and `{}` for `config_schema`.
        """
        ...

    async def subgraphs(
        self,
        graph_id: str,
        config: Mapping[str, Any],
        *,
        namespace: str | None = None,
        recurse: bool = False,
    ) -> Json:
        """Object of namespace (`node`, or `node|node` further down) to the schemas of `schemas`.

        Args:
            namespace: only the one there, which may be at any level; `{}` if there is none.
            recurse: those inside of these too.
        """
        ...
