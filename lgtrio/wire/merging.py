"""What a run is executed with: assistant, thread and run body merged.

Pure functions over decoded JSON; nothing given is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from lgtrio.errors import BadRequest

Tree = Mapping[str, Any]

BOTH_GIVEN = (
    "Cannot specify both configurable and context. Prefer setting context alone."
    " Context was introduced in LangGraph 0.6.0 and is the long term planned replacement"
    " for configurable."
)


@frozen
class AssistantParts:
    """What an assistant brings to its runs."""

    config: Tree
    context: Tree
    metadata: Tree


@frozen
class Merged:
    config: dict[str, Any]
    context: dict[str, Any]
    metadata: dict[str, Any]
    thread_config: dict[str, Any]
    """What the thread row shows as `config`; of no effect on later runs."""


def merge(
    assistant: AssistantParts,
    thread_metadata: Tree,
    *,
    config: Tree,
    context: Tree,
    metadata: Tree,
    fork_point: Tree,
    server_keys: Tree,
    identity: Tree,
) -> Merged:
    """Merge for one run.

    Args:
        config, context, metadata: as the run's body gave them.
        fork_point: `checkpoint_id` and its companions, from the body's own fields.
        server_keys: set by the server in `configurable`; nothing overrides them.
        identity: `graph_id` and `assistant_id`, the last word in the metadata.

    Raises:
        BadRequest: the body has both a configurable and a context.
    """
    own = config.get("configurable") or {}
    if own and context:
        raise BadRequest(BOTH_GIVEN)
    merged_metadata = {
        **assistant.metadata,
        **thread_metadata,
        **(config.get("metadata") or {}),
        **metadata,
        **identity,
    }
    assistant_configurable = assistant.config.get("configurable") or {}
    overlay = own or context
    merged_config = {
        **assistant.config,
        **config,
        "configurable": {**assistant_configurable, **overlay, **fork_point, **server_keys},
        "metadata": merged_metadata,
    }
    return Merged(
        config=merged_config,
        context={**assistant.context, **overlay},
        metadata=merged_metadata,
        thread_config={**assistant.config, **config, "configurable": assistant_configurable},
    )
