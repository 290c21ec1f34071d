"""Every quirk of the reference server that decides how lgtrio behaves has a test named after it."""

from __future__ import annotations

import re
from pathlib import Path

from bench.parity.quirks import QUIRKS, Kind

TESTS = Path(__file__).parent
_NAMED = re.compile(r"^\s*(?:async )?def test_quirk_(\d\d)_\w", re.MULTILINE)
_BADLY_NAMED = re.compile(r"^\s*(?:async )?def (test_quirk_(?!\d\d_\w)\w*)", re.MULTILINE)


def sources() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py"))]


def test_every_quirk_has_its_test() -> None:
    tested = {int(number) for text in sources() for number in _NAMED.findall(text)}
    served = [each for each in QUIRKS if each.waits_for is None]
    assert [each.number for each in served if each.number not in tested] == []
    assert tested <= {each.number for each in QUIRKS}


def test_their_names_have_two_digits() -> None:
    assert [name for text in sources() for name in _BADLY_NAMED.findall(text)] == []


def test_the_list_is_whole() -> None:
    """Each number once; what is left out waits for a feature that is named."""
    assert [each.number for each in QUIRKS] == list(range(1, 43))
    waiting = {each.number: each.waits_for for each in QUIRKS if each.waits_for is not None}
    events = dict.fromkeys(range(38, 42), "the event protocol (v2)")
    assert waiting == {35: "authentication", 36: "MCP", 37: "MCP", **events}
    choices = {each.number for each in QUIRKS if each.kind is Kind.CHOICE}
    assert choices == {1, 11, 15, 16, 23, 29, 30, 34, 41}
