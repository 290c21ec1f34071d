"""Line numbers of JSON texts, however they are laid out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lgtrio.json_lines import json_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def paths(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path of a value, in the order of the text."""
    found = [above]
    members = value.items() if isinstance(value, dict) else []
    members = enumerate(value) if isinstance(value, list) else members
    for key, below in members:
        found += paths(below, (*above, key))
    return found


@given(VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_every_value_has_a_line(value: Any, indent: int | None, ascii_only: bool) -> None:
    found = json_lines(json.dumps(value, indent=indent, ensure_ascii=ascii_only))
    assert list(found.lines) == paths(value)
    assert not found.duplicates


@given(st.dictionaries(st.text(), st.integers()))
def test_with_a_member_a_line_the_lines_count_up(value: dict[str, int]) -> None:
    found = json_lines(json.dumps(value, indent=1))
    assert [found.lines[(key,)] for key in value] == list(range(2, 2 + len(value)))


def test_a_member_is_where_its_key_is() -> None:
    text = '{\n "a":\n  [1,\n   {"b\\"c" : 2}\n ] }'
    assert json_lines(text).lines == {
        (): 1,
        ("a",): 2,
        ("a", 0): 3,
        ("a", 1): 4,
        ("a", 1, 'b"c'): 4,
    }


def test_a_key_that_is_there_twice_is_told_with_its_second_line() -> None:
    text = '{"a": 1,\n "b": {"c": 1,\n  "c": 2},\n "a": 3}'
    assert json_lines(text).duplicates == [(("b", "c"), 3), (("a",), 4)]
