"""Frames as bytes, ids, and what a subscriber takes from a batch."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.runs.frames import (
    ALWAYS_KEPT,
    MARK,
    Batch,
    Selection,
    SentFrame,
    encode_frame,
    frame_id,
    parse_frame_id,
)
from lgtrio.storage.interface import Frame


def test_a_frame_is_crlf_event_data_then_id() -> None:
    assert encode_frame("values", b'{"a":1}', None) == b'event: values\r\ndata: {"a":1}\r\n\r\n'
    assert (
        encode_frame("updates|sub:1", b"null", "17-3")
        == b"event: updates|sub:1\r\ndata: null\r\nid: 17-3\r\n\r\n"
    )


@given(st.integers(1, 10**9), st.integers(0, 10**13))
def test_an_id_finds_its_place_again(seq: int, ms: int) -> None:
    assert parse_frame_id(frame_id(Frame(seq, "values", "values", b"1", ms))) == seq


@pytest.mark.parametrize("text", ["", "x", "12", "1-x", "1-", "-", "1-²"])
def test_text_that_is_no_id(text: str) -> None:
    assert parse_frame_id(text) is None


def test_minus_one_is_the_start() -> None:
    assert parse_frame_id("-1") == 0


modes = st.sampled_from(["values", "updates", "custom", "metadata", "error"])


@given(
    st.lists(modes, min_size=1, max_size=20),
    st.integers(0, 25),
    st.none() | st.frozensets(st.sampled_from(["values", "updates", "custom"])),
)
def test_select_takes_what_is_wanted_and_new(
    names: list[str], after: int, wanted: frozenset[str] | None
) -> None:
    frames = [
        SentFrame.of(Frame(seq, mode, mode, orjson.dumps(seq), 0), with_id=False)
        for seq, mode in enumerate(names, start=1)
    ]
    expected = b"".join(
        frame.sse
        for frame in frames
        if frame.seq > after
        and (wanted is None or frame.mode in wanted or frame.mode in ALWAYS_KEPT)
    )
    assert Batch.of(frames).select(Selection(modes=wanted), after=after) == expected


def test_a_mark_is_never_sent() -> None:
    frames = [Frame(1, MARK, MARK, b"some-checkpoint", 0), Frame(2, "values", "values", b"1", 0)]
    batch = Batch.of(SentFrame.of(frame, with_id=True) for frame in frames)
    for selection in (Selection(), Selection(modes=frozenset({"values"}))):
        assert batch.select(selection, after=0) == b"event: values\r\ndata: 1\r\nid: 0-2\r\n\r\n"


@pytest.mark.parametrize(
    ("namespaces", "wanted"),
    [
        (None, {"", "a:1", "a:2", "a:1|b:3", "tools:4", "a:1|tools:5|c:6"}),
        ([""], {"", "a:1", "a:2", "a:1|b:3"}),
        (["a"], {"a:1", "a:2", "a:1|b:3"}),
        (["a:1"], {"a:1", "a:1|b:3"}),
        (["a|b"], {"a:1|b:3"}),
        (["a:2", "tools:4"], {"a:2", "tools:4"}),
        (["a:1|tools:5"], {"a:1|tools:5|c:6"}),
        (["b"], set()),
    ],
)
def test_namespaces(namespaces: list[str] | None, wanted: set[str]) -> None:
    selection = Selection(namespaces=namespaces)
    there = ["", "a:1", "a:2", "a:1|b:3", "tools:4", "a:1|tools:5|c:6"]
    taken = {
        namespace
        for namespace in there
        if selection.wants(
            Frame(1, "values", f"values|{namespace}" if namespace else "values", b"1", 0)
        )
    }
    assert taken == wanted
    assert selection.wants(Frame(1, "error", "error", b"{}", 0))
