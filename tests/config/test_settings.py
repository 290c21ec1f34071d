"""Settings: options over environment over defaults, and sentences for every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.config import (
    DEMO_CONFIG,
    Settings,
    option_of,
    setting_fields,
    variable_of,
)
from lgtrio.errors import SettingsError
from lgtrio.settings_kinds import seconds, seconds_or_none, whole_number
from lgtrio.settings_sources import locate_config, read_settings, unknown_variables


def read(
    options: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    command: Any = "serve",
    config: Path = DEMO_CONFIG,
    folder: Path = Path("here"),
) -> Settings:
    return read_settings(command, options or {}, environ or {}, config=config, folder=folder)


def refusal(options: Mapping[str, str | None], environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        read(options, environ)
    return caught.value.detail


def test_defaults_are_those_of_the_class() -> None:
    made, read_ones = Settings(), read(command="dev")
    for attribute in setting_fields():
        if attribute.name not in {"config", "database"}:
            assert getattr(read_ones, attribute.name) == getattr(made, attribute.name)


def test_the_commands_differ_in_log_and_purpose() -> None:
    dev, serve = read(command="dev"), read(command="serve")
    assert (dev.log_format, dev.development) == ("readable", True)
    assert (serve.log_format, serve.development) == ("json", False)


def test_the_commands_log_format_is_only_a_default() -> None:
    assert read({"log_format": "readable"}, command="serve").log_format == "readable"


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({}, {}, 2024),
        ({}, {"LGTRIO_PORT": "1"}, 1),
        ({"port": "2"}, {"LGTRIO_PORT": "1"}, 2),
        ({"port": "2"}, {"LGTRIO_PORT": "nonsense"}, 2),
        ({"port": None}, {"LGTRIO_PORT": ""}, 2024),
    ],
)
def test_an_option_wins_over_the_environment_and_that_over_the_default(
    options: dict[str, str | None], environ: dict[str, str], expected: int
) -> None:
    settings = read(options, environ)
    assert settings.port == expected
    assert settings.port_given is (expected != 2024)


def test_a_port_equal_to_the_default_was_still_asked_for() -> None:
    assert read({"port": "2024"}).port_given


def test_every_setting_can_be_given_both_ways() -> None:
    for attribute in setting_fields():
        if attribute.name == "config":
            continue
        option, variable = {attribute.name: "\0"}, {variable_of(attribute.name): "\0"}
        if attribute.name in {"host", "database"}:  # any text may be one
            assert getattr(read(option), attribute.name) == "\0"
            assert getattr(read({}, variable), attribute.name) == "\0"
        else:
            assert refusal(option).startswith(f"{option_of(attribute.name)} is ")
            assert refusal({}, variable).startswith(f"{variable_of(attribute.name)} is ")


def test_the_platforms_name_for_the_run_timeout_works_too() -> None:
    assert read({}, {"BG_JOB_TIMEOUT_SECS": "12.5"}).run_timeout == 12.5
    both = {"BG_JOB_TIMEOUT_SECS": "12.5", "LGTRIO_RUN_TIMEOUT": "none"}
    assert read({}, both).run_timeout is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"port": "65536"}, "--port is '65536'; it must be a whole number from 0 to 65535."),
        ({"port": "80.5"}, "--port is '80.5'; it must be a whole number from 0 to 65535."),
        (
            {"n_jobs_per_worker": "0"},
            "--n-jobs-per-worker is '0'; it must be a whole number from 1 to 100000.",
        ),
        (
            {"log_format": "xml"},
            "--log-format is 'xml'; it must be one of readable, json.",
        ),
        (
            {"cancel_grace": "nan"},
            "--cancel-grace is 'nan'; it must be a number of seconds, at least 0.",
        ),
        (
            {"database": "postgresql://localhost/db"},
            "--database is 'postgresql://localhost/db': PostgreSQL storage is not in this version"
            " yet; give a file path.",
        ),
        (
            {"host": "http://x"},
            "--host is 'http://x'; it must be a host name or an IP address, such as 127.0.0.1 or"
            " 0.0.0.0.",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    options: dict[str, str | None], sentence: str
) -> None:
    assert refusal(options) == sentence


def test_all_mistakes_are_told_at_once() -> None:
    told = refusal({"port": "x"}, {"LGTRIO_GRAPH_LOOPS": "0"}).splitlines()
    assert [line.split()[0] for line in told] == ["--port", "LGTRIO_GRAPH_LOOPS"]


def test_values_given_in_code_are_checked_too() -> None:
    with pytest.raises(SettingsError, match=r"port is -1; it must be a whole number"):
        Settings(port=-1)


def test_the_database_is_beside_the_config(tmp_path: Path) -> None:
    config = tmp_path / "langgraph.json"
    assert read(config=config).database == str(tmp_path / ".lgtrio" / "lgtrio.db")


def test_the_demo_graphs_keep_their_data_in_the_current_folder(tmp_path: Path) -> None:
    assert read(folder=tmp_path).database == str(tmp_path / ".lgtrio" / "lgtrio.db")


def test_the_config_is_the_one_named(tmp_path: Path) -> None:
    named = tmp_path / "other.json"
    named.touch()
    (tmp_path / "langgraph.json").touch()
    by_option = locate_config("serve", {"config": str(named)}, {}, folder=tmp_path)
    by_variable = locate_config("serve", {}, {"LGTRIO_CONFIG": str(named)}, folder=tmp_path)
    assert by_option == by_variable == named


def test_the_config_of_the_current_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "langgraph.json").touch()
    assert locate_config("dev", {}, {}, folder=tmp_path) == tmp_path / "langgraph.json"


def test_only_dev_falls_back_on_the_demo_graphs(tmp_path: Path) -> None:
    assert locate_config("dev", {}, {}, folder=tmp_path) == DEMO_CONFIG
    for command in ("serve", "check"):
        with pytest.raises(SettingsError, match=r"There is no langgraph.json in .* --config"):
            locate_config(command, {}, {}, folder=tmp_path)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--config is '.*nope.json': there is no such file.$"):
        locate_config("dev", {"config": str(tmp_path / "nope.json")}, {}, folder=tmp_path)
    with pytest.raises(SettingsError, match=r"that is a folder; give the path of the langgraph"):
        locate_config("dev", {"config": str(tmp_path)}, {}, folder=tmp_path)


def test_unknown_variables_are_pointed_out_with_a_guess() -> None:
    environ = {"LGTRIO_PROT": "1", "LGTRIO_PORT": "1", "LGTRIO_FAULT": "x", "PATH": ""}
    assert list(unknown_variables(environ)) == [
        "There is no setting for the environment variable LGTRIO_PROT; did you mean LGTRIO_PORT?"
    ]


@given(st.integers())
def test_whole_numbers_read_as_written_within_their_bounds(number: int) -> None:
    kind = whole_number(-5, 70)
    if -5 <= number <= 70:
        assert kind.parse(f" {number} ") == number
    else:
        with pytest.raises(ValueError, match=str(number)):
            kind.parse(str(number))


@given(st.floats())
def test_seconds_are_finite_and_within_their_bounds(number: float) -> None:
    kind = seconds(0, 10)
    if 0 <= number <= 10:
        assert kind.parse(repr(number)) == number
        assert seconds_or_none(0).parse(repr(number)) == number
    else:
        with pytest.raises(ValueError, match=r"."):
            kind.parse(repr(number))


@given(st.text())
def test_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    for attribute in setting_fields():
        kind = attribute.metadata["definition"].kind
        try:
            value = kind.parse(text)
        except ValueError:
            continue
        assert kind.check(value)
