"""The page of the documentation: what was compared, what differs, and what becomes of quirks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import httpx
from attrs import frozen

from bench.parity.compare import Difference, Explained, shown
from bench.parity.play import Played
from bench.parity.quirks import QUIRKS, Kind, Quirk

_HEAD = """\
# Parity

lgtrio beside the reference server (`langgraph dev`), which has a licence of its own and is looked
at from outside only: the same requests to both, their answers compared in status, headers, bodies
and events. Ids, times and versions are taken out before. `make parity` does it and writes this
page; every difference that it finds is in the first table, or its exit status is 1.
"""
_DIFFERENCES = """
## Differences

`quirk` is the number in the second table. The example is the first place of several.
"""
_QUIRKS = """
## Quirks

What the reference server does and nobody would expect. Clients that may depend on it find it here,
too; the rest is mended. Each line has a test that is named after it, unless it waits for something.
"""
_SCENARIOS = """
## What is compared

| scenario | requests |
|---|---|
"""
_SHOWN = 70
"""Characters of a value in an example."""


@frozen
class Versions:
    reference: str
    lgtrio: str
    langgraph: str


def versions_of(reference: str, ours: str) -> Versions:
    """
    Args:
        reference, ours: URLs of the servers.
    """
    theirs, mine = (httpx.get(f"{url}/info").json() for url in (reference, ours))
    return Versions(theirs["version"], mine["version"], mine["langgraph_py_version"])


def as_markdown(
    played: Sequence[Played],
    explained: Mapping[Explained, Sequence[Difference]],
    unexplained: Sequence[Difference],
    versions: Versions,
) -> str:
    return "\n".join(
        [
            _HEAD,
            *_facts(played, explained, unexplained, versions),
            _DIFFERENCES,
            *_differences(explained),
            _QUIRKS,
            *_quirks(),
            _SCENARIOS.rstrip("\n"),
            *(_row(each.scenario.title, str(each.exchanges)) for each in played),
            "",
        ]
    )


def _facts(
    played: Sequence[Played],
    explained: Mapping[Explained, Sequence[Difference]],
    unexplained: Sequence[Difference],
    versions: Versions,
) -> Iterator[str]:
    yield _row("", "")
    yield "|---|---|"
    yield _row("date", datetime.now(UTC).date().isoformat())
    yield _row("lgtrio", versions.lgtrio)
    yield _row("reference server (langgraph-api)", versions.reference)
    yield _row("langgraph, both", versions.langgraph)
    yield _row("scenarios", str(len(played)))
    yield _row("requests", str(sum(each.exchanges for each in played)))
    yield _row("values that differ, explained", str(sum(map(len, explained.values()))))
    yield _row("values that differ, unexplained", str(len(unexplained)))


def _differences(explained: Mapping[Explained, Sequence[Difference]]) -> Iterator[str]:
    yield _row("lgtrio", "quirk", "where", "reference server", "lgtrio")
    yield "|---|---|---|---|---|"
    for reason, each, found in _by_reason(explained):
        first = found[0]
        yield _row(
            reason,
            str(each.quirk or ""),
            f"{_scenarios_of(found)}; `{first.path}`",
            f"`{_short(first.reference)}`",
            f"`{_short(first.lgtrio)}`",
        )


def _by_reason(
    explained: Mapping[Explained, Sequence[Difference]],
) -> Iterator[tuple[str, Explained, Sequence[Difference]]]:
    """Explanations with the same words are one; those that explained nothing are left out."""
    groups: dict[str, tuple[Explained, list[Difference]]] = {}
    for each, found in explained.items():
        groups.setdefault(each.reason, (each, []))[1].extend(found)
    for reason, (each, found) in groups.items():
        if found:
            yield reason, each, found


def _scenarios_of(found: Iterable[Difference]) -> str:
    """`threads: copy (3), states: get`; families alone where there are many."""
    count = Counter(each.scenario for each in found)
    if len(count) > 3:
        return ", ".join(dict.fromkeys(title.partition(":")[0] for title in count))
    return ", ".join(f"{title} ({times})" for title, times in count.items())


def _quirks() -> Iterator[str]:
    yield _row("", "area", "reference server", "lgtrio", "")
    yield "|---|---|---|---|---|"
    for quirk in QUIRKS:
        yield _row(str(quirk.number), quirk.area, quirk.reference, quirk.lgtrio, _standing(quirk))


def _standing(quirk: Quirk) -> str:
    if quirk.waits_for is not None:
        return f"waits for {quirk.waits_for}"
    return {Kind.SAME: "the same", Kind.FIXED: "mended", Kind.CHOICE: "our choice"}[quirk.kind]


def _short(value: object) -> str:
    text = shown(value).replace("`", "'")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " …"


def _row(*cells: str) -> str:
    return "| " + " | ".join(each.replace("|", "\\|").replace("\n", " ") for each in cells) + " |"
