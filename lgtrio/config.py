"""The settings of one server; `settings_sources` reads them from options and environment.

Each setting is defined once, as a field of `Settings`. Its name is the command line option
(`n_jobs_per_worker` is `--n-jobs-per-worker`) and the environment variable
(`LGTRIO_N_JOBS_PER_WORKER`); help and the table in `docs/configuration.md` come from the same
definition.
"""

# ruff: noqa: RUF009 - `_setting` returns an attrs field, not a default value
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs
from attrs import Attribute, field, frozen

from lgtrio.errors import SettingsError
from lgtrio.settings_kinds import (
    Kind,
    database,
    existing_file,
    host_name,
    one_of,
    seconds,
    seconds_or_none,
    whole_number,
    whole_number_or_none,
)

LogFormat = Literal["readable", "json"]
Synchronous = Literal["off", "normal", "full", "extra"]

DEMO_CONFIG: Final = Path(__file__).parent / "demo" / "langgraph.json"
"""The langgraph.json of the demo graphs inside the package."""

PREFIX: Final = "LGTRIO_"
"""Of environment variables that are settings."""


@frozen
class Definition:
    """What one setting is, beside its name and default; kept in the field's metadata."""

    kind: Kind
    help: str
    shown_default: str | None = None
    """In words, where the default is not simply the field's."""
    also_from: str | None = None
    """A second environment variable, used when `LGTRIO_…` is not set."""
    tuning: bool = False
    """Rarely needed; `--help` lists it in a group of its own."""


def _check(_instance: object, attribute: Attribute[Any], value: Any) -> None:
    kind = definition_of(attribute).kind
    if not kind.check(value):
        raise SettingsError(f"{attribute.name} is {value!r}; it must be {kind.allowed}.")


def _setting(kind: Kind, default: Any, help: str, **details: Any) -> Any:
    metadata = {"definition": Definition(kind, help, **details)}
    return field(default=default, validator=_check, metadata=metadata, kw_only=True)


