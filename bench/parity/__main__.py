"""`python -m bench.parity [--write] [--only PATTERN]… [--reference URL] [--lgtrio URL]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.langgraph_dev import langgraph_dev
from bench.parity import CONFIG
from bench.parity.compare import Difference, shown, sorted_out
from bench.parity.explanations import EXPLANATIONS
from bench.parity.family import Scenario
from bench.parity.play import Played, play_all
from bench.parity.report import as_markdown, versions_of
from bench.parity.scenarios import all_scenarios
from bench.servers import lgtrio_server

_JOBS = 10
"""Runs of the reference server at once; it has one place unless told otherwise."""
PAGE = Path(__file__).parents[2] / "lgtrio" / "docs" / "parity.md"


def main() -> None:
    args = _arguments()
    scenarios = _chosen(args.only)
    if args.list:
        for scenario in scenarios:
            print(scenario.title)
        return
    console = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        dev = langgraph_dev(CONFIG, args.langgraph, jobs=_JOBS)
        reference = args.reference or stack.enter_context(dev).url
        ours = args.lgtrio or stack.enter_context(lgtrio_server(None, CONFIG)).url
        versions = versions_of(reference, ours)
        played = _play(scenarios, reference, ours, args.jobs, console)
    differences = [difference for each in played for difference in each.differences]
    explained, unexplained = sorted_out(differences, EXPLANATIONS)
    for difference in unexplained:
        _print(difference)
    print(
        f"{sum(each.exchanges for each in played)} exchanges,"
        f" {len(differences) - len(unexplained)} differences explained,"
        f" {len(unexplained)} not"
    )
    if not args.only:
        for each in (each for each, found in explained.items() if not (found or each.sometimes)):
            print(f"This explanation explains nothing any more: {each.reason} ({each.where})")
    if args.write:
        PAGE.write_text(as_markdown(played, explained, unexplained, versions), encoding="utf-8")
    raise SystemExit(bool(unexplained))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.parity",
        description="Send the same requests to lgtrio and to the reference server, and print the"
        " differences that nothing explains. Exit status 1 if there are any.",
    )
    parser.add_argument(
        "--reference", metavar="URL", help="a server that is there (default: start langgraph dev)"
    )
    parser.add_argument(
        "--lgtrio", metavar="URL", help="a server that is there (default: start this checkout)"
    )
    parser.add_argument(
        "--langgraph",
        type=Path,
        metavar="PATH",
        help="the langgraph executable to start (default: install one, once)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help='scenarios to play, such as "streams: *" (--list names them all)',
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--jobs", type=int, default=4, help="scenarios at the same time")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} of the docs")
    args = parser.parse_args()
    if args.write and args.only:
        parser.error("--write needs all scenarios; leave out --only")
    return args


def _chosen(patterns: Sequence[str]) -> list[Scenario]:
    chosen = [
        scenario
        for scenario in all_scenarios()
        if not patterns or any(fnmatch(scenario.title, f"{pattern}*") for pattern in patterns)
    ]
    if not chosen:
        raise SystemExit(f"No scenario matches {' or '.join(patterns)}; see --list.")
    return chosen


def _play(
    scenarios: Sequence[Scenario], reference: str, ours: str, jobs: int, console: Console
) -> list[Played]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("starting", total=len(scenarios))

        def on_played(played: Played) -> None:
            progress.update(bar, advance=1, description=played.scenario.title)

        return play_all(scenarios, reference, ours, jobs=jobs, on_played=on_played)


def _print(difference: Difference) -> None:
    print(difference.place)
    print(f"    reference: {shown(difference.reference)}")
    print(f"    lgtrio:    {shown(difference.lgtrio)}")


if __name__ == "__main__":
    main()
