"""`http.cors` of langgraph.json: which pages may call this server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import fields, frozen

from lgtrio.langgraph_keys import KeyPath, kind_of, unknown_keys
from lgtrio.wire.cors import ANY, CorsPolicy

Mistake = Callable[[KeyPath, str], None]
"""Takes the place of a mistake and a sentence about it."""

_PATH: Final = ("http", "cors")
_KEYS: Final = frozenset(each.name for each in fields(CorsPolicy))
_ORIGIN: Final = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#\s*]+")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def read_cors(data: Mapping[str, Any], mistake: Mistake) -> CorsPolicy:
    """The section as a policy; what is wrong in it is reported and left out.

    Args:
        data: the whole langgraph.json.
    """
    section = _section(data)
    if section is None:
        return CorsPolicy.open_to_all()
    if not isinstance(section, dict):
        mistake(_PATH, f"`http.cors` must be an object, not {kind_of(section)}")
        return CorsPolicy()
    reader = _Reader(section, mistake)
    default = CorsPolicy()
    return CorsPolicy(
        allow_origins=reader.words("allow_origins", _origin, default.allow_origins),
        allow_methods=reader.words("allow_methods", _method, default.allow_methods),
        allow_headers=reader.words("allow_headers", _header, default.allow_headers),
        allow_credentials=reader.boolean("allow_credentials", default=default.allow_credentials),
        allow_origin_regex=reader.pattern("allow_origin_regex"),
        expose_headers=reader.words("expose_headers", _header, default.expose_headers),
        max_age=reader.seconds("max_age", default.max_age),
    )


def cors_warnings(data: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about keys that nobody knows, and about what is allowed but rarely meant."""
    section = _section(data)
    if not isinstance(section, dict):
        return
    yield from unknown_keys(set(section) - _KEYS, "`http.cors` of langgraph.json")
    origins = section.get("allow_origins")
    if section.get("allow_credentials") is True and isinstance(origins, list) and ANY in origins:
        yield (
            '`http.cors` of langgraph.json lets pages of any origin ("*") call with the cookies of'
            " whoever looks at them; name the origins that should."
        )


def _section(data: Mapping[str, Any]) -> Any:
    http = data.get(_PATH[0])
    return http.get(_PATH[1]) if isinstance(http, dict) else None


@frozen
class _Reader:
    """The keys of the section, each with its check."""

    section: Mapping[str, Any]
    mistake: Mistake

    def words(self, key: str, read: Callable[[str], str], default: Sequence[str]) -> Sequence[str]:
        """
        Args:
            read: one of the words as it is used; raises `ValueError` with what is wrong with it.
        """
        given = self.section.get(key)
        if given is None:
            return default
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            self._wrong(key, "must be a list of strings")
            return ()
        words = []
        for word in given:
            try:
                words.append(ANY if word == ANY else read(word))
            except ValueError as error:
                self._wrong(key, f"has {word!r}: {error}")
        return words

    def boolean(self, key: str, *, default: bool) -> bool:
        given = self.section.get(key)
        if given is None or isinstance(given, bool):
            return default if given is None else given
        self._wrong(key, f"must be true or false, not {kind_of(given)}")
        return default

    def pattern(self, key: str) -> re.Pattern[str] | None:
        given = self.section.get(key)
        if given is None:
            return None
        if not isinstance(given, str):
            self._wrong(key, f"must be a regular expression as a string, not {kind_of(given)}")
            return None
        try:
            return re.compile(given)
        except re.error as error:
            self._wrong(key, f"must be a regular expression, and {given!r} is none: {error}")
            return None

    def seconds(self, key: str, default: int) -> int:
        given = self.section.get(key)
        if given is None:
            return default
        if type(given) is int and given >= 0:
            return given
        self._wrong(key, f"must be a whole number of seconds from 0, not {given!r}")
        return default

    def _wrong(self, key: str, sentence: str) -> None:
        self.mistake((*_PATH, key), f"`http.cors.{key}` {sentence}")


def _origin(text: str) -> str:
    """As browsers send it."""
    origin = text.lower()
    if _ORIGIN.fullmatch(origin):
        return origin
    if ANY in text:
        raise ValueError('"*" stands alone, for any origin; for some use `allow_origin_regex`')
    raise ValueError("an origin has a scheme and a host, no path, such as https://app.example.com")


def _method(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("not the name of an HTTP method")
    return text.upper()


def _header(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("not the name of an HTTP header")
    return text
