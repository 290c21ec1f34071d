"""On which line of a JSON text each key and element stands, for messages that point at it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

Path = tuple[str | int, ...]
"""Object keys and array indexes from the outside in; `()` is the whole text."""

_SPACE: Final = re.compile(r"\s*")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SCALAR: Final = re.compile(r"[^\s,\]}]+")


@frozen
class JsonLines:
    lines: Mapping[Path, int]
    """Path to line number, from 1; for a member of an object the line of its key."""
    duplicates: Sequence[tuple[Path, int]]
    """Keys that an object has a second time; JSON readers silently keep the last."""


def json_lines(text: str) -> JsonLines:
    """Where everything in `text` is. The text must be valid JSON (`json.loads` accepts it)."""
    walker = _Walker(text)
    walker.value((), 0)
    return JsonLines(walker.lines, walker.duplicates)


@define
class _Walker:
    """Each method gets the position where its thing starts and returns where it ends."""

    text: str
    lines: dict[Path, int] = field(factory=dict)
    duplicates: list[tuple[Path, int]] = field(factory=list)

    def value(self, path: Path, at: int) -> int:
        at = self._skip_space(at)
        self.lines.setdefault(path, self._line(at))
        match self.text[at]:
            case "{":
                return self._object(path, at)
            case "[":
                return self._array(path, at)
            case '"':
                return self._end(_STRING, at)
            case _:
                return self._end(_SCALAR, at)

    def _object(self, path: Path, at: int) -> int:
        at = self._skip_space(at + 1)
        while self.text[at] != "}":
            end = self._end(_STRING, at)
            self._member((*path, json.loads(self.text[at:end])), at)
            colon = self._skip_space(end)
            at = self.value((*path, json.loads(self.text[at:end])), colon + 1)
            at = self._skip_comma(at)
        return at + 1

    def _member(self, path: Path, at: int) -> None:
        if path in self.lines:
            self.duplicates.append((path, self._line(at)))
        self.lines[path] = self._line(at)

    def _array(self, path: Path, at: int) -> int:
        at = self._skip_space(at + 1)
        index = 0
        while self.text[at] != "]":
            at = self._skip_comma(self.value((*path, index), at))
            index += 1
        return at + 1

    def _skip_comma(self, at: int) -> int:
        at = self._skip_space(at)
        return self._skip_space(at + 1) if self.text[at] == "," else at

    def _skip_space(self, at: int) -> int:
        return self._end(_SPACE, at)

    def _end(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self.text, at)
        assert found is not None, "the text was valid JSON a moment ago"
        return found.end()

    def _line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1
