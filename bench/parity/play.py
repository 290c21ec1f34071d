"""Play scenarios on both servers and compare what they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
from attrs import frozen

from bench.parity.compare import Difference, compared
from bench.parity.exchange import Recording
from bench.parity.family import Scenario
from bench.parity.normalise import Tree, normalised
from bench.parity.player import Player

_TIMEOUT = 60


@frozen
class Played:
    scenario: Scenario
    exchanges: int
    differences: Sequence[Difference]


def play_all(
    scenarios: Sequence[Scenario],
    reference: str,
    lgtrio: str,
    *,
    jobs: int = 1,
    on_played: Callable[[Played], None] = lambda _played: None,
) -> list[Played]:
    """
    Args:
        reference: URL of the one server.
        lgtrio: of the other one.
        jobs: scenarios that are played at the same time; each has things of its own only.

    Returns:
        One for each scenario, in their order.
    """

    def both(scenario: Scenario) -> Played:
        (recording, theirs), (_, ours) = (_play(scenario, url) for url in (reference, lgtrio))
        played = Played(scenario, len(recording.exchanges), compared(scenario.title, theirs, ours))
        on_played(played)
        return played

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(both, scenarios))


def _play(scenario: Scenario, url: str) -> tuple[Recording, dict[str, Tree]]:
    # The reference server closes a connection after a 500: each request gets one of its own.
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, timeout=_TIMEOUT, limits=limits) as http:
        player = Player(http)
        try:
            scenario.play(player)
        # Whatever a foreign server does: it is a result.
        except Exception as error:
            player.recording.failure = f"{type(error).__name__}: {error}"
    replaced = {url: "<url>", player.tag: "<tag>"}
    trees = normalised(player.recording, replaced)
    if player.recording.failure is not None:
        trees["played to its end"] = {"failure": player.recording.failure}
    return player.recording, trees
