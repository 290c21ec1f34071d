"""Query parameters: one spelling in, one meaning out.

The clients encode None as an empty value, lists by repeating the key or (the JavaScript client
2.0.0) as JSON, booleans as words or as digits; so an empty value is an absent one, and booleans
are `true`, `false`, `1` or `0`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, TypeVar

import orjson
from attrs import frozen

from lgtrio.errors import BadRequest, InvalidRequest, RequestError
from lgtrio.wire.converter import one_of

E = TypeVar("E", bound=StrEnum)

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


@frozen
class Query:
    """The parameters of one request, values in the order sent."""

    pairs: Sequence[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Every non-empty value of a parameter that takes several."""
        return [value for value in self.given(name) if value]

    def given(self, name: str) -> list[str]:
        """As `all`, the empty ones too."""
        return [value for key, text in self.pairs if key == name for value in _listed(text)]

    def last(self, name: str) -> str | None:
        """The last non-empty value of a parameter that takes one."""
        values = [value for key, value in self.pairs if key == name and value]
        return values[-1] if values else None

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """
        Raises:
            InvalidRequest: neither true, false, 1 nor 0.
        """
        text = self.last(name)
        if text is None:
            return default
        try:
            return _BOOLEANS[text.lower()]
        except KeyError:
            raise InvalidRequest(f"`{name}` must be true, false, 1 or 0, got {text!r}") from None

    def count(self, name: str, *, default: int, error: type[RequestError] = BadRequest) -> int:
        """A number of rows.

        Raises:
            RequestError: of the class given, when the text is no integer from 0 that can be
                stored.
        """
        text = self.last(name)
        if text is None:
            return default
        try:
            number = int(text)
        except ValueError:
            raise error(f"Invalid {name} {text}") from None
        if not 0 <= number < 1 << 63:
            raise error(f"Invalid {name} {text}: it must be 0 or more")
        return number

    def word(self, name: str, enum: type[E], *, default: E) -> E:
        """
        Raises:
            InvalidRequest: not one of the enum's words.
        """
        return self.optional_word(name, enum) or default

    def optional_word(self, name: str, enum: type[E]) -> E | None:
        """
        Raises:
            InvalidRequest: not one of the enum's words.
        """
        text = self.last(name)
        if text is None:
            return None
        try:
            return enum(text)
        except ValueError:
            raise InvalidRequest(f"`{name}` must be {one_of(enum)}, got {text!r}") from None

    def words(self, name: str, enum: type[E]) -> list[E]:
        """Every value, whether repeated or separated by commas.

        Raises:
            InvalidRequest: one is none of the enum's words.
        """
        texts = [text for value in self.all(name) for text in value.split(",") if text]
        try:
            return [enum(text) for text in texts]
        except ValueError:
            raise InvalidRequest(f"`{name}` must be {one_of(enum)}, got {texts!r}") from None


def _listed(text: str) -> Sequence[str]:
    """The texts of a JSON list; any other text is one by itself."""
    if text.startswith("["):
        try:
            values = orjson.loads(text)
        except orjson.JSONDecodeError:
            return [text]
        if all(type(value) is str for value in values):
            return list(values)
    return [text]


def check_names(name: str, given: Iterable[str], allowed: Sequence[str]) -> None:
    """Let known column names pass.

    Raises:
        InvalidRequest: naming the unknown ones and what is allowed.
    """
    unknown = [column for column in given if column not in allowed]
    if unknown:
        raise InvalidRequest(
            f"Invalid `{name}`: {', '.join(unknown)}. Expected some of: {', '.join(allowed)}"
        )
