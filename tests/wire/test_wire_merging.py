"""Merging a run from assistant, thread and body."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.errors import BadRequest
from lgtrio.wire.merging import AssistantParts, Merged, merge

KEYS = st.sampled_from(["a", "b", "thread_id", "graph_id", "checkpoint_id"])
TREE = st.dictionaries(KEYS, st.integers(), max_size=4)
CONFIG = st.fixed_dictionaries(
    {}, optional={"configurable": TREE, "metadata": TREE, "tags": st.lists(st.text(max_size=2))}
)


def merged(**given_parts: Any) -> Merged:
    parts: dict[str, Any] = {
        "assistant": AssistantParts({}, {}, {}),
        "thread_metadata": {},
        "config": {},
        "context": {},
        "metadata": {},
        "fork_point": {},
        "server_keys": {},
        "identity": {},
        **given_parts,
    }
    return merge(parts.pop("assistant"), parts.pop("thread_metadata"), **parts)


@given(CONFIG, TREE, CONFIG, TREE, TREE, TREE, TREE, st.booleans())
def test_who_wins(
    assistant_config: dict[str, Any],
    assistant_context: dict[str, Any],
    config: dict[str, Any],
    context: dict[str, Any],
    metadata: dict[str, Any],
    fork_point: dict[str, Any],
    server_keys: dict[str, Any],
    by_context: bool,
) -> None:
    config.pop("configurable" if by_context else "nothing", None)
    context = context if by_context else {}
    identity = {"graph_id": "g", "assistant_id": "x"}
    parts = {
        "assistant": AssistantParts(assistant_config, assistant_context, {"created_by": "me"}),
        "thread_metadata": {"b": -1, "t": 1},
        "config": config,
        "context": context,
        "metadata": metadata,
        "fork_point": fork_point,
        "server_keys": server_keys,
        "identity": identity,
    }
    before = deepcopy(parts)
    result = merged(**parts)
    assert parts == before, "nothing given is changed"

    configurable = result.config["configurable"]
    own = context if by_context else config.get("configurable", {})
    layers = [assistant_config.get("configurable", {}), own, fork_point, server_keys]
    for key in set().union(*layers):
        assert configurable[key] == next(layer[key] for layer in layers[::-1] if key in layer)
    assert set(configurable) == set().union(*layers)

    layers = [
        {"created_by": "me"},
        {"b": -1, "t": 1},
        config.get("metadata", {}),
        metadata,
        identity,
    ]
    for key in set().union(*layers):
        assert result.metadata[key] == next(layer[key] for layer in layers[::-1] if key in layer)
    assert result.config["metadata"] == result.metadata
    assert result.context == {**assistant_context, **own}
    assert result.config.get("tags") == config.get("tags", assistant_config.get("tags"))
    assert result.thread_config["configurable"] == assistant_config.get("configurable", {})


def test_configurable_and_context_exclude_each_other() -> None:
    with pytest.raises(BadRequest, match="Cannot specify both configurable and context"):
        merged(config={"configurable": {"a": 1}}, context={"a": 1})
    merged(config={"configurable": {}}, context={"a": 1})
    merged(config={"configurable": {"a": 1}}, context={})
