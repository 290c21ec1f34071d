"""How a scenario is declared: a function under the decorator of its family.

    threads = Family("threads")

    @threads.scenario("delete")
    def delete(play: Player) -> None:
        thread = play.thread()
        play.delete("once", thread)
        play.delete("again", thread)

Everything that is sent through `play.get`, `post` and so on is compared, under the step's name.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from bench.parity.player import Player

Play = Callable[[Player], None]


@frozen
class Scenario:
    title: str
    """`family: name`."""
    play: Play


@define
class Family:
    name: str
    scenarios: list[Scenario] = field(factory=list)

    def scenario(self, name: str) -> Callable[[Play], Play]:
        def declare(play: Play) -> Play:
            self.scenarios.append(Scenario(f"{self.name}: {name}", play))
            return play

        return declare
