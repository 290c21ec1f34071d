"""The command line: `lgtrio dev`, `lgtrio serve` and `lgtrio check`.

The options are made from the fields of `Settings`, so help, environment variables and checks
cannot drift apart. Nothing of LangGraph is imported before it is needed: `--help` and a mistake
in an option answer at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from lgtrio._version import __version__
from lgtrio.check import check
from lgtrio.config import Settings, default_text, definition_of, option_of, setting_fields
from lgtrio.errors import LgtrioError
from lgtrio.langgraph_json import LanggraphConfig, read_langgraph_json
from lgtrio.log import configure_logging
from lgtrio.settings_sources import Command, locate_config, read_settings, unknown_variables

log = structlog.get_logger(__name__)

_COMMANDS: Final = {
    "dev": "serve for development: readable log; the demo graphs when there is no langgraph.json",
    "serve": "serve for production: JSON log; a langgraph.json is needed",
    "check": "load the configuration and all graphs, report every problem with file and line",
}

_EPILOG: Final = """\
Every option may also be given as an environment variable: --n-jobs-per-worker as
LGTRIO_N_JOBS_PER_WORKER. An option wins over the variable. Variables may also stand in
the `env` of langgraph.json; those of the environment win over them.
"""

_INTERRUPTED: Final = 130  # what a shell reports for a command ended by Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None takes those of the process.

    Returns:
        The exit status: 0, 1 if the server could not start or the check found problems, 130 if
        it was interrupted before it listened.

    Raises:
        SystemExit: after `--help` and `--version` (0) and for unknown options (2).
    """
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        return _check(options) if command == "check" else _serve(command, options)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except LgtrioError as error:
        return _refuse([error])
    except BaseExceptionGroup as group:  # out of the server's nurseries
        wanted, other = group.split(LgtrioError)
        if wanted is None or other is not None:
            raise
        return _refuse(_leaves(wanted))


def _serve(command: Command, options: Mapping[str, str | None]) -> int:
    settings, config = _prepare(command, options)
    configure_logging(settings)
    for warning in (*config.warnings, *unknown_variables(os.environ)):
        log.warning(warning)
    # Imports leave next to no garbage, and looking for it takes a good part of the start. The
    # server turns the collector on again when its graphs are loaded.
    gc.disable()
    # Not earlier: it imports LangGraph, which reads the environment while it is imported.
    from lgtrio.server import run

    run(settings)
    return 0


def _prepare(
    command: Command, options: Mapping[str, str | None]
) -> tuple[Settings, LanggraphConfig]:
    """Settings and langgraph.json, whose `env` is in the environment afterwards."""
    folder = Path.cwd()
    path = locate_config(command, options, os.environ, folder=folder)
    config = read_langgraph_json(path)
    config.apply_env(os.environ)
    return read_settings(command, options, os.environ, config=path, folder=folder), config


def _check(options: Mapping[str, str | None]) -> int:
    folder = Path.cwd()
    path = locate_config("check", options, os.environ, folder=folder)
    findings = check(path, options, os.environ, folder=folder)
    for warning in findings.warnings:
        print(f"warning: {warning}")
    for problem in findings.problems:
        print(problem)
    if findings.problems:
        count = len(findings.problems)
        print(f"{count} problem{'s' if count > 1 else ''}; the server would not start.")
        return 1
    print(f"{path}: good. Graphs: {', '.join(findings.graphs)}")
    return 0


def _refuse(errors: Sequence[BaseException]) -> int:
    for error in errors:
        print(f"lgtrio does not start.\n{error}", file=sys.stderr)
    return 1


def _leaves(group: BaseExceptionGroup[LgtrioError]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


# -- options ---------------------------------------------------------------------------------
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lgtrio",
        description="Serves LangGraph graphs over the LangGraph Platform API. Try: lgtrio dev",
        epilog="`lgtrio COMMAND --help` shows the options of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"lgtrio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=about[0].upper() + about[1:] + ".",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _add_options(command, only={"config"} if name == "check" else None)
    return parser


def _add_options(command: argparse.ArgumentParser, *, only: set[str] | None) -> None:
    """All values stay text here; `read_settings` checks them with the environment's."""
    tuning = command.add_argument_group("rarely needed") if only is None else command
    for attribute in setting_fields():
        if only is not None and attribute.name not in only:
            continue
        about = definition_of(attribute)
        text = f"{about.help} Default: {default_text(attribute)}."
        (tuning if about.tuning else command).add_argument(
            option_of(attribute.name),
            metavar=about.kind.metavar,
            help=text.replace("%", "%%"),
        )
