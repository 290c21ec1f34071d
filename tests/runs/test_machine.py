"""The transition table, and the lane decision."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.errors import IllegalTransition
from lgtrio.runs.lanes import admit
from lgtrio.runs.machine import LEGAL, check
from lgtrio.storage.interface import Displacement, LaneRun
from lgtrio.wire.enums import TERMINAL, MultitaskStrategy, RunStatus

STATUSES = [None, *RunStatus]


@pytest.mark.parametrize("current", STATUSES)
@pytest.mark.parametrize("wanted", STATUSES)
def test_check_passes_exactly_what_the_table_has(
    current: RunStatus | None, wanted: RunStatus | None
) -> None:
    if wanted in LEGAL[current]:
        check("r", current, wanted)
        return
    with pytest.raises(IllegalTransition) as caught:
        check("r", current, wanted)
    assert caught.value.run_id == "r"
    assert (caught.value.current, caught.value.wanted) == (str(current), str(wanted))


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_terminal_status_is_left_only_by_deletion(status: RunStatus) -> None:
    assert LEGAL[status] == {None}


def test_a_pending_run_cannot_succeed_without_having_run() -> None:
    assert RunStatus.SUCCESS not in LEGAL[RunStatus.PENDING]


active = st.lists(
    st.builds(
        LaneRun,
        run_id=st.uuids().map(str),
        status=st.sampled_from([RunStatus.PENDING, RunStatus.RUNNING]),
    ),
    unique_by=lambda run: run.run_id,
)


@given(active)
def test_reject_looks_only_at_whether_anything_is_active(runs: list[LaneRun]) -> None:
    decision = admit(runs, MultitaskStrategy.REJECT)
    assert decision.rejected == bool(runs)
    assert decision.displace == {}


@given(active)
def test_enqueue_disturbs_nobody(runs: list[LaneRun]) -> None:
    decision = admit(runs, MultitaskStrategy.ENQUEUE)
    assert not decision.rejected
    assert decision.displace == {}


@given(active, st.sampled_from(["interrupt", "rollback"]))
def test_interrupt_and_rollback_displace_the_whole_lane(runs: list[LaneRun], name: str) -> None:
    decision = admit(runs, MultitaskStrategy(name))
    assert not decision.rejected
    assert decision.displace == {run.run_id: Displacement(name) for run in runs}
