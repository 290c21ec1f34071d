"""The SIGKILL storm; `make storm` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest
from storm import AT_START, UNDER_LOAD, Storm


@pytest.mark.storm
def test_nothing_is_lost_and_nothing_is_done_twice(
    request: pytest.FixtureRequest, own_process: Path
) -> None:
    kills, seconds, seed = (
        request.config.getoption(name)
        for name in ("--storm-kills", "--storm-seconds", "--storm-seed")
    )
    print(f"--storm-seed {seed}")
    storm = Storm(own_process, seed)
    storm.blow(kills, seconds)
    print(
        f"{storm.kills} kills: {dict(storm.reached)};"
        f" {len(storm.ledger.runs)} runs accepted, {storm.resumed()} of them resumed"
    )
    assert storm.kills >= kills, "too slow"
    assert storm.resumed() >= kills / 2, "the kills hit nothing"
    unreached = {*UNDER_LOAD, *AT_START} - storm.reached.keys()
    assert not unreached, "a named point was never reached"
