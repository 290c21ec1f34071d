"""The results as Markdown: targets, a table a scenario, CPU budgets, and what is missing."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from bench.cells import OURS, Scenario
from bench.figures import heading, more_is_better, number, shown
from bench.floor import SAVERS
from bench.results import CellResult, Results, by_thread
from bench.tables import table
from bench.targets import TARGETS, Target

_IDLE = 0.1
"""A server whose processor works less than this share of the time waits for something else."""
_BUSY_CLIENT = 0.9
_THREADS = 3
"""Groups of threads that are named."""


def as_markdown(results: Results, *, pictures: Sequence[str] = ()) -> str:
    parts = ["# lgtrio beside others", _about(results)]
    if results.notes:
        parts.append("\n".join(f"- **{note}**" for note in results.notes))
    parts += ["## Targets", targets_table(results)]
    parts += [f"![{name}]({name})" for name in pictures]
    for scenario in dict.fromkeys(each.scenario.name for each in results.cells):
        parts += _scenario(results, scenario)
    parts += _budgets(results)
    return "\n\n".join(parts) + "\n"


def _about(results: Results) -> str:
    machine, options = results.environment, results.options
    lines = [
        f"{machine['at']}, {machine_line(results)}, commit {machine['commit']};"
        f" load of the machine before: {machine['load_before']:.1f}.",
        f"Command: `{options['command']}`. Medians of {turns_of(results)},"
        f" {options['seconds']:g} s each, all contestants in turns; in parentheses the lowest and"
        " highest turn.",
        "Servers and in-process calls on processor"
        f" {', '.join(map(str, options['server_cpus']))}, clients on the others."
        if options["server_cpus"]
        else "Everything on all processors.",
        "Versions: " + ", ".join(f"{name} {it}" for name, it in machine["versions"].items()) + ".",
    ]
    for peer, versions in machine["peers"].items():
        known = ", ".join(f"{name} {it}" for name, it in versions.items())
        lines.append(f"{peer}: {known or 'tells nothing about itself'}.")
    return "\n".join(lines)


def turns_of(results: Results) -> str:
    rounds, few = results.options["rounds"], results.options["few"]
    return f"{rounds} turns ({few} where they are long)" if rounds > 1 else "1 turn"


def machine_line(results: Results) -> str:
    """The machine in a few words."""
    machine = results.environment
    return f"{machine['cpus']} × {machine['processor']}, Python {machine['python']}"


# -- targets -----------------------------------------------------------------------------------


def targets_table(results: Results) -> str:
    rows = []
    for target in TARGETS:
        values = target.read(results)
        if not values:
            rows.append([target.what, target.limit, "", "", _why_not(results, target)])
            continue
        spread = f"{number('', min(values))}–{number('', max(values))}"
        median = target.shown(statistics.median(values))
        word = "met" if target.met(values) else "**missed**"
        rows.append(
            [target.what, target.limit, median, spread, word + _beside_a_timer(results, target)]
        )
    return table(["target", "limit", "median", "spread", ""], rows)


def _beside_a_timer(results: Results, target: Target) -> str:
    cells = [found for name in target.cells if (found := results.of(name))]
    timer = target.beside and any(waits(cell, target.beside) is not None for cell in cells)
    return " (its rate is that of a timer)" if timer else ""


def _why_not(results: Results, target: Target) -> str:
    cells = [results.of(cell) for cell in target.cells]
    if not all(cells):
        return "not measured"
    if target.beside and not any(cell and target.beside in cell.contestants for cell in cells):
        return f"not measured ({target.beside} did not take part)"
    return "no figure (see its table)"


# -- scenarios ---------------------------------------------------------------------------------


def _scenario(results: Results, name: str) -> Iterator[str]:
    cells = [each for each in results.cells if each.scenario.name == name]
    scenario = cells[0].scenario
    yield f"## {scenario.title} (`{name}`)"
    yield scenario.about
    yield (_by_figure if scenario.transposed else _by_contestant)(scenario, cells)
    remarks = [remark for cell in cells for remark in _remarks(cell)]
    if remarks:
        yield "\n".join(f"- {remark}" for remark in remarks)


def _by_contestant(scenario: Scenario, cells: list[CellResult]) -> str:
    figures = [
        name
        for name in scenario.figures
        if any(cell.values(who, name) for cell in cells for who in cell.contestants)
    ]
    others = any(len(cell.contestants) > 1 for cell in cells)
    threads = any(_by_thread(cell, who) for cell in cells for who in cell.contestants)
    rows = []
    for cell in cells:
        for who in cell.contestants:
            row = [cell.cell.name, who]
            row += [shown(name, cell.values(who, name)) for name in figures]
            row += [_by_thread(cell, who)] if threads else []
            if others:
                row += ["", ""] if who == OURS else _beside(cell, who)
            rows.append(row)
    heads = ["cell", "contestant", *map(heading, figures)]
    heads += ["CPU-ms by thread"] if threads else []
    if others:
        heads += ["lgtrio : it", "CPU-ms, lgtrio : it"]
    return table(heads, rows, words=2)


def _by_figure(scenario: Scenario, cells: list[CellResult]) -> str:
    contestants = list(dict.fromkeys(who for cell in cells for who in cell.contestants))
    rows = [
        [heading(name), who, *(shown(name, cell.values(who, name)) for cell in cells)]
        for name in scenario.figures
        for who in contestants
        if any(cell.values(who, name) for cell in cells)
    ]
    return table(["figure", "contestant", *(cell.cell.name for cell in cells)], rows, words=2)


def _beside(cell: CellResult, other: str) -> list[str]:
    """Ratios of the cell's main figure and of the CPU time, with what to know about them."""
    name = cell.cell.headline
    by_figure = cell.ratios(OURS, other, name)
    by_cpu = cell.ratios(OURS, other, "cpu_ms_each")
    text = shown("", by_figure)
    if text and not more_is_better(name):
        text += f" of its {heading(name)}"
    if text and waits(cell, other):
        text += " (a timer, see below)"
    return [text, shown("", by_cpu)]


