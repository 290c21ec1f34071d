"""Whatever a graph emits becomes one line of JSON."""

from __future__ import annotations

import json
import math
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langgraph.types import Interrupt, Send
from pydantic import BaseModel

from lgtrio.graphs.encode import to_json


class Colour(Enum):
    RED = "red"


class Item(BaseModel):
    name: str
    parts: set[int] = set()


@dataclass
class Point:
    x: int
    tag: object = None


@attrs.frozen
class Pair:
    left: int
    right: object


Named = namedtuple("Named", ["a", "b"])


class Opaque:
    pass


class Broken:
    def to_dict(self) -> None:
        raise RuntimeError("no")


circle: list[Any] = []
circle.append(circle)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, 2)}, {"a": [1, 2]}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(seconds=1.5), 1.5),
        (Colour.RED, "red"),
        (Item(name="n", parts={1}), {"name": "n", "parts": [1]}),
        (Point(1, Item(name="n")), {"x": 1, "tag": {"name": "n", "parts": []}}),
        (Pair(1, Colour.RED), {"left": 1, "right": "red"}),
        (Named(1, {2}), {"a": 1, "b": [2]}),
        (deque([1]), [1]),
        (frozenset({1}), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (Decimal("1.10"), "1.10"),
        (Path("a/b"), "a/b"),
        (b"\xff", "/w=="),
        (ValueError("boom"), {"error": "ValueError", "message": "boom"}),
        (OSError("secret"), {"error": "OSError", "message": "An internal error occurred"}),
        (Interrupt("q", "i"), {"value": "q", "id": "i", "response_schema": None}),
        (Send("n", {"x": {1}}), {"node": "n", "arg": {"x": [1]}}),
        ([math.nan, math.inf], [None, None]),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "null": "b", "(1, 2)": "c"}),
        ({"big": 2**70}, {"big": 2**70}),
        ({"s": "a\ud800b", "t": "\ud83d\ude00"}, {"s": "a\ufffdb", "t": "😀"}),
        ([Opaque(), Opaque, 1], [None, None, 1]),
        ([Broken(), 2], [None, 2]),
        ({"big": 2**70, "p": Point(2, Named(1, 2)), "d": date(2026, 1, 2), "n": math.nan},
         {"big": 2**70, "p": {"x": 2, "tag": {"a": 1, "b": 2}}, "d": "2026-01-02", "n": None}),
    ],
)  # fmt: skip
def test_values(value: object, expected: object):
    assert json.loads(to_json(value)) == expected


def test_a_message_has_the_keys_that_clients_know():
    encoded = orjson.loads(to_json([AIMessage("hi", id="1")]))[0]
    assert list(encoded) == [
        "content",
        "additional_kwargs",
        "response_metadata",
        "type",
        "name",
        "id",
        "tool_calls",
        "invalid_tool_calls",
        "usage_metadata",
    ]


def test_a_circle_ends():
    assert to_json(circle).startswith(b"[[[")


_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(max_size=8),
    st.uuids(),
    st.datetimes(),
    st.decimals(),
    st.timedeltas(),
    st.builds(Opaque),
    st.builds(Broken),
)
_values = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.tuples(st.integers())), inner),
        st.builds(Point, st.integers(), inner),
        st.builds(Pair, st.integers(), inner),
        st.builds(Named, inner, inner),
        st.builds(lambda each: deque([each]), inner),
    ),
    max_leaves=12,
)


@given(_values)
def test_anything_becomes_one_line_of_valid_json(value: object):
    encoded = to_json(value)
    assert b"\n" not in encoded
    assert b"\r" not in encoded
    json.loads(encoded.decode())
