"""`python -m bench`: lgtrio beside others, as a report; `--help` shows the options."""

from __future__ import annotations

import gc
import json
import logging
import resource
import shlex
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from attrs import asdict, evolve
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.arguments import Asked, asked
from bench.cells import Scenario
from bench.curves import draw_curves
from bench.machine import environment
from bench.peers import lgtrio_peer
from bench.plot import draw
from bench.processes import pin
from bench.profiling import Profiler
from bench.readme import write_figures
from bench.report import as_markdown, targets_table
from bench.results import Results
from bench.runner import Runner
from bench.scenarios import SCENARIOS

_QUIET = 0.5
"""Load of the machine before, by processor, up to which its figures mean something."""


def main() -> None:
    wanted = asked()
    scenarios = _chosen(wanted)
    if wanted.list:
        for scenario in scenarios:
            for cell in scenario.cells:
                print(f"{scenario.name}/{cell.name}")
        return
    console = Console(stderr=True, highlight=False)
    _many_files()
    pin(wanted.options.client_cpus)
    results = Results(_environment(wanted), _settings(wanted))
    if wanted.quick:
        results.notes.append("A quick look: each cell once and briefly. No figures to quote.")
    machine = results.environment
    if machine["load_before"] > _QUIET * machine["cpus"]:
        results.notes.append(
            f"The machine was busy before (load {machine['load_before']:.1f}): its figures are"
            " not to be quoted; CPU times suffer least."
        )
    started = time.monotonic()
    try:
        _play(results, scenarios, wanted, console)
    except KeyboardInterrupt:
        results.notes.append("Stopped before its end.")
    finally:
        _write(results, wanted.out)
    if wanted.write_readme:
        write_figures(results)
    console.print(targets_table(results), markup=False, soft_wrap=True)
    console.print(
        f"{time.monotonic() - started:.0f} s; {wanted.out}/report.md, results.json, plot.svg"
    )


def _chosen(wanted: Asked) -> list[Scenario]:
    chosen = [each for scenario in SCENARIOS if (each := scenario.only(wanted.only)).cells]
    if not chosen:
        raise SystemExit(f"No cell matches {' or '.join(wanted.only)}; see --list.")
    if not wanted.quick:
        return chosen
    return [
        evolve(scenario, cells=[cell for cell in scenario.cells if wanted.only or not cell.long])
        for scenario in chosen
    ]


def _play(results: Results, scenarios: list[Scenario], wanted: Asked, console: Console) -> None:
    peers = [lgtrio_peer(wanted.options.server_cpus), *wanted.peers]
    total = sum(
        (cell.rounds(wanted.options) + cell.warm_up) * len(cell.contestants(peers))
        for scenario in scenarios
        for cell in scenario.cells
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # Twice a second: it is in the process of the clients.
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, refresh_per_second=2
    ) as progress:
        bar = progress.add_task("starting", total=total)

        def begun(what: str) -> None:
            progress.update(bar, description=what)
            if not console.is_terminal:
                console.print(f"{datetime.now():%H:%M:%S} {what}", soft_wrap=True)

        runner = Runner(
            peers,
            wanted.options,
            results,
            None if wanted.profile is None else Profiler(wanted.out, wanted.profile),
            begun=begun,
            done=lambda turns: progress.advance(bar, turns),
            complain=lambda what: progress.console.print(f"[yellow]{what}[/]", soft_wrap=True),
        )
        runner.play(scenarios)


def _environment(wanted: Asked) -> dict[str, Any]:
    return environment() | {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "peers": wanted.versions,
    }


def _settings(wanted: Asked) -> dict[str, Any]:
    return asdict(wanted.options) | {
        "server_cpus": sorted(wanted.options.server_cpus or ()),
        "quick": wanted.quick,
        "only": wanted.only,
        "command": shlex.join(["python", "-m", "bench", *wanted.words]),
    }


def _many_files() -> None:
    """A thousand connections, here and in the servers that are started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 8192:
        most = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(results.as_json(), indent=2, ensure_ascii=False)
    (folder / "results.json").write_text(data, encoding="utf-8")
    drawn = draw(results, folder / "plot.svg", folder / "plot.png")
    curves = draw_curves(results, folder / "curves.svg", folder / "curves.png")
    pictures = [*["plot.svg"] * drawn, *["curves.svg"] * curves]
    report = as_markdown(results, pictures=pictures)
    (folder / "report.md").write_text(report, encoding="utf-8")


if __name__ == "__main__":
    # Neither the progress bar nor the garbage collector is to hold up the clients.
    sys.setswitchinterval(0.0005)
    gc.freeze()
    # Databases are filled in this process; what the storage logs of that is of no interest.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # Asked to end, it stops its servers and writes what it has, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    main()
