"""What goes in comes out: small values inside the checkpoint, large ones beside it, once."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR, RESUME

from lgtrio.errors import StorageError
from lgtrio.graphs.saver import RunSaver
from support.savers import Database, open_database

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
BIG = "b" * 5000


def checkpoint_of(values: dict[str, Any], versions: dict[str, str]) -> Checkpoint:
    return {
        **empty_checkpoint(),
        "id": str(uuid6()),
        "channel_values": values,
        "channel_versions": dict(versions),
    }


class Steps:
    """Puts one checkpoint after the other, as a run does."""

    def __init__(self, saver: RunSaver) -> None:
        self.saver = saver
        self.config = CONFIG
        self.values: dict[str, Any] = {}
        self.versions: dict[str, str] = {}

    def step(self, **changed: Any) -> RunnableConfig:
        """A value of None takes the channel's value away."""
        for channel, value in changed.items():
            self.versions[channel] = self.saver.get_next_version(self.versions.get(channel), None)
            self.values[channel] = value
            if value is None:
                del self.values[channel]
        checkpoint = checkpoint_of(dict(self.values), self.versions)
        self.config = self.saver.put(self.config, checkpoint, {}, {})
        return self.config


def values_at(database: Database, config: RunnableConfig) -> dict[str, Any]:
    found = database.saver().get_tuple(config)
    assert found is not None
    values: dict[str, Any] = found.checkpoint["channel_values"]
    return values


def test_a_large_value_is_stored_once_for_each_version(database: Database) -> None:
    steps = Steps(database.saver())
    first = steps.step(big=BIG, small=1)
    for count in range(5):
        steps.step(small=count)
    assert database.count("checkpoint_blobs") == 1
    last = steps.step(big=BIG + "!")
    assert database.count("checkpoint_blobs") == 2
    assert database.count("checkpoints", "length(checkpoint) > 4000") == 0
    assert values_at(database, first) == {"big": BIG, "small": 1}
    assert values_at(database, last) == {"big": BIG + "!", "small": 4}


class CountingSerde(JsonPlusSerializer):
    """Adds up what it serialises."""

    size = 0

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        type_, data = super().dumps_typed(obj)
        self.size += len(data)
        return type_, data


@pytest.mark.parametrize("value", [BIG, BIG.encode(), {"n": 0, "text": BIG}, [BIG], [1] * 5000])
def test_a_large_value_is_serialised_once(database: Database, value: Any) -> None:
    saver = database.saver()
    saver.serde = serde = CountingSerde()
    config = Steps(saver).step(big=value, small=1)
    assert serde.size < 2 * len(BIG)
    assert values_at(database, config) == {"big": value, "small": 1}


def test_small_values_stay_inside(database: Database) -> None:
    steps = Steps(database.saver())
    config = steps.step(a="a", b=[1, 2], c={"d": None})
    assert database.count("checkpoint_blobs") == 0
    assert values_at(database, config) == {"a": "a", "b": [1, 2], "c": {"d": None}}


def test_a_value_that_grows_slowly_moves_out(database: Database) -> None:
    steps = Steps(database.saver())
    for count in range(20):
        config = steps.step(messages=[HumanMessage("m" * 500, id=str(n)) for n in range(count)])
    assert database.count("checkpoints", "length(checkpoint) > 8000") == 0
    assert len(values_at(database, config)["messages"]) == 19


def test_the_next_run_knows_what_is_stored(database: Database) -> None:
    Steps(database.saver()).step(big=BIG, small=1)
    saver = database.saver()
    found = saver.get_tuple(CONFIG)
    assert found is not None
    steps = Steps(saver)
    steps.config = found.config
    steps.values = dict(found.checkpoint["channel_values"])
    steps.versions = {k: str(v) for k, v in found.checkpoint["channel_versions"].items()}
    config = steps.step(small=2)
    assert database.count("checkpoint_blobs") == 1
    assert values_at(database, config) == {"big": BIG, "small": 2}


def test_a_checkpoint_whose_large_value_was_removed_is_refused(database: Database) -> None:
    """Better no checkpoint than one that reads back short."""
    steps = Steps(database.saver())
    steps.step(big=BIG)
    database.saver().delete_thread("t")
    with pytest.raises(StorageError, match="not stored any more"):
        steps.step(small=1)
    assert database.count("checkpoints") == 0


