"""What the benchmark makes of figures: targets, tables, remarks, the picture, the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bench.arguments import asked
from bench.budget import budget
from bench.cells import OURS, Cell, Scenario
from bench.curves import BY_CLIENTS, BY_SIZE, draw_curves
from bench.figures import Figures, heading, number, shown
from bench.floor import MEMORY
from bench.peers import DEV
from bench.plot import draw
from bench.readme import BEGIN, END, write_figures
from bench.report import as_markdown
from bench.results import CellResult, Results
from bench.scenarios import SCENARIOS
from bench.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
FIGURES = ["per_second", "p50_ms", "cpu_ms_each", "client_cpu_share"]


def results(**turns: list[Figures]) -> Results:
    """Of the cell of the first target; contestants by their first letters."""
    names = {"ours": OURS, "floor": MEMORY, "dev": DEV}
    scenario = Scenario("wait", "Waits", "About.", [Cell("stateless-1-step-8")], FIGURES)
    result = CellResult(scenario, scenario.cells[0], [names[each] for each in turns])
    for name, each in turns.items():
        result.turns[names[name]].extend(each)
    environment = {
        "at": "2026-11-27T12:00+00:00",
        "cpus": 2,
        "processor": "a processor",
        "python": "3.13.0",
        "commit": "abc",
        "load_before": 0.1,
        "versions": {"lgtrio": "1"},
        "peers": {},
    }
    options = {"command": "make", "rounds": 2, "few": 1, "seconds": 3.0, "server_cpus": [0]}
    return Results(environment, options, [result])


def turn(rate: float, **more: float) -> Figures:
    return {"per_second": rate, "p50_ms": 8000 / rate, "cpu_ms_each": 900 / rate, **more}


def line(markdown: str, beginning: str) -> str:
    (found,) = [each for each in markdown.splitlines() if each.startswith(beginning)]
    return found


# -- targets -----------------------------------------------------------------------------------
def test_every_target_is_read_from_cells_that_exist() -> None:
    cells = {f"{scenario.name}/{cell.name}" for scenario in SCENARIOS for cell in scenario.cells}
    for target in TARGETS:
        assert target.cells
        assert set(target.cells) <= cells, target.what


def test_no_two_cells_have_a_name() -> None:
    names = [f"{scenario.name}/{cell.name}" for scenario in SCENARIOS for cell in scenario.cells]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("bound", "met", "missed"),
    [({"at_least": 2}, [2, 2], [3, 1.9]), ({"at_most": 2}, [2], [2.1]), ({"below": 2}, [1.9], [2])],
)
def test_bounds(bound: dict[str, Any], met: list[float], missed: list[float]) -> None:
    target = Target("it", lambda _results: [], **bound)
    assert target.met(met)
    assert not target.met([*missed, *missed[-1:]])


def test_targets_are_medians_of_turns_side_by_side() -> None:
    """The machine was half as fast in the second turn, for both."""
    measured = results(
        ours=[turn(500), turn(250), turn(450)], floor=[turn(1000), turn(500), turn(1000)]
    )
    row = line(as_markdown(measured), "| `runs/wait`, 1-step, 8 clients")
    assert row.endswith("| ≥ 0.4 × its runs/s | 0.50 × its runs/s | 0.45–0.50 | met |")
    measured = results(ours=[turn(300)], floor=[turn(1000)])
    row = line(as_markdown(measured), "| `runs/wait`, 1-step, 8 clients")
    assert row.endswith("**missed** |")


def test_what_was_not_measured_is_said() -> None:
    markdown = as_markdown(results(ours=[turn(1)]))
    assert line(markdown, "| idle memory").endswith("not measured |")
    assert line(markdown, "| `runs/wait`, 1-step").endswith("no figure (see its table) |")
    measured = results(ours=[turn(1)])
    measured.cells[0] = evolve(measured.cells[0], cell=Cell("stateless-1-step-64"))
    row = line(as_markdown(measured), "| stateless wait, 64 clients, beside the dev server: runs/s")
    assert row.endswith("not measured (langgraph-dev did not take part) |")


# -- tables ------------------------------------------------------------------------------------
def test_ratios_stand_beside_figures() -> None:
    markdown = as_markdown(
        results(
            ours=[turn(300, client_cpu_share=0.2), turn(330, client_cpu_share=0.2)],
            dev=[turn(100), turn(100)],
        )
    )
    ours = line(markdown, "| stateless-1-step-8 | lgtrio")
    assert ours.split(" | ")[2:6] == ["315 (300–330)", "25.5 (24.2–26.7)", "2.86 (2.73–3)", "20%"]
    theirs = line(markdown, f"| stateless-1-step-8 | {DEV}")
    assert theirs.split(" | ")[-2:] == ["3.15 (3–3.30)", "0.32 (0.30–0.33) |"]


def test_a_timer_is_called_one() -> None:
    waiting = {"per_second": 1.0, "p50_ms": 1000.0, "cpu_ms_each": 5.0}
    markdown = as_markdown(results(ours=[turn(300)], dev=[waiting]))
    assert "300 (a timer, see below)" in line(markdown, f"| stateless-1-step-8 | {DEV}")
    assert "computes for 5 ms of the 1,000 ms" in line(markdown, "- stateless-1-step-8: ")
    assert "timer" not in as_markdown(results(ours=[turn(300)], dev=[turn(100)]))


def test_a_target_beside_a_timer_says_so() -> None:
    measured = results(ours=[turn(300)], dev=[turn(1, cpu_ms_each=5.0)])
    cell = evolve(measured.cells[0].cell, name="stateless-1-step-64")
    measured.cells = [evolve(measured.cells[0], cell=cell)]
    row = line(as_markdown(measured), "| stateless wait, 64 clients, beside the dev server: runs/s")
    assert row.endswith("| met (its rate is that of a timer) |")


def test_a_busy_client_is_named() -> None:
    markdown = as_markdown(results(ours=[turn(300, client_cpu_share=0.97)]))
    assert "the client is busy for 97% of the time" in markdown


def test_failures_are_in_the_report_beside_the_others() -> None:
    measured = results(ours=[turn(300)], dev=[])
    measured.cells[0].failures[DEV] = "TimeoutError: too slow"
    markdown = as_markdown(measured)
    assert f"- stateless-1-step-8: **{DEV}**: TimeoutError: too slow" in markdown
    assert "| stateless-1-step-8 | lgtrio | 300 |" in markdown


def test_how_figures_are_written() -> None:
    assert heading("first_event_p50_ms") == "first event p50 ms"
    assert heading("creates_per_second") == "creates/s"
    assert heading("memory_kb_each") == "memory KB each"
    assert [number("", value) for value in (1234.5, 12.34, 1.234, 3.0)] == [
        "1,234",
        "12.3",
        "1.23",
        "3",
    ]
    assert [number("", value) for value in (0.1234, 0.01234, 0.0)] == ["0.12", "0.012", "0"]
    assert shown("client_cpu_share", [0.1, 0.2, 0.4]) == "20% (10%–40%)"


def test_the_picture_names_cells_and_contestants(tmp_path: Path) -> None:
    """Matplotlib draws letters as shapes, and keeps the words as comments."""
    measured = results(ours=[turn(300)], floor=[turn(500)])
    assert draw(measured, tmp_path / "plot.svg", tmp_path / "plot.png")
    picture = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "wait/stateless-1-step-8" in picture
    assert MEMORY in picture
    assert not draw(results(ours=[turn(300)]), tmp_path / "none.svg")


def test_curves_join_points_of_several_cells(tmp_path: Path) -> None:
    measured = results(ours=[turn(300)], floor=[turn(500)])
    picture = tmp_path / "curves.svg"
    assert not draw_curves(measured, picture), "one point is no curve"
    (cell,) = measured.cells
    scenario = evolve(cell.scenario, cells=[Cell("stateless-1-step-1")])
    measured.cells.append(evolve(cell, scenario=scenario, cell=scenario.cells[0]))
    assert draw_curves(measured, picture)
    text = picture.read_text(encoding="utf-8")
    assert "clients at a time" in text
    assert MEMORY in text


def test_curves_are_made_of_cells_that_exist() -> None:
    cells = {f"{scenario.name}/{cell.name}" for scenario in SCENARIOS for cell in scenario.cells}
    assert {*BY_CLIENTS.values(), *BY_SIZE.values()} <= cells
    assert list(BY_CLIENTS) == sorted(BY_CLIENTS)


# -- README ------------------------------------------------------------------------------------
def test_figures_go_between_the_markers_of_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    measured = results(ours=[turn(500)], floor=[turn(1000)])
    write_figures(measured, readme)
    write_figures(measured, readme)
    text = readme.read_text(encoding="utf-8")
    inside = text.partition(BEGIN)[2].partition(END)[0]
    assert inside.startswith("\n2026-11-27, 2 × a processor, Python 3.13.0, commit abc")
    assert "0.50 × its runs/s" in inside
    assert "Again: `make`." in inside
    assert text.count(BEGIN) == text.count(END) == 1
    (tmp_path / "other.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="has no lines"):
        write_figures(measured, tmp_path / "other.md")


# -- the command line --------------------------------------------------------------------------
def test_scenarios_and_cells_are_chosen_by_pattern() -> None:
    (wait,) = [each for each in SCENARIOS if each.name == "wait"]
    assert wait.only(["wait"]).cells == wait.only([]).cells == wait.cells
    chosen = wait.only(["wait/stateless-*-8", "stream"])
    assert [cell.name for cell in chosen.cells] == ["stateless-1-step-8", "stateless-10-step-8"]


def test_settings_from_the_command_line() -> None:
    wanted = asked(["--quick", "--seconds", "2", "--peer", "mine=http://127.0.0.1:1/", "--no-pin"])
    assert (wanted.options.rounds, wanted.options.seconds) == (1, 2)
    assert wanted.options.client_cpus is None
    assert [peer.name for peer in wanted.peers] == ["mine"]
    assert wanted.profile is None
    assert asked(["--profile"]).profile == []
    assert asked(["--rounds", "2"]).options.few == 2
    chosen = asked(["--targets"]).only
    assert {"wait/stateless-1-step-8", "startup/demo"} <= set(chosen)
    assert "cost/state-1-MB" not in chosen


@pytest.mark.parametrize(
    "words",
    [["--peer", "nobody"], ["--peer", "a=b"], ["--rounds", "0"], ["--write-readme", "--quick"]],
)
def test_mistakes_on_the_command_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked(words)
    assert words[0] in capsys.readouterr().err


# -- CPU budgets -------------------------------------------------------------------------------
_RUN = "run (/site/trio/_core/_run.py:2500)"
_TASK = f"thread (1): MainThread;main (/x/lgtrio/server.py:5);{_RUN}"


def test_a_budget_goes_by_the_innermost_owner_and_the_thread() -> None:
    found = budget(
        [
            f"{_TASK};handle (/site/hypercorn/a.py:1);send (/site/trio/_b.py:2) 3",
            f"{_TASK};handle (/site/hypercorn/a.py:1);get (/x/lgtrio/storage/sqlite/runs.py:9) 5",
            f"{_TASK} 2",
            f"{_TASK};get_events (/site/trio/_core/_io_epoll.py:1) 1000",
            "thread (2): lgtrio-sqlite;_run (/x/lgtrio/storage/sqlite/journal.py:1) 7",
            "",
        ],
        {"main": 1.0, "sqlite": 0.5},
    )
    assert found["samples"] == 17
    stages = {name: round(each["cpu_ms"], 3) for name, each in found["stages"].items()}
    assert stages == {
        "run and thread records": 0.5,
        "journal": 0.5,
        "Hypercorn": 0.3,
        "Trio loop": 0.2,
    }
    assert found["stages"]["Hypercorn"]["in_trio_ms"] == pytest.approx(0.3)
    assert sum(each["share"] for each in found["stages"].values()) == pytest.approx(1)
