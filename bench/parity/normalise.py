"""Take out of answers what differs by nature: ids, times, versions, addresses.

What remains is a tree of dicts, lists and plain values, the same for two servers that behave the
same. Ids keep their identity: the second thread that a scenario sees is `<thread 2>` everywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import define, field, frozen

from bench.parity.exchange import Answer, Exchange, Frame, Recording

Tree = dict[str, Any]

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IN_PATH: Final = re.compile(rf"/(thread|run|assistant|cron)s/({_UUID.pattern})")
_HEX: Final = re.compile(r"\b[0-9a-f]{32}\b")
_EVENT_ID: Final = re.compile(r"\b\d{13}-\d+\b")
"""Milliseconds and a number."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
_NOW: Final = timedelta(days=1)
"""Times this close to the comparison are its own; others are part of an answer."""
_KINDS: Final = {
    "thread_id": "thread",
    "run_id": "run",
    "assistant_id": "assistant",
    "cron_id": "cron",
    "checkpoint_id": "checkpoint",
    "parent_checkpoint_id": "checkpoint",
}
_VERSIONS: Final = ("langgraph_version", "langgraph_api_version")
_SECONDS: Final = ("__request_start_time_ms__",)
_DIGITS: Final = 5
"""Of numbers that are computed: scores have no more in single precision."""
_LONG: Final = 400
"""Texts longer than this (pages, metrics) are compared by their kind alone."""


@define
class Names:
    """Names for the ids of one scenario on one server.

    Checkpoints are numbered anew in each answer, oldest first (their ids are time-ordered): if one
    server makes one more of them, later answers are not to differ for that.
    """

    _names: dict[str, str] = field(factory=dict)
    _count: Counter[str] = field(factory=Counter)

    def learn(self, exchange: Exchange) -> None:
        found = list(_ids_in(exchange))
        for kind, value in found:
            if kind != "checkpoint" and value not in self._names:
                self._count[kind] += 1
                self._names[value] = f"<{kind} {self._count[kind]}>"
        checkpoints = sorted({value for kind, value in found if kind == "checkpoint"})
        for number, value in enumerate(checkpoints, 1):
            self._names[value] = f"<checkpoint {number}>"

    def of(self, match: re.Match[str]) -> str:
        return self._names.get(match[0].lower(), "<uuid>")


@frozen
class Normaliser:
    """Of one scenario on one server."""

    names: Names
    replaced: Mapping[str, str]
    """Texts of this server or play (its address, the play's tag) and what stands for them."""
    now: datetime

    def answer(self, answer: Answer) -> Tree:
        tree: Tree = {"status": answer.status}
        if answer.headers:
            tree["headers"] = self.value(dict(answer.headers))
        if answer.frames is not None:
            tree["stream"] = self._stream(answer.frames, answer.line_ends)
        elif isinstance(answer.body, str) and len(answer.body) > _LONG:
            tree["body"] = "<long text>"
        elif answer.body is not None:
            tree["body"] = self.value(answer.body)
        return tree

    def _stream(self, sent: Sequence[Frame], line_ends: str | None) -> Tree:
        """Frames by name and number, so that one that is missing shifts no others."""
        frames: Tree = {}
        count: Counter[str] = Counter()
        for frame in sent:
            event = self.text(frame.event)
            count[event] += 1
            frames[f"{event}#{count[event]}"] = self.value(frame.data)
        with_id = sum(frame.id is not None for frame in sent)
        return {
            "order": [self.text(frame.event) for frame in sent],
            "frames": frames,
            "ids": "none" if not with_id else "all" if with_id == len(sent) else "some",
            "line ends": line_ends,
        }

    def value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {self.text(name): self.value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if key in _VERSIONS and isinstance(value, str):
            return "<version>"
        if key in _SECONDS and isinstance(value, int):
            return "<milliseconds>"
        if isinstance(value, float):
            return round(value, _DIGITS)
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        for found, instead in self.replaced.items():
            text = text.replace(found, instead)
        text = _UUID.sub(self.names.of, text)
        text = _HEX.sub("<hex>", text)
        text = _EVENT_ID.sub("<event id>", text)
        return _TIME.sub(self._time, text)

    def _time(self, match: re.Match[str]) -> str:
        """A time of now keeps its layout only: `<time>` has microseconds and an offset."""
        text = match[0]
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return text
        if abs(at - self.now) > _NOW:
            return text
        layout = "" if re.search(r"\.\d{6}\+00:00$", text) else " Z" if text[-1] == "Z" else "s"
        return f"<time{layout}>"


def normalised(
    recording: Recording, replaced: Mapping[str, str], now: datetime | None = None
) -> dict[str, Tree]:
    """Step to its answer as a tree.

    Args:
        replaced: texts of this server or play, and what stands for them.
    """
    names = Names()
    normaliser = Normaliser(names, replaced, now or datetime.now(UTC))
    trees = {}
    for step, exchange in recording.exchanges.items():
        names.learn(exchange)
        trees[step] = normaliser.answer(exchange.answer)
    return trees


def _ids_in(exchange: Exchange) -> Iterator[tuple[str, str]]:
    yield from _IN_PATH.findall(exchange.request)
    yield from _ids([frame.data for frame in exchange.answer.frames or ()])
    yield from _ids(exchange.answer.body)


def _ids(value: Any) -> Iterator[tuple[str, str]]:
    """Kinds and ids, in an order that does not depend on that of keys."""
    if isinstance(value, dict):
        for key in sorted(value):
            item = value[key]
            if key in _KINDS and _is_uuid(item):
                yield _KINDS[key], item.lower()
            else:
                yield from _ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False
