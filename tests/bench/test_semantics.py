"""The instrument itself: it sees what happens, says what differs, and finds lgtrio exact."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from bench.semantics.__main__ import main
from bench.semantics.families import FAMILIES
from bench.semantics.findings import Finding, Timing, late_work, overlaps, timing, trail
from bench.semantics.lab import Lab
from bench.semantics.play import Play, Results, Server, verdict
from bench.semantics.plot import draw
from bench.semantics.pulse import Pulse, Sign, listening
from bench.semantics.report import as_json, as_markdown, cell
from bench.semantics.runs import Run
from bench.semantics.scenario import Family, Scenario

FAMILY = Family("family", "What it is about.")


@FAMILY.scenario("{action} of {what}", action=["cancel", "delete"], what=["one", "many"])
async def _nothing(_lab: Lab, action: str, what: str) -> None:
    """A scenario that is never played."""


def run(label: str, *times: float, **fields: Any) -> Run:
    """A run with signs of life at these times."""
    pulse = Pulse()
    pulse._signs[label] = [Sign(at, "work", "tick", number) for number, at in enumerate(times)]
    nothing: Any = None
    return Run(label, label, "thread", 0.0, nothing, pulse, nothing, **fields)


def play(finding: Finding | None = None, *, failure: str = "") -> Play:
    return Play(FAMILY.scenarios[0], Server("here", "http://here"), finding, failure, 0.1)


def finding(facts: dict[str, str], expected: dict[str, str], *timings: Timing) -> Finding:
    return Finding(facts, expected, timings)


def test_a_scenario_for_each_combination() -> None:
    titles = [scenario.title for scenario in FAMILY.scenarios]
    assert titles == [
        "family: cancel of one",
        "family: cancel of many",
        "family: delete of one",
        "family: delete of many",
    ]


def test_titles_are_unique() -> None:
    titles = [scenario.title for family in FAMILIES for scenario in family.scenarios]
    assert len(titles) == len(set(titles)) > 100


def test_overlap() -> None:
    assert overlaps([run("r1", 1, 2), run("r2", 2.5, 3), run("r3")]) == "none"
    assert overlaps([run("r1", 1, 3), run("r2", 2, 4), run("r3", 5, 6)]) == "r1/r2"


def test_late_work() -> None:
    assert (
        late_work([run("r1", 1, 2, ended_at=2.5), run("r2", 1, 2), run("r3", ended_at=1)]) == "none"
    )
    assert late_work([run("r1", 1, 2, ended_at=1.95), run("r2", 1, 3, ended_at=1)]) == (
        "r1 < 100 ms r2 > 1 s"
    )


def test_timing() -> None:
    stopped = run("r1", 1, 2, asked_at=1.5, ended_at=1.75)
    assert timing(stopped) == Timing("r1", 1000, 250, 500)
    assert timing(run("r1", 1, asked_at=1.5, ended_at=1.75)).stopped_ms == 0
    assert timing(run("r1", asked_at=1.5, ended_at=1.75)) == Timing("r1", None, 250, None)


def test_trail_names_the_runs() -> None:
    state = {"values": {"trail": ["a:first", "b:work", "x:last"]}}
    named = [run("a"), run("b")]
    assert trail(state, named) == "a:first b:work ?:last"
    assert trail({"values": None}, named) == "-"


def test_verdicts_and_cells() -> None:
    good = play(finding({"r1": "success", "extra": "x"}, {"r1": "success"}))
    bad = play(finding({"r1": "gone"}, {"r1": "success", "thread": "idle"}))
    failed = play(failure="TimeoutError")
    assert (verdict([good]), cell([good])) == ("ok", "ok")
    assert cell([bad]) == "**differs**: r1 gone (success); thread - (idle)"
    assert cell([good, bad]).startswith("**differs**: r1 gone (success) [1 of 2]")
    assert cell([failed]) == "**failed**: TimeoutError"


def test_report_and_picture(tmp_path: Path) -> None:
    timed = finding(
        {"r1": "gone"}, {"r1": "gone"}, Timing("r1", 5, 2, 1), Timing("r2", 7, None, None)
    )
    results = Results([Server("here", "http://here")], [play(timed)])
    assert as_json(results)["summary"]["here"] == {
        "ok": 1,
        "differs": 0,
        "failed": 0,
        "create_to_first_sign_p50_ms": 6,
        "stop_to_terminal_p50_ms": 2,
        "stop_to_last_sign_p50_ms": 1,
    }
    assert "| cancel of one | ok |" in as_markdown(results, [FAMILY])
    draw(results, tmp_path / "plot.svg")
    assert "family: cancel of one" in _words_of(tmp_path / "plot.svg")


def _words_of(picture: Path) -> str:
    """Matplotlib draws letters as shapes, and keeps the words as comments."""
    return picture.read_text(encoding="utf-8")


def test_signs_arrive() -> None:
    async def listen() -> list[Sign]:
        async with listening("127.0.0.1") as pulse:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sign = {"run_id": "r", "node": "work", "what": "tick", "number": 3}
                sender.sendto(json.dumps(sign).encode(), pulse.sink)
            await pulse.until(lambda: bool(pulse.of("r")), seconds=5)
            with pytest.raises(TimeoutError):
                await pulse.until(lambda: bool(pulse.of("other")), seconds=0.01)
            return pulse.of("r")

    (sign,) = asyncio.run(listen())
    assert (sign.node, sign.what, sign.number) == ("work", "tick", 3)


def test_lgtrio_is_exact(
    own_process: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some scenarios of each family, as from the command line."""
    patterns = [
        "strategy: [ir]*one running and",
        "cancel: * async node, wait=True",
        "disconnect: reset of POST*=cancel",
        "rollback: cancel, after",
        "order: all strategies",
        "stream: cut 5",
        "delete: a running",
    ]
    arguments = [word for pattern in patterns for word in ("--only", pattern)]
    monkeypatch.setattr("sys.argv", ["semantics", *arguments, "--out", str(own_process)])
    main()
    matrix = (own_process / "matrix.md").read_text(encoding="utf-8")
    assert "differs**" not in matrix
    assert "failed**" not in matrix
    data = json.loads((own_process / "results.json").read_text(encoding="utf-8"))
    assert data["summary"]["lgtrio"]["ok"] == len(data["plays"]) > 12
    assert {each.name for each in own_process.iterdir()} >= {"latencies.svg", "latencies.png"}
    assert "ok" in capsys.readouterr().err


def test_a_server_without_the_graphs_is_named(
    server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["semantics", "--url", f"mine={server.url}", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match=r"mine .*Invalid assistant[\s\S]*langgraph\.json"):
        main()


def test_unknown_scenarios_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["semantics", "--only", "nonsense", "--list"])
    with pytest.raises(SystemExit, match="nonsense"):
        main()


def test_scenarios_are_values() -> None:
    """Results are looked up by them."""
    one = FAMILY.scenarios[0]
    assert one == Scenario(one.family, one.name, one.play)
    assert len(set(FAMILY.scenarios)) == len(FAMILY.scenarios)
