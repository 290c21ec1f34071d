"""Where settings come from: command line options, environment variables, defaults.

An option wins over the environment, the environment over the default.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs
from attrs import Attribute, frozen

from lgtrio.config import (
    DEMO_CONFIG,
    PREFIX,
    Settings,
    definition_of,
    option_of,
    setting_fields,
    variable_of,
)
from lgtrio.errors import SettingsError
from lgtrio.settings_kinds import Refused

Command = Literal["dev", "serve"]

_NOT_SETTINGS: Final = frozenset({"LGTRIO_FAULT"})
"""Variables that something else reads (crash tests), so they are not called unknown."""

_COMMAND_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dev": {"log_format": "readable"},
    "serve": {"log_format": "json"},
}


@frozen
class _Given:
    """The text somebody gave for a setting, and where."""

    source: str
    text: str


def _given(
    attribute: Attribute[Any], options: Mapping[str, str | None], environ: Mapping[str, str]
) -> _Given | None:
    """The option if there is one, else the first environment variable that is not empty."""
    text = options.get(attribute.name)
    if text is not None:
        return _Given(option_of(attribute.name), text)
    for variable in (variable_of(attribute.name), definition_of(attribute).also_from):
        if variable and environ.get(variable):
            return _Given(variable, environ[variable])
    return None


def _parse(attribute: Attribute[Any], given: _Given) -> Any:
    kind = definition_of(attribute).kind
    try:
        return kind.parse(given.text)
    except Refused as refusal:
        raise SettingsError(f"{given.source} is {given.text!r}: {refusal}.") from None
    except ValueError:
        raise SettingsError(
            f"{given.source} is {given.text!r}; it must be {kind.allowed}."
        ) from None


def locate_config(
    command: Command | Literal["check"],
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    *,
    folder: Path,
) -> Path:
    """Which langgraph.json to use: the one named, the one in `folder`, or the demo graphs.

    Raises:
        SettingsError: the one named is not there, or none is named or found and the command
            is not `dev`.
    """
    attribute = attrs.fields(Settings).config
    given = _given(attribute, options, environ)
    if given is not None:
        path: Path = _parse(attribute, given)
        return path.absolute()
    beside = folder / "langgraph.json"
    if beside.is_file():
        return beside.absolute()
    if command == "dev":
        return DEMO_CONFIG
    raise SettingsError(
        f"There is no langgraph.json in {folder}. Name one with --config or LGTRIO_CONFIG"
        " (`lgtrio dev` serves the demo graphs without one)."
    )


def default_database(config: Path, *, folder: Path) -> str:
    """Beside langgraph.json, except that nothing is written into the package: `folder`."""
    home = folder if config == DEMO_CONFIG else config.parent
    return str(home / ".lgtrio" / "lgtrio.db")


def read_settings(
    command: Command,
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    *,
    config: Path,
    folder: Path,
) -> Settings:
    """The settings of a server started as `lgtrio <command>` in `folder`.

    Args:
        options: setting name to the text given on the command line, None where not given.
        config: as found by `locate_config`; its `env` should be in `environ` by now.

    Raises:
        SettingsError: one line for each setting that is wrong, naming the option or variable.
    """
    values: dict[str, Any] = dict(_COMMAND_DEFAULTS[command])
    values["database"] = default_database(config, folder=folder)
    problems: list[str] = []
    for attribute in setting_fields():
        given = _given(attribute, options, environ)
        if given is None or attribute.name == "config":
            continue
        try:
            values[attribute.name] = _parse(attribute, given)
        except SettingsError as error:
            problems.append(error.detail)
        if attribute.name == "port":
            values["port_given"] = True
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(config=config, development=command == "dev", **values)


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each `LGTRIO_…` variable that no setting reads: probably a slip."""
    known = {variable_of(each.name) for each in setting_fields()}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known | _NOT_SETTINGS:
            close = difflib.get_close_matches(variable, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            yield f"There is no setting for the environment variable {variable}{hint}"
