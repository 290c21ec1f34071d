"""The comparison itself: it sees what differs, and nothing where nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.parity import CONFIG
from bench.parity.__main__ import main
from bench.parity.compare import ABSENT, Difference, Explained, compared, sorted_out
from bench.parity.exchange import Answer, Exchange, Frame, Recording, SseReader
from bench.parity.explanations import EXPLANATIONS
from bench.parity.family import Scenario
from bench.parity.normalise import normalised
from bench.parity.play import Played
from bench.parity.quirks import QUIRKS
from bench.parity.report import Versions, as_markdown
from bench.parity.scenarios import all_scenarios
from support.server import Server, start

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SCENARIO = "threads: get"


def answered(*bodies: Any, request: str = "GET /") -> dict[str, Any]:
    """Normalised bodies of answers, by their number."""
    exchanges = [
        Exchange(str(number), request, Answer(200, {}, body)) for number, body in enumerate(bodies)
    ]
    recording = Recording({each.step: each for each in exchanges})
    trees = normalised(recording, {"http://here": "<url>"}, NOW)
    return {step: tree["body"] for step, tree in trees.items()}


# -- normalising -----------------------------------------------------------------------------
def test_ids_keep_their_identity() -> None:
    one, other, unknown = (str(uuid4()) for _ in range(3))
    trees = answered(
        {"thread_id": one, "metadata": {"copy_of": other, "x": unknown}},
        [{"thread_id": other, "text": f"{other} and {one}"}],
    )
    assert trees["0"] == {
        "thread_id": "<thread 1>",
        "metadata": {"copy_of": "<uuid>", "x": "<uuid>"},
    }
    assert trees["1"] == [{"thread_id": "<thread 2>", "text": "<thread 2> and <thread 1>"}]


def test_ids_are_learnt_from_paths() -> None:
    thread = str(uuid4())
    assert answered(f"of {thread}", request=f"GET /threads/{thread}")["0"] == "of <thread 1>"


def test_checkpoints_are_numbered_by_age_in_each_answer() -> None:
    old, new = (f"1f1e{number}000-0000-6000-8000-000000000000" for number in (1, 2))
    trees = answered([{"checkpoint_id": new}, {"checkpoint_id": old}], {"checkpoint_id": new})
    assert trees["0"] == [{"checkpoint_id": "<checkpoint 2>"}, {"checkpoint_id": "<checkpoint 1>"}]
    assert trees["1"] == {"checkpoint_id": "<checkpoint 1>"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("2026-11-27T12:00:01.000001+00:00", "<time>"),
        ("2026-11-27T12:00:01+00:00", "<times>"),
        ("2026-11-27T12:00:01.123456Z", "<time Z>"),
        ("2027-01-01T09:00:00+00:00", "2027-01-01T09:00:00+00:00"),
        ("0123456789abcdef0123456789abcdef", "<hex>"),
        ("http://here/threads", "<url>/threads"),
        ("?after=1795802685416-0", "?after=<event id>"),
        (0.9899494936611664, 0.98995),
        (True, True),
        (None, None),
    ],
)
def test_what_differs_by_nature_is_taken_out(given: Any, wanted: Any) -> None:
    assert answered({"value": given})["0"] == {"value": wanted}


def test_versions_are_taken_out() -> None:
    body = {"langgraph_version": "1.2", "version": 2, "__request_start_time_ms__": 17}
    assert answered(body)["0"] == {
        "langgraph_version": "<version>",
        "version": 2,
        "__request_start_time_ms__": "<milliseconds>",
    }


def test_frames_are_named() -> None:
    frames = [Frame("values", {"a": 1}), Frame("custom", 2, "7-0"), Frame("values", {"a": 2})]
    answer = Answer(200, {}, frames=frames, line_ends="CRLF")
    recording = Recording({"s": Exchange("s", "GET /", answer)})
    assert normalised(recording, {})["s"]["stream"] == {
        "order": ["values", "custom", "values"],
        "frames": {"values#1": {"a": 1}, "custom#1": 2, "values#2": {"a": 2}},
        "ids": "some",
        "line ends": "CRLF",
    }


@given(st.lists(st.integers(1, 30), max_size=20), st.sampled_from(["\r\n", "\n"]))
def test_frames_are_read_however_they_are_cut(cuts: list[int], end: str) -> None:
    lines = [": heartbeat", "event: values", 'data: {"a":"b: c"}', "id: 3-0", ""]
    lines += ["event: end", "data", "", "event: custom", "data: null", "", "event: cut off"]
    text, chunks = end.join(lines), []
    for cut in cuts:
        chunks.append(text[:cut])
        text = text[cut:]
    reader = SseReader()
    assert list(reader.read([*chunks, text])) == [
        Frame("values", {"a": "b: c"}, "3-0"),
        Frame("end", None),
        Frame("custom", None),
    ]
    assert reader.line_ends == {"\r\n": "CRLF", "\n": "LF"}[end]


# -- comparing -------------------------------------------------------------------------------
def between(theirs: Any, ours: Any) -> list[tuple[str, Any, Any]]:
    trees = ({"step": {"status": 200, "body": body}} for body in (theirs, ours))
    return [(each.path, each.reference, each.lgtrio) for each in compared(SCENARIO, *trees)]


def test_equal_answers_have_no_differences() -> None:
    assert between({"a": [{"b": 1}], "c": None}, {"c": None, "a": [{"b": 1}]}) == []


def test_every_value_is_a_difference_of_its_own() -> None:
    theirs = {"a": 1, "b": [{"c": 1}, {"c": 2}], "only": 0, "words": ["x"], "zero": 0}
    ours = {"a": 2, "b": [{"c": 1}, {"c": 3, "d": None}], "words": ["x", "y"], "zero": False}
    assert between(theirs, ours) == [
        ("body.a", 1, 2),
        ("body.b.1.c", 2, 3),
        ("body.b.1.d", ABSENT, None),
        ("body.only", 0, ABSENT),
        ("body.words", ["x"], ["x", "y"]),
        ("body.zero", 0, False),
    ]


def test_rows_without_partners_are_counted() -> None:
    assert between([{"a": 1}, {"a": 2}], [{"a": 2}]) == [("body.length", 2, 1)]


def test_answers_with_other_statuses_differ_in_nothing_else() -> None:
    theirs = {"s": {"status": 500, "body": "Internal Server Error"}, "only": {"status": 200}}
    ours = {"s": {"status": 200, "headers": {"x": "y"}, "body": {"detail": "no error"}}}
    assert compared(SCENARIO, theirs, ours) == [
        Difference(SCENARIO, "s", "status", "500: Internal Server Error", "200"),
        Difference(SCENARIO, "only", "", {"status": 200}, ABSENT),
    ]


def test_explanations() -> None:
    wide = Explained(["threads: * / *: body.ttl"], "it is shown", 13)
    narrow = Explained(["*: body.ttl"], "null", reference="(absent)", lgtrio="null")
    shown = Difference(SCENARIO, "one", "body.ttl", ABSENT, None)
    other = Difference("runs: get", "one", "body.ttl", ABSENT, None)
    wrong = Difference("runs: get", "one", "body.ttl", ABSENT, 3)
    explained, unexplained = sorted_out([shown, other, wrong], [wide, narrow])
    assert explained == {wide: [shown], narrow: [other]}
    assert unexplained == [wrong]


def test_the_list_of_explanations() -> None:
    numbers = {each.number for each in QUIRKS}
    assert {each.quirk for each in EXPLANATIONS if each.quirk is not None} <= numbers
    wide = ("*", "*: status", "*: body*", "*: *")
    for each in EXPLANATIONS:
        narrow = (each.reference, each.lgtrio) != ("*", "*")
        assert narrow or not set(each.where) & set(wide), each.reason


def test_the_page() -> None:
    difference = Difference(SCENARIO, "one", "body.a", {"x": "a|b"}, ABSENT)
    unused = Explained(["*: status"], "unused")
    found = {Explained(["*: body.a"], "as it should be", 7): [difference], unused: []}
    played = [Played(Scenario(SCENARIO, lambda _play: None), 3, [difference])]
    page = as_markdown(played, found, [], Versions("1", "2", "3"))
    assert (
        '| as it should be | 7 | threads: get (1); `body.a` | `{"x": "a\\|b"}` | `(absent)` |'
        in page
    )
    assert "unused" not in page
    assert "| threads: get | 3 |" in page
    assert all(f"\n| {each.number} | {each.area} |" in page for each in QUIRKS)


# -- playing ---------------------------------------------------------------------------------
def test_titles_are_unique() -> None:
    titles = [scenario.title for scenario in all_scenarios()]
    assert len(titles) == len(set(titles))


@pytest.fixture(scope="module")
def compared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """lgtrio with the graphs of the comparison."""
    folder: Path = tmp_path_factory.mktemp("parity")
    server = start(folder / "parity.db", config=CONFIG)
    yield server
    assert server.stop() == 0


def compare(
    monkeypatch: pytest.MonkeyPatch, reference: str, lgtrio: str, *patterns: str
) -> int | None:
    """The exit status of the command."""
    arguments = [word for pattern in patterns for word in ("--only", pattern)]
    arguments += ["--reference", reference, "--lgtrio", lgtrio, "--jobs", "3"]
    monkeypatch.setattr("sys.argv", ["parity", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code is None or isinstance(end.value.code, int)
    return end.value.code


def test_lgtrio_is_like_itself(
    compared_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A quick scenario of every family."""
    patterns = [
        *("assistants: get*", "threads: search*", "states: history", "runs: list*"),
        *("merging: config", "commands: two*", "streams: messages", "thread streams: updates*"),
        *("multitask: rollback", "cancels: listeners", "store: search", "crons: search*"),
        *("system: *", "requests: *"),
    ]
    url = compared_server.url
    assert not compare(monkeypatch, url, url, *patterns)
    printed = capsys.readouterr().out
    assert printed.endswith(" exchanges, 0 differences explained, 0 not\n")
    assert int(printed.split()[0]) > 120


def test_other_graphs_are_a_difference(
    compared_server: Server,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert compare(monkeypatch, compared_server.url, server.url, "commands: two*") == 1
    printed = capsys.readouterr().out
    assert "commands: two questions / asked: " in printed
    assert "    lgtrio:    " in printed


def test_the_page_needs_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["parity", "--write", "--only", "store: *"])
    with pytest.raises(SystemExit, match="2"):
        main()


def test_unknown_scenarios_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["parity", "--only", "nonsense"])
    with pytest.raises(SystemExit, match="nonsense"):
        main()
