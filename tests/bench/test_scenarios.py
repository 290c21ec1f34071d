"""The scenarios themselves, briefly, on one server; and the tool as from the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bench.__main__
from bench.options import Options
from bench.scenarios import SCENARIOS
from bench.servers import Server, lgtrio_server

BRIEF = Options(rounds=1, seconds=0.05, few=1, settle=0.1, repeats=1, server_cpus=None)
CELLS = {f"{scenario.name}/{cell.name}": cell for scenario in SCENARIOS for cell in scenario.cells}


@pytest.fixture(scope="module")
def bench_server() -> Iterator[Server]:
    with lgtrio_server(None) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "least"),
    [
        # The server's time is counted in hundredths of a second; a short turn may have none.
        ("wait/thread-10-step-8", {"per_second": 1, "cpu_ms_each": 0, "client_cpu_share": 1e-4}),
        ("stream/16", {"events_per_second": 200, "first_event_p50_ms": 0.1}),
        ("cost/state-1-MB", {"per_second": 0.1}),
        ("fanout/50", {"got_all": 50, "lag_p95_ms": 0.01, "emitted_in_s": 0.9}),
        ("stops/cancel", {"to_status_ms": 0.1}),
        ("stops/displace", {"to_status_ms": 0.1, "to_first_step_of_next_ms": 0.1}),
        ("stops/disconnect", {"to_status_ms": 0.1}),
        ("history/50-runs", {"times_as_long": 0.1}),
        ("threads/1k", {"get_per_second": 1, "search_all_ms": 0.1, "copy_ms": 0.1}),
        ("store/put", {"per_second": 1}),
        ("store/get", {"per_second": 1}),
        ("store/search", {"per_second": 1}),
        ("crowd/async-200", {"at_once": 200, "creates_per_second": 1, "ok_asleep_p95_ms": 0.1}),
    ],
)
def test_a_turn(bench_server: Server, name: str, least: dict[str, float]) -> None:
    play = CELLS[name].play
    assert play is not None
    figures = asyncio.run(play(bench_server, BRIEF))
    for figure, value in least.items():
        assert figures[figure] >= value, figures


def test_ratios_are_made_of_figures_that_are_shown() -> None:
    for scenario in SCENARIOS:
        for cell in scenario.cells:
            assert cell.headline in scenario.figures, cell


def test_the_tool_as_from_the_command_line(
    bench_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """lgtrio, the floors and a server that is there already."""
    words = ["--quick", "--seconds", "0.1", "--no-pin", "--out", str(tmp_path)]
    words += ["--only", "wait/stateless-1-step-8", "--peer", f"other={bench_server.url}"]
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    bench.__main__.main()
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    (cell,) = data["cells"].values()
    assert not cell["failures"]
    contestants: dict[str, Any] = cell["contestants"]
    assert len(contestants) == 5
    assert all(each["median"]["per_second"] > 1 for each in contestants.values())
    # The CPU time of a server that was there before is found by its port.
    assert contestants["other"]["median"]["cpu_ms_each"] > 0
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "A quick look" in report
    assert "| fan-out to 200 subscribers" in report
    assert {each.name for each in tmp_path.iterdir()} == {
        *("results.json", "report.md", "plot.svg", "plot.png"),
    }
    told = "".join(capsys.readouterr().err.split())  # long paths are broken into lines
    assert str(tmp_path / "report.md") in told


def test_cells_can_be_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--list", "--only", "fanout"])
    bench.__main__.main()
    listed = capsys.readouterr().out.split()
    assert listed == ["fanout/1", "fanout/50", "fanout/200", "fanout/1000"]
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "nonsense"])
    with pytest.raises(SystemExit, match="No cell matches nonsense"):
        bench.__main__.main()
