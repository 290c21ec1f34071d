"""How a scenario is declared.

A family is a file with a `Family` and functions under its decorator:

    cancels = Family("cancel", "What a cancel does, by the state of the run.")

    @cancels.scenario("{action} of a pending run", action=["interrupt", "rollback"])
    async def pending(lab: Lab, action: str) -> None:
        ...

The keyword arguments span the cases: one scenario for each combination. The function drives the
server through the lab and says with `lab.expect` what a reader of the API's documentation would
expect; what really happened is gathered by the lab.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, TypeVar

from attrs import define, field, frozen

from bench.semantics.lab import Lab

Play = TypeVar("Play", bound=Callable[..., Awaitable[None]])


@frozen
class Scenario:
    family: str
    name: str
    play: Callable[[Lab], Awaitable[None]]

    @property
    def title(self) -> str:
        return f"{self.family}: {self.name}"


@define
class Family:
    name: str
    about: str
    """One sentence for the report."""
    scenarios: list[Scenario] = field(factory=list)

    def scenario(self, title: str, **cases: Sequence[Any]) -> Callable[[Play], Play]:
        """Declare scenarios.

        Args:
            title: may name the case's arguments in braces.
            cases: name of an argument to its values.
        """

        def declare(play: Play) -> Play:
            self.scenarios.extend(
                Scenario(self.name, title.format(**case), partial(play, **case))
                for case in _combinations(cases)
            )
            return play

        return declare


def _combinations(cases: dict[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*cases.values()):
        yield dict(zip(cases, values, strict=True))
