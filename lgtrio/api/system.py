"""Is the server there, and which one is it."""

from __future__ import annotations

from importlib.metadata import version

from attrs import field, frozen
from orjson import dumps
from quart.wrappers import Response

from lgtrio import __version__
from lgtrio.api.answers import json_answer


def _info() -> bytes:
    return dumps(
        {
            "version": __version__,
            "langgraph_py_version": version("langgraph"),
            "flags": {
                "assistants": True,
                "crons": True,
                "langsmith": False,
                "langsmith_tracing_replicas": False,
                "langsmith_tracing_session_on_runs": False,
                "stream_namespaces": True,
                "strict_resume": True,
            },
            "host": {
                "kind": "self-hosted",
                "project_id": None,
                "host_revision_id": None,
                "revision_id": None,
                "tenant_id": None,
            },
        }
    )


@frozen
class SystemRoutes:
    _rendered_info: bytes = field(factory=_info)

    async def ok(self) -> Response:
        return json_answer(b'{"ok":true,"services":{}}')

    async def info(self) -> Response:
        return json_answer(self._rendered_info)
