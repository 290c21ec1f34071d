"""Assistants: what a run names to say which graph it runs, and how it is configured."""

from __future__ import annotations

from attrs import frozen
from quart.wrappers import Response

from lgtrio.api.answers import json_answer
from lgtrio.api.services import Services
from lgtrio.errors import NotFound
from lgtrio.wire.assistants import render_assistant
from lgtrio.wire.ids import parse_uuid


@frozen
class AssistantRoutes:
    services: Services

    async def get(self, assistant_id: str) -> Response:
        found = await self.services.storage.get_assistant(parse_uuid("assistant", assistant_id))
        if found is None:
            raise NotFound("Not Found")
        return json_answer(render_assistant(found))
