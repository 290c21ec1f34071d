"""What is different between two recordings of one scenario, and what explains it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import field, frozen

from bench.parity.normalise import Tree

ABSENT: Final = "(absent)"


@frozen
class Difference:
    scenario: str
    step: str
    path: str
    """`status`, `body.values.foo`, `body.0.name`, `stream.frames.values#1.log` …"""
    reference: Any
    lgtrio: Any

    @property
    def place(self) -> str:
        """`family: scenario / step: path`, which patterns are matched against."""
        return f"{self.scenario} / {self.step}: {self.path}"


@frozen
class Explained:
    """Why a difference is meant to be."""

    where: Sequence[str] = field(converter=tuple)
    """Patterns of places, with `*`."""
    reason: str
    quirk: int | None = None
    """Number of the quirk of the reference server, if it is one."""
    reference: str = "*"
    """Pattern of the reference's value as JSON."""
    lgtrio: str = "*"
    sometimes: bool = False
    """It depends on times, and is not missed when it explains nothing."""

    def explains(self, difference: Difference) -> bool:
        return (
            any(fnmatchcase(difference.place, pattern) for pattern in self.where)
            and fnmatchcase(shown(difference.reference), self.reference)
            and fnmatchcase(shown(difference.lgtrio), self.lgtrio)
        )


def shown(value: Any) -> str:
    return ABSENT if value is ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)


def compared(
    scenario: str, reference: Mapping[str, Tree], lgtrio: Mapping[str, Tree]
) -> list[Difference]:
    """The differences of a scenario, step by step; a step that only one has is one difference."""
    return [
        Difference(scenario, step, path.removeprefix("."), theirs, ours)
        for step in dict.fromkeys([*reference, *lgtrio])
        for path, theirs, ours in _answers(reference.get(step, ABSENT), lgtrio.get(step, ABSENT))
    ]


def _answers(theirs: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    """Answers with different statuses have nothing else in common: that is one difference."""
    if theirs is not ABSENT and ours is not ABSENT and theirs.get("status") != ours.get("status"):
        yield "status", _in_short(theirs), _in_short(ours)
    else:
        yield from _between(theirs, ours, "")


def _in_short(answer: Tree) -> Any:
    """The status, and what an error says."""
    body = answer.get("body")
    detail = body.get("detail") if isinstance(body, dict) else body
    is_error = answer["status"] >= 400 and isinstance(detail, str)
    return f"{answer['status']}: {detail}" if is_error else str(answer["status"])


def _between(theirs: Any, ours: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in dict.fromkeys([*theirs, *ours]):
            yield from _between(theirs.get(key, ABSENT), ours.get(key, ABSENT), f"{path}.{key}")
    elif _are_rows(theirs) and _are_rows(ours):
        if len(theirs) != len(ours):
            # Which row has no partner cannot be told, and the rows behind it say nothing.
            yield f"{path}.length", len(theirs), len(ours)
            return
        for index, (their_item, our_item) in enumerate(zip(theirs, ours, strict=True)):
            yield from _between(their_item, our_item, f"{path}.{index}")
    elif (type(theirs), theirs) != (type(ours), ours):
        yield path, theirs, ours


def _are_rows(value: Any) -> bool:
    """A list of objects or lists; lists of plain values are compared as a whole."""
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def sorted_out(
    differences: Sequence[Difference], explanations: Sequence[Explained]
) -> tuple[dict[Explained, list[Difference]], list[Difference]]:
    """Differences by the first explanation that fits, and those that none explains."""
    explained: dict[Explained, list[Difference]] = {each: [] for each in explanations}
    unexplained = []
    for difference in differences:
        for each in explanations:
            if each.explains(difference):
                explained[each].append(difference)
                break
        else:
            unexplained.append(difference)
    return explained, unexplained
