"""When a cron is due: schedule and time zone to the next time. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from lgtrio.errors import BadRequest, InvalidRequest

NEVER = "failed to find next date"


def next_time(schedule: str, timezone: str | None, after: str) -> str | None:
    """The first time of a schedule later than an ISO time; None if there is none any more.

    Where clocks are set forward, a time that does not exist comes right after the gap; where they
    are set back, one that there is twice comes twice.

    Args:
        schedule: minute, hour, day of month, month, day of week, and perhaps the second and the
            year; or a word such as `@daily`.
        timezone: IANA name of the zone that the schedule speaks of; None for UTC.

    Raises:
        InvalidRequest: no such schedule or zone.
    """
    # Few servers have crons, and its import takes longer than many a start has time for.
    from croniter import CroniterBadDateError, croniter

    start = datetime.fromisoformat(after).astimezone(zone(timezone))
    check_schedule(schedule)
    try:
        found = croniter(schedule, start).get_next(datetime)
        return found.astimezone(UTC).isoformat(timespec="microseconds")
    except (CroniterBadDateError, OverflowError):  # beyond the calendar
        return None


def first_time(schedule: str, timezone: str | None, after: str) -> str:
    """`next_time` of a schedule that has just been given.

    Raises:
        InvalidRequest: as there. BadRequest: it never comes.
    """
    found = next_time(schedule, timezone, after)
    if found is None:
        raise BadRequest(NEVER)
    return found


@lru_cache(maxsize=256)
def check_schedule(schedule: str) -> None:
    """
    Raises:
        InvalidRequest: it cannot be read.
    """
    from croniter import croniter  # see `next_time`

    if not croniter.is_valid(schedule):
        raise InvalidRequest(
            f"Invalid cron schedule: '{schedule}'. Reason: Invalid cron schedule. Ensure the"
            " schedule uses the standard cron format (minute hour day_of_month month day_of_week)."
            " Example: '*/5 * * * *' for every 5 minutes."
        )


def zone(name: str | None) -> ZoneInfo:
    """
    Args:
        name: IANA name; None for UTC.

    Raises:
        InvalidRequest: there is no such zone.
    """
    try:
        return ZoneInfo("UTC" if name is None else name)
    except (KeyError, ValueError, OSError) as error:  # unknown, malformed, a folder of zones
        raise InvalidRequest(
            f"Invalid timezone: '{name}'. Use IANA timezone format (e.g. 'America/New_York')."
        ) from error


def moment(text: str) -> str:
    """An ISO time that a client sent, as it is stored; without an offset it is UTC.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"`end_time` must be an ISO 8601 time such as '2030-01-31T18:00:00Z', got {text!r}"
        ) from error
