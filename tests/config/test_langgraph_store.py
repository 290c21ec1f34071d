"""The section `store` of langgraph.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lgtrio.langgraph_json import LanggraphConfig, examine_langgraph_json
from lgtrio.langgraph_store import EmbedSpec, IndexSpec, ItemTtl, StoreConfig

INDEX = {"embed": "openai:text-embedding-3-small", "dims": 3}


def read(folder: Path, store: Any) -> tuple[LanggraphConfig, list[str]]:
    path = folder / "langgraph.json"
    path.write_text(json.dumps({"graphs": {"g": "./g.py:graph"}, "store": store}, indent=1))
    config, problems = examine_langgraph_json(path)
    return config, [f"line {each.line}: {each.message}" for each in problems]


@pytest.mark.parametrize("store", [{}, {"index": None, "ttl": None}, {"ttl": {}}])
def test_without_it_items_stay_and_queries_have_no_effect(tmp_path: Path, store: Any) -> None:
    config, problems = read(tmp_path, store)
    assert problems == []
    assert config.store == StoreConfig()
    assert config.store == StoreConfig(None, ItemTtl(None, refresh_on_read=True, sweep_minutes=5))


def test_all_of_it(tmp_path: Path) -> None:
    ttl = {"default_ttl": 1.5, "refresh_on_read": False, "sweep_interval_minutes": 10}
    config, problems = read(tmp_path, {"index": {**INDEX, "fields": ["a", "b"]}, "ttl": ttl})
    assert problems == []
    assert config.warnings == []
    assert config.store == StoreConfig(
        IndexSpec(EmbedSpec("openai:text-embedding-3-small"), 3, ("a", "b")),
        ItemTtl(1.5, refresh_on_read=False, sweep_minutes=10),
    )


@pytest.mark.parametrize(
    ("name", "file", "module", "variable"),
    [
        ("./embed.py:f", "embed.py", None, "f"),
        ("src/embed.py:f", "src/embed.py", None, "f"),
        ("my.package:f", None, "my.package", "f"),
        ("openai:text-embedding-3-small", None, None, ""),
        ("huggingface:sentence-transformers/all-mpnet-base-v2", None, None, ""),
        ("bedrock:amazon.titan-embed-text-v2:0", None, None, ""),
    ],
)
def test_what_embeds(
    tmp_path: Path, name: str, file: str | None, module: str | None, variable: str
) -> None:
    path = None if file is None else (tmp_path / file).resolve()
    spec = EmbedSpec.of(name, tmp_path)
    assert spec == EmbedSpec(name, path, module, variable)
    assert spec.is_model == (file is None and module is None)


@pytest.mark.parametrize(
    ("store", "place"),
    [
        ({"index": []}, "`store.index` must be an object"),
        ({"index": {"dims": 3}}, "`store.index.embed`"),
        ({"index": {**INDEX, "embed": 3}}, "`store.index.embed`"),
        ({"index": {**INDEX, "embed": "embed"}}, "`store.index.embed`"),
        ({"index": {"embed": "a:b"}}, "`store.index.dims`"),
        ({"index": {**INDEX, "dims": 0}}, "`store.index.dims`"),
        ({"index": {**INDEX, "dims": True}}, "`store.index.dims`"),
        ({"index": {**INDEX, "fields": "text"}}, "`store.index.fields`"),
        ({"index": {**INDEX, "fields": [1]}}, "`store.index.fields`"),
        ({"ttl": 5}, "`store.ttl` must be an object"),
        ({"ttl": {"default_ttl": 0}}, "`store.ttl.default_ttl`"),
        ({"ttl": {"default_ttl": "5"}}, "`store.ttl.default_ttl`"),
        ({"ttl": {"sweep_interval_minutes": -1}}, "`store.ttl.sweep_interval_minutes`"),
        ({"ttl": {"refresh_on_read": 1}}, "`store.ttl.refresh_on_read`"),
        ({"path": "./a.py:store"}, "`store.path`"),
        ([], "`store` must be an object"),
    ],
)
def test_mistakes_are_reported(tmp_path: Path, store: Any, place: str) -> None:
    [problem] = read(tmp_path, store)[1]
    assert place in problem


def test_a_mistake_has_its_line(tmp_path: Path) -> None:
    [problem] = read(tmp_path, {"ttl": {"default_ttl": 5, "refresh_on_read": "yes"}})[1]
    assert problem.startswith("line 8: ")


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    config, problems = read(tmp_path, {"index": {**INDEX, "dim": 3}, "ttl": {"sweep": 1}})
    assert problems == []
    assert list(config.warnings) == [
        "Unknown keys in `store.index` of langgraph.json, ignored: dim",
        "Unknown keys in `store.ttl` of langgraph.json, ignored: sweep",
    ]
