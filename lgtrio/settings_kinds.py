"""What the text of a setting may be: one `Kind` for each sort of value.

Options and environment variables are both text, so both go through the same `Kind`, and an
error can always say what would have been allowed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen


class Refused(ValueError):
    """A value that is understood and still not possible; its text is the whole reason."""


@frozen
class Kind:
    """One sort of value: how it is read and which values are allowed."""

    metavar: str
    """Placeholder in `--help`."""
    allowed: str
    """Completes the sentence "it must be …"."""
    convert: Callable[[str], Any]
    """Text to value; raises ValueError."""
    check: Callable[[Any], bool]
    """Whether a value, read or given in code, is allowed."""

    def parse(self, text: str) -> Any:
        """
        Raises:
            Refused: with a sentence of its own.
            ValueError: not one of the allowed values.
        """
        try:
            value = self.convert(text.strip())
        except OverflowError as error:
            raise ValueError(text) from error
        if not self.check(value):
            raise ValueError(text)
        return value


def whole_number(minimum: int, maximum: int | None = None) -> Kind:
    bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(value: Any) -> bool:
        # bool is an int in Python, never in a setting
        in_range = type(value) is int and value >= minimum
        return in_range and (maximum is None or value <= maximum)

    return Kind("N", f"a whole number {bounds}", int, check)


def whole_number_or_none(minimum: int) -> Kind:
    return _or_none(whole_number(minimum))


def seconds(minimum: float, maximum: float | None = None) -> Kind:
    bounds = f"at least {minimum:g}" if maximum is None else f"from {minimum:g} to {maximum:g}"

    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return math.isfinite(value) and minimum <= value <= (maximum or math.inf)

    return Kind("SECONDS", f"a number of seconds, {bounds}", float, check)


def seconds_or_none(minimum: float) -> Kind:
    return _or_none(seconds(minimum))


def _or_none(kind: Kind) -> Kind:
    def convert(text: str) -> Any:
        return None if text.lower() == "none" else kind.convert(text)

    def check(value: Any) -> bool:
        return value is None or kind.check(value)

    return Kind(kind.metavar, f'{kind.allowed}, or "none"', convert, check)


def one_of(*words: str) -> Kind:
    return Kind(
        "|".join(words),
        "one of " + ", ".join(words),
        lambda text: text.lower(),
        lambda value: value in words,
    )


def host_name() -> Kind:
    def check(value: Any) -> bool:
        return isinstance(value, str) and bool(value) and not any(c in value for c in " /")

    return Kind("HOST", "a host name or an IP address, such as 127.0.0.1 or 0.0.0.0", str, check)


def home_expanded(text: str) -> Path:
    """`~` is the home folder where it is known, and an ordinary name where it is not."""
    return Path(os.path.expanduser(text))  # `Path.expanduser` raises for an unknown user


def existing_file() -> Kind:
    def convert(text: str) -> Path:
        path = home_expanded(text)
        if os.path.isdir(path):  # unlike `is_dir`, not even a name too long breaks it
            raise Refused("that is a folder; give the path of the langgraph.json file itself")
        if not os.path.isfile(path):
            raise Refused("there is no such file")
        return path

    return Kind(
        "FILE", "the path of a langgraph.json file", convert, lambda value: isinstance(value, Path)
    )


def database() -> Kind:
    def convert(text: str) -> str:
        if text.startswith(("postgresql://", "postgres://")):
            raise Refused("PostgreSQL storage is not in this version yet; give a file path")
        if "://" in text:
            raise Refused("database URLs are not supported; give a file path")
        if text == ":memory:":
            return text
        path = home_expanded(text)
        if os.path.isdir(path):
            raise Refused("that is a folder; give the path of a file")
        return str(path)

    return Kind(
        "FILE",
        "the path of a SQLite file, or :memory:",
        convert,
        lambda value: isinstance(value, str) and bool(value),
    )