@frozen
class Settings:
    """All settings of one server, checked when made.

    Raises:
        SettingsError: a value is not allowed; names the setting, the value and what is.
    """

    config: Path = _setting(
        existing_file(),
        DEMO_CONFIG,
        "The langgraph.json that names your graphs.",
        shown_default="langgraph.json in the current folder; `dev` without one: the demo graphs",
    )
    host: str = _setting(
        host_name(),
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 makes the server reachable from other machines.",
    )
    port: int = _setting(
        whole_number(0, 65535),
        2024,
        "Port to listen on; 0 takes any free one. Where the default is taken and no port was"
        " asked for, the next free one is used and the log says so.",
    )
    database: str = _setting(
        database(),
        str(Path(".lgtrio") / "lgtrio.db"),
        "SQLite file that holds everything; made if it is missing. One server a file."
        " :memory: keeps nothing after the server ends.",
        shown_default=".lgtrio/lgtrio.db beside langgraph.json (demo graphs: in the current"
        " folder)",
    )
    n_jobs_per_worker: int = _setting(
        whole_number(1, 100_000),
        1000,
        "How many runs may execute at once; the others wait as pending. Runs that wait for a"
        " model or a timer cost little, so the default is generous.",
    )
    max_runs_per_graph: int | None = _setting(
        whole_number_or_none(1),
        None,
        "How many of the runs that execute at once may be runs of one graph.",
        shown_default="none",
    )
    max_runs_per_assistant: int | None = _setting(
        whole_number_or_none(1),
        None,
        "How many of the runs that execute at once may be runs of one assistant.",
        shown_default="none",
    )
    graph_loops: int = _setting(
        whole_number(1, 64),
        1,
        "How many event loops, each in a thread of its own, the graphs are spread over. A graph"
        " stays on its loop. More than one helps when graphs block their loop.",
    )
    log_format: LogFormat = _setting(
        one_of("readable", "json"),
        "readable",
        "Log lines for people, or one JSON object a line.",
        shown_default="readable with `dev`, json with `serve`",
    )
    log_level: str = _setting(
        one_of("debug", "info", "warning", "error", "critical"),
        "info",
        "The least important messages that are still logged.",
    )
    run_timeout: float | None = _setting(
        seconds_or_none(0.001),
        None,
        "Time limit of one run; a run that exceeds it ends with the status timeout.",
        shown_default="none",
        also_from="BG_JOB_TIMEOUT_SECS",
    )
    cancel_grace: float = _setting(
        seconds(0),
        5.0,
        "How long a cancelled node that does not stop is waited for. After that its run is"
        " closed and nothing more that the node does is stored.",
    )
    shutdown_grace: float = _setting(
        seconds(0),
        20.0,
        "How long running graphs get to stop between two steps when the server is asked to end."
        " What still runs then is cancelled and resumed at the next start.",
    )
    synchronous: Synchronous = _setting(
        one_of("off", "normal", "full", "extra"),
        "normal",
        "How hard SQLite makes sure that a commit is on the disk. With every level, what a"
        " client was told is stored survives a killed server process; a power failure or an"
        " operating system crash may undo the last commits unless it is full or extra, which"
        " wait for the disk at each commit.",
    )
    max_attempts: int = _setting(
        whole_number(1),
        3,
        "How often the server may die under a run before the run is given up with the status"
        " error; until then the next start goes on with it.",
        tuning=True,
    )
    heartbeat: float = _setting(
        seconds(0.01),
        5.0,
        "How often a quiet stream or a waiting request is sent a sign of life.",
        tuning=True,
    )
    blocked_after: float = _setting(
        seconds(0.01),
        1.0,
        "A node that blocks its event loop longer than this is named in the log.",
        tuning=True,
    )
    switch_interval: float = _setting(
        seconds(0.00001, 1),
        0.0005,
        "Python's thread switch interval: a shorter one keeps HTTP answering while a node"
        " computes, and costs that node a little speed.",
        tuning=True,
    )
    max_frames_per_run: int = _setting(
        whole_number(1),
        10_000,
        "How many stream events of a resumable run are kept for clients that come back; beyond"
        " it the oldest are dropped.",
        tuning=True,
    )
    journal_lines: int = _setting(
        whole_number(1),
        1_000_000,
        "How many lines of the journal are kept, of all runs together (a run has about four, of"
        " some 400 bytes each); beyond it the oldest are dropped.",
        tuning=True,
    )
    # The last two are no options: they follow from how the server was started.
    port_given: bool = field(default=False, kw_only=True)
    """The port was asked for, so another one must not be taken instead."""
    development: bool = field(default=True, kw_only=True)
    """Started as `lgtrio dev`: prints what to try next."""

    @property
    def demo(self) -> bool:
        """The demo graphs are served."""
        return self.config == DEMO_CONFIG


def definition_of(attribute: Attribute[Any]) -> Definition:
    definition = attribute.metadata["definition"]
    assert isinstance(definition, Definition)
    return definition


def setting_fields() -> Sequence[Attribute[Any]]:
    """The fields of `Settings` that are options, in the order in which help shows them."""
    return [each for each in attrs.fields(Settings) if "definition" in each.metadata]


def option_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    return PREFIX + name.upper()


def default_text(attribute: Attribute[Any]) -> str:
    return definition_of(attribute).shown_default or f"{attribute.default}"


def settings_table() -> str:
    """The Markdown table of all settings, as it stands in `docs/configuration.md`."""
    lines = ["| option | variable | default | meaning |", "|---|---|---|---|"]
    for attribute in setting_fields():
        about = definition_of(attribute)
        variable = f"`{variable_of(attribute.name)}`"
        if about.also_from:
            variable += f", else `{about.also_from}`"
        allowed = about.kind.allowed.replace("|", "\\|")
        lines.append(
            f"| `{option_of(attribute.name)}` | {variable} | {default_text(attribute)}"
            f" | {about.help} Allowed: {allowed}. |"
        )
    return "\n".join(lines)
