"""The table of targets in the README, between two markers."""

from __future__ import annotations

from pathlib import Path

from bench.report import machine_line, targets_table, turns_of
from bench.results import Results

BEGIN = "<!-- figures: written by `python -m bench --write-readme` -->"
END = "<!-- end of figures -->"
_README = Path(__file__).parents[1] / "README.md"


def write_figures(results: Results, readme: Path = _README) -> None:
    """Put the results' table of targets in the place of the last one.

    Raises:
        ValueError: the README has no markers.
    """
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no lines `{BEGIN}` and `{END}`")
    readme.write_text(f"{before}{BEGIN}\n{figures(results)}\n{END}{after}", encoding="utf-8")


def figures(results: Results) -> str:
    machine, options = results.environment, results.options
    return (
        f"{machine['at'][:10]}, {machine_line(results)}, commit {machine['commit']}; SQLite,"
        f" durability as by default; medians of {turns_of(results)}.\n"
        f"Again: `{options['command']}`.\n\n{targets_table(results)}"
    )