def waits(cell: CellResult, who: str) -> float | None:
    """The busy share of another server's processor if it is so low that its figures show a wait.

    Those of lgtrio wait for commits and for nothing else.
    """
    rate, each = cell.median(who, "per_second"), cell.median(who, "cpu_ms_each")
    if rate is None or each is None or who in (OURS, *SAVERS.values()):
        return None
    busy = rate * each / 1000
    return busy if busy < _IDLE else None


def _remarks(cell: CellResult) -> Iterator[str]:
    for who, why in cell.failures.items():
        yield f"{cell.cell.name}: **{who}**: {why}"
    for who in cell.contestants:
        if (busy := waits(cell, who)) is not None:
            p50 = cell.median(who, "p50_ms") or 0
            each = cell.median(who, "cpu_ms_each") or 0
            yield (
                f"{cell.cell.name}: {who} computes for {number('', each)} ms of the"
                f" {number('', p50)} ms that a client waits; its processor is busy {busy:.1%} of"
                " the time. The rest is a timer or a wait, not work: compare its CPU time, and"
                " the cells with more clients."
            )
        share = cell.median(who, "client_cpu_share") or 0
        if share > _BUSY_CLIENT:
            yield f"{cell.cell.name}: {who}: the client is busy for {share:.0%} of the time."


def _by_thread(cell: CellResult, who: str) -> str:
    largest = list(by_thread(cell, who).items())[:_THREADS]
    return ", ".join(f"{name} {number('', ms)}" for name, ms in largest)


# -- profiles ----------------------------------------------------------------------------------


def _budgets(results: Results) -> Iterator[str]:
    if not results.budgets:
        return
    yield "## CPU budget of a run"
    yield (
        "py-spy's samples of the server in turns of their own, by the innermost frame that belongs"
        " to a stage; scaled to the CPU time of each thread as measured without it. In Trio: tasks,"
        " channels and cancel scopes on behalf of the stage, included in its time."
    )
    for name, budget in results.budgets.items():
        each = budget["cpu_ms_each"]
        yield f"### {name}: {number('', each)} CPU-ms a run ([flame graph]({budget['picture']}))"
        rows = [
            [
                stage,
                f"{found['share']:.1%}",
                number("", found["cpu_ms"]),
                number("", found["in_trio_ms"]),
            ]
            for stage, found in budget["stages"].items()
        ]
        yield table(["stage", "share", "CPU-ms", "of it in Trio"], rows)
