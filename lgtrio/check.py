"""`lgtrio check`: everything that is wrong with the configuration and the graphs, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from attrs import frozen

from lgtrio.errors import SettingsError
from lgtrio.langgraph_json import LanggraphConfig, examine_langgraph_json
from lgtrio.problems import Problem
from lgtrio.settings_sources import read_settings, unknown_variables


@frozen
class Findings:
    """What a check found."""

    graphs: Sequence[str]
    """Names of the graphs that load."""
    problems: Sequence[Problem]
    """Reasons why the server would not start; empty when it would."""
    warnings: Sequence[str]
    """Sentences about what is ignored."""


def check(
    config_path: Path,
    options: Mapping[str, str | None],
    environ: MutableMapping[str, str],
    *,
    folder: Path,
) -> Findings:
    """Load the configuration and all graphs without serving them.

    Sets the variables of langgraph.json's `env` in `environ` and puts its folders on `sys.path`,
    as a server would.

    Args:
        options: as for `read_settings`.
    """
    config, problems = examine_langgraph_json(config_path)
    config.apply_env(environ)
    graphs, graph_problems, graph_warnings = _load(config)
    return Findings(
        graphs,
        [*problems, *_settings_problems(config_path, options, environ, folder), *graph_problems],
        [*config.warnings, *unknown_variables(environ), *graph_warnings],
    )


def _settings_problems(
    config_path: Path,
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    folder: Path,
) -> list[Problem]:
    try:
        read_settings("serve", options, environ, config=config_path, folder=folder)
    except SettingsError as error:
        return [Problem(line) for line in error.detail.splitlines()]
    return []


def _load(config: LanggraphConfig) -> tuple[Sequence[str], Sequence[Problem], Sequence[str]]:
    """Names of good graphs, problems, warnings."""
    # Importing LangGraph takes a second, and a mistake in langgraph.json should show without it.
    from lgtrio.graphs.embedding import load_index
    from lgtrio.graphs.loader import GraphsFailed, load_graphs

    problems: list[Problem] = []
    names: Sequence[str] = []
    warnings: Sequence[str] = []
    try:
        asyncio.run(load_index(config, asyncio.get_running_loop))
    except GraphsFailed as failure:
        problems += failure.problems
    try:
        loaded = asyncio.run(load_graphs(config))
        names, warnings = list(loaded.graphs), loaded.warnings
    except GraphsFailed as failure:
        problems += failure.problems
    return names, problems, warnings
