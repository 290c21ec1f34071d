"""Assistants on the wire."""

from __future__ import annotations

from orjson import Fragment, dumps

from lgtrio.storage.interface import AssistantRecord
from lgtrio.wire.ids import default_assistant_id


def render_assistant(record: AssistantRecord) -> bytes:
    return dumps(
        {
            "assistant_id": record.assistant_id,
            "graph_id": record.graph_id,
            "config": Fragment(record.config),
            "context": Fragment(record.context),
            "metadata": Fragment(record.metadata),
            "name": record.name,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "version": record.version,
            "description": record.description,
        }
    )


def default_assistant(graph_id: str, description: str | None, now: str) -> AssistantRecord:
    """The assistant that every graph has without anybody making it."""
    return AssistantRecord(
        assistant_id=default_assistant_id(graph_id),
        graph_id=graph_id,
        version=1,
        name=graph_id,
        description=description,
        config=b"{}",
        context=b"{}",
        metadata=b'{"created_by":"system"}',
        created_at=now,
        updated_at=now,
    )
