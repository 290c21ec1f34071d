"""`python -m bench.semantics [--peer NAME]… [--url [NAME=]URL]…`; `--help` shows the rest."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.machine import environment
from bench.semantics.families import FAMILIES
from bench.semantics.peers import PEERS
from bench.semantics.play import NotServed, Results, Server, play_all, verdict
from bench.semantics.plot import draw
from bench.semantics.report import as_json, as_markdown, summary
from bench.semantics.scenario import Scenario

_VERDICTS = {"ok": "[green]ok[/]", "differs": "[yellow]differs[/]", "failed": "[red]failed[/]"}


def main() -> None:
    args = _arguments()
    scenarios = _chosen(args.only)
    console = Console(stderr=True, highlight=False)
    if args.list:
        for scenario in scenarios:
            print(scenario.title)
        return
    # The progress bar must not hold up the socket on which times are taken.
    sys.setswitchinterval(0.0005)
    with ExitStack() as stack:
        servers = [_named(text) for text in args.url]
        for peer in args.peer:
            console.print(f"Starting {peer} …")
            servers.append(Server(peer, stack.enter_context(PEERS[peer](args.langgraph))))
        results = Results(servers)
        try:
            asyncio.run(_play(results, scenarios, args, console))
        except NotServed as failure:
            raise SystemExit(str(failure)) from None
        except KeyboardInterrupt:
            console.print("Stopped; what has been played is kept.")
    _write(results, args.out)
    console.print(_overview(results))
    console.print(f"{args.out}/results.json, matrix.md, latencies.svg, latencies.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.semantics",
        description="Play the same scenarios on servers of the LangGraph Platform API, and"
        " compare what becomes of runs, threads, histories and streams.",
    )
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="[NAME=]URL",
        help="a server that serves bench/semantics/langgraph.json; may be repeated",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=PEERS,
        help="a server to start for this; may be repeated",
    )
    parser.add_argument(
        "--langgraph",
        type=Path,
        metavar="PATH",
        help="the langgraph executable of langgraph-dev (default: install one, once)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help='scenarios to play, such as "cancel: *" (--list names them all)',
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="play each N times")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of this machine, as the servers reach it"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results/semantics"), help="folder for the results"
    )
    args = parser.parse_args()
    if not (args.url or args.peer or args.list):
        args.peer = ["lgtrio"]
    return args


def _named(text: str) -> Server:
    """`NAME=URL`, or a URL that is its own name."""
    name, _, url = text.rpartition("=")
    return Server(name or url.partition("://")[2], url.rstrip("/"))


def _chosen(patterns: Sequence[str]) -> list[Scenario]:
    scenarios = [scenario for family in FAMILIES for scenario in family.scenarios]
    chosen = [
        scenario
        for scenario in scenarios
        if not patterns or any(fnmatch(scenario.title, f"{pattern}*") for pattern in patterns)
    ]
    if not chosen:
        raise SystemExit(f"No scenario matches {' or '.join(patterns)}; see --list.")
    return chosen


async def _play(
    results: Results, scenarios: Sequence[Scenario], args: argparse.Namespace, console: Console
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    total = len(scenarios) * len(results.servers) * args.repeat
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("starting", total=total)
        async for play in play_all(scenarios, results.servers, repeat=args.repeat, host=args.host):
            results.plays.append(play)
            progress.update(
                bar, advance=1, description=f"{play.server.name}: {play.scenario.title}"
            )
            if (word := verdict([play])) != "ok":
                progress.console.print(
                    f"{_VERDICTS[word]} {play.server.name}: {play.scenario.title}"
                )


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = {"at": datetime.now(UTC).isoformat(), "environment": environment(), **as_json(results)}
    (folder / "results.json").write_text(json.dumps(data, indent=2, ensure_ascii=False))
    (folder / "matrix.md").write_text(as_markdown(results, FAMILIES))
    draw(results, folder / "latencies.svg", folder / "latencies.png")


def _overview(results: Results) -> Table:
    rows = {server.name: summary(results, server) for server in results.servers}
    table = Table("server")
    for name in next(iter(rows.values())):
        table.add_column(name.replace("_", " "), justify="right")
    for server, values in rows.items():
        table.add_row(server, *("-" if value is None else str(value) for value in values.values()))
    return table


if __name__ == "__main__":
    main()
