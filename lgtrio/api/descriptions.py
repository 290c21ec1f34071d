"""What an assistant's graph looks like, takes and gives."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from orjson import loads
from quart.wrappers import Response

from lgtrio.api.answers import json_answer
from lgtrio.api.asking import assistant_of, query
from lgtrio.api.services import Services
from lgtrio.errors import InvalidRequest, NotFound
from lgtrio.runs.descriptions import GraphDescriptions
from lgtrio.wire.ids import default_assistant_id
from lgtrio.wire.query import Query

Place = tuple[str, dict[str, Any]]
"""Graph id and the assistant's config."""


@frozen
class DescriptionRoutes:
    services: Services

    async def graph(self, assistant_id: str) -> Response:
        """Here, unlike elsewhere in this path, the name of a graph will do, too."""
        is_name = assistant_id in self.services.graphs
        key = default_assistant_id(assistant_id) if is_name else assistant_of(assistant_id)
        depth = drawing_depth(query())
        graph_id, config = await self._place(key)
        return json_answer(await self._graphs.drawing(graph_id, config, depth=depth))

    async def schemas(self, assistant_id: str) -> Response:
        graph_id, config = await self._place(assistant_of(assistant_id))
        return json_answer(await self._graphs.schemas(graph_id, config))

    async def subgraphs(self, assistant_id: str, namespace: str | None = None) -> Response:
        recurse = query().boolean("recurse")
        graph_id, config = await self._place(assistant_of(assistant_id))
        return json_answer(
            await self._graphs.subgraphs(graph_id, config, namespace=namespace, recurse=recurse)
        )

    @property
    def _graphs(self) -> GraphDescriptions:
        return self.services.descriptions

    async def _place(self, assistant_id: str) -> Place:
        assistant = await self.services.storage.get_assistant(assistant_id)
        if assistant is None:
            raise NotFound("Not Found")
        config: dict[str, Any] = loads(assistant.config)
        return assistant.graph_id, config


def drawing_depth(asked: Query) -> int | bool:
    """How deep `xray` wants to look: a number of levels, or all of them.

    Raises:
        InvalidRequest: neither true, false nor a number from 1.
    """
    text = asked.last("xray")
    words = {None: False, "false": False, "true": True}
    if text is None or text.lower() in words:
        return words[text and text.lower()]
    if text.isdecimal() and len(text) < 10 and int(text) > 0:
        return int(text)
    raise InvalidRequest(f"Invalid xray value {text!r}: it must be true, false or a number from 1")
