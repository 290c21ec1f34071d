"""What is measured: scenarios of cells, and what a contestant does in one turn of a cell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from fnmatch import fnmatch

from attrs import evolve, field, frozen

from bench.figures import Figures
from bench.floor import Floor
from bench.options import Options
from bench.servers import Peer, Server

Play = Callable[[Server, Options], Awaitable[Figures]]
Launch = Callable[[Peer, Options], Figures]
Alone = Callable[[Floor, Options], Figures]
OURS = "lgtrio"


class TooSlow(Exception):
    """A turn would take, or has taken, longer than it may."""


@frozen
class Setting:
    """The server that a cell needs; neighbouring cells with equal settings share one."""

    stored: int = 0
    """Threads that it holds before the first turn."""
    fresh: bool = False
    """A new one for each turn, which is killed after it."""
    jobs: int = 64
    """Runs that it must be able to have going at once, for servers that have to be told."""


@frozen
class Cell:
    """One question with its parameters; the same turn is played by all contestants."""

    name: str
    play: Play | None = None
    """A turn on a running server."""
    launch: Launch | None = None
    """A turn of a contestant that is started for it (blocking)."""
    alone: Mapping[str, Alone] = field(factory=dict)
    """Contestants without a server: name to turn (blocking), such as the in-process floors."""
    setting: Setting = Setting()
    headline: str = "per_second"
    """The figure that ratios are made of."""
    few: bool = False
    """Played `Options.few` times only."""
    limit: float = 60.0
    """Seconds after which a contestant is too slow for this cell."""
    long: bool = False
    """Left out of a quick look."""
    warm_up: bool = False
    """The first turn reads cold files, and is not counted."""
    profiled: bool = False
    """Profiled unless others are asked for by name."""

    def contestants(self, peers: Sequence[Peer]) -> list[str]:
        """Names of those who can play it."""
        return [*(peer.name for peer in peers if self.play or self.launch), *self.alone]

    def rounds(self, options: Options) -> int:
        return options.few if self.few else options.rounds


@frozen
class Scenario:
    name: str
    title: str
    about: str
    """What one has to know to read its table."""
    cells: Sequence[Cell]
    figures: Sequence[str]
    """What its table shows, in this order."""
    transposed: bool = False
    """A row for each figure instead of one for each contestant."""

    def only(self, patterns: Sequence[str]) -> Scenario:
        """The same with the cells whose `scenario/cell` matches; all if there is no pattern."""
        if not patterns:
            return self
        return evolve(self, cells=[cell for cell in self.cells if self._chosen(cell, patterns)])

    def _chosen(self, cell: Cell, patterns: Sequence[str]) -> bool:
        return any(fnmatch(f"{self.name}/{cell.name}", _whole(pattern)) for pattern in patterns)


def _whole(pattern: str) -> str:
    """A scenario's name alone stands for all of its cells."""
    return pattern if "/" in pattern else f"{pattern}/*"
