"""When a cron is due: pure, over calendars and zones."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.errors import BadRequest, InvalidRequest, RequestError
from lgtrio.wire.schedules import first_time, moment, next_time

NEW_YORK = "America/New_York"


def following(schedule: str, zone: str | None, after: str, count: int) -> list[str]:
    times = []
    for _ in range(count):
        after = first_time(schedule, zone, f"{after}")
        times.append(after.replace(":00.000000+00:00", "Z"))
    return times


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "times"),
    [
        ("*/5 * * * *", None, "2026-11-22T10:47:00Z", ["2026-11-22T10:50Z", "2026-11-22T10:55Z"]),
        ("0 9 * * *", NEW_YORK, "2026-11-22T10:47:00Z", ["2026-11-22T14:00Z"]),
        ("@daily", None, "2026-02-28T00:00:00Z", ["2026-03-01T00:00Z", "2026-03-02T00:00Z"]),
        ("0 0 29 2 *", None, "2026-01-01T00:00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]),
        # The clock goes from 02:00 to 03:00.
        (
            "30 2 * * *",
            NEW_YORK,
            "2026-03-08T05:00:00Z",
            ["2026-03-08T07:00Z", "2026-03-09T06:30Z"],
        ),
        ("0 * * * *", NEW_YORK, "2026-03-08T06:30:00Z", ["2026-03-08T07:00Z", "2026-03-08T08:00Z"]),
        # It goes from 02:00 back to 01:00: that time comes twice.
        (
            "30 1 * * *",
            NEW_YORK,
            "2026-11-01T05:00:00Z",
            ["2026-11-01T05:30Z", "2026-11-01T06:30Z"],
        ),
    ],
)
def test_times_of_a_schedule(schedule: str, zone: str | None, after: str, times: list[str]) -> None:
    assert following(schedule, zone, after, len(times)) == times


def test_six_fields_end_with_the_second() -> None:
    assert first_time("* * * * * 20", None, "2026-01-01T00:00:00Z").startswith(
        "2026-01-01T00:00:20"
    )


@pytest.mark.parametrize("schedule", ["bogus", "61 * * * *", "", "* * * *", "H * * * *", "@reboot"])
def test_a_schedule_that_cannot_be_read(schedule: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid cron schedule: '"):
        next_time(schedule, None, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("zone", ["Mars/X", "", "../etc/passwd", "a\0b", "America"])
def test_a_zone_that_there_is_not(zone: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid timezone"):
        next_time("* * * * *", zone, "2026-01-01T00:00:00Z")


def test_a_schedule_without_a_time() -> None:
    with pytest.raises(BadRequest, match="failed to find next date"):
        first_time("0 0 31 2 *", None, "2026-01-01T00:00:00Z")
    assert next_time("* * * * * * 2020", None, "2026-01-01T00:00:00Z") is None


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2030-01-31T18:00:00Z", "2030-01-31T18:00:00.000000+00:00"),
        ("2030-01-31T18:00:00+02:00", "2030-01-31T16:00:00.000000+00:00"),
        ("2030-01-31T18:00:00", "2030-01-31T18:00:00.000000+00:00"),
        ("2030-01-31", "2030-01-31T00:00:00.000000+00:00"),
    ],
)
def test_moments(sent: str, stored: str) -> None:
    assert moment(sent) == stored


FIELDS = st.lists(
    st.sampled_from(["*", "*/7", "0", "5", "1-4", "2,9", "mon", "L", "1#2", "R", "31"]),
    min_size=5,
    max_size=7,
).map(" ".join)


@given(
    st.one_of(FIELDS, st.text(max_size=20)),
    st.sampled_from([None, NEW_YORK, "Asia/Kathmandu", "Pacific/Apia"]),
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
)
def test_the_next_time_is_later_or_there_is_a_reason(
    schedule: str, zone: str | None, after: datetime
) -> None:
    start = f"{after.isoformat(timespec='microseconds')}+00:00"
    try:
        found = next_time(schedule, zone, start)
    except RequestError:
        return
    assert found is None or found > start