def test_removal_takes_blobs_that_nothing_refers_to(database: Database) -> None:
    steps = Steps(database.saver())
    steps.step(big=BIG)
    steps.step(big=BIG + "2")
    last = steps.step(other=BIG)
    database.saver().prune(["t"])
    assert database.count("checkpoint_blobs") == 2
    assert values_at(database, last) == {"big": BIG + "2", "other": BIG}


CHANGES = st.dictionaries(
    st.sampled_from("abcd"),
    st.one_of(st.none(), st.integers(0, 6000).map(lambda size: "x" * size)),
    min_size=1,
)


@given(st.lists(st.tuples(CHANGES, st.booleans(), st.integers(0, 10)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_checkpoint_reads_back(history: list[Any]) -> None:
    """Whatever grows, shrinks, goes and comes back, in one run or several, also from forks."""
    with TemporaryDirectory() as folder, open_database(Path(folder) / "test.db") as database:
        steps = Steps(database.saver())
        stored: list[tuple[RunnableConfig, dict[str, Any], dict[str, str]]] = []
        for changes, new_run, start in history:
            if new_run and stored:
                steps.saver = database.saver()
                steps.config, values, versions = deepcopy(stored[start % len(stored)])
                steps.values, steps.versions = values, versions
                assert steps.saver.get_tuple(steps.config) is not None
            stored.append((steps.step(**changes), dict(steps.values), dict(steps.versions)))
        for config, expected, _ in stored:
            assert values_at(database, config) == expected


# -- writes -------------------------------------------------------------------------------


def test_writes_come_back_in_the_order_they_are_applied(database: Database) -> None:
    saver = database.saver()
    config = saver.put(CONFIG, empty_checkpoint(), {}, {})
    saver.put_writes(config, [("x", "later")], "task-1", "~b")
    saver.put_writes(config, [("x", "first"), ("x", "second")], "task-2", "~a")
    saver.put_writes(config, [("x", "no path")], "task-3")
    found = saver.get_tuple(config)
    assert found is not None
    assert [value for _, _, value in found.pending_writes or ()] == [
        "no path",
        "first",
        "second",
        "later",
    ]


def test_of_ordinary_writes_the_first_stays_of_special_ones_the_last(database: Database) -> None:
    saver = database.saver()
    config = saver.put(CONFIG, empty_checkpoint(), {}, {})
    for attempt in ("one", "two"):
        saver.put_writes(config, [("x", attempt), (ERROR, attempt), (RESUME, attempt)], "task")
    found = saver.get_tuple(config)
    assert found is not None
    assert {channel: value for _, channel, value in found.pending_writes or ()} == {
        "x": "one",
        ERROR: "two",
        RESUME: "two",
    }


def test_writes_without_a_checkpoint_are_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="checkpoint_id"):
        database.saver().put_writes(CONFIG, [("x", 1)], "task")


# -- listing ------------------------------------------------------------------------------


def test_listing_more_than_a_page(database: Database) -> None:
    saver = database.saver()
    for step in range(230):
        metadata: Any = {"step": step, 'odd "key"': step % 2}
        saver.put(CONFIG, checkpoint_of({}, {}), metadata, {})
    assert [found.metadata["step"] for found in saver.list(CONFIG)] == list(range(229, -1, -1))
    odd = [found.metadata["step"] for found in saver.list(CONFIG, filter={'odd "key"': 1})]
    assert odd == list(range(229, 0, -2))
    some = saver.list(CONFIG, filter={'odd "key"': 1}, limit=60)
    assert [found.metadata["step"] for found in some] == odd[:60]
    assert list(saver.list(CONFIG, limit=0)) == []


def test_listing_by_values_that_are_no_scalars(database: Database) -> None:
    saver = database.saver()
    saver.put(CONFIG, checkpoint_of({}, {}), {"parents": {"a": "1"}}, {})
    saver.put(CONFIG, checkpoint_of({}, {}), {"parents": {"a": "2"}}, {})
    found = list(saver.list(None, filter={"parents": {"a": "1"}}))
    assert [one.metadata["parents"] for one in found] == [{"a": "1"}]


def test_versions_sort_as_they_count(database: Database) -> None:
    saver = database.saver()
    versions = [saver.get_next_version(None, None)]
    for _ in range(120):
        versions.append(saver.get_next_version(versions[-1], None))
    assert versions == sorted(versions)
    assert saver.get_next_version(versions[0], None) != saver.get_next_version(versions[0], None)
