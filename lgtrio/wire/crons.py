"""Crons on the wire: what is asked, what becomes of it, and how one is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from attrs import evolve, field, frozen
from orjson import Fragment, dumps, loads

from lgtrio.errors import BadRequest, InvalidRequest
from lgtrio.storage.interface import CronFilter, CronOrder, CronRecord
from lgtrio.wire.converter import Object, Strings, decode, encode, structure
from lgtrio.wire.enums import CronSort, Durability, MultitaskStrategy, OnCompletion, SortOrder
from lgtrio.wire.ids import new_id, parse_uuid
from lgtrio.wire.paging import DEFAULT_PAGE, FIRST_ROW, Offset, PageSize
from lgtrio.wire.query import check_names
from lgtrio.wire.runs import Config, Modes, Nodes, Url
from lgtrio.wire.schedules import first_time, moment

Json = dict[str, Any]


@frozen
class CronFields:
    """What a cron may be given when it is made and later."""

    timezone: str | None = None
    end_time: str | None = None
    enabled: bool | None = None
    on_run_completed: OnCompletion | None = None
    input: Any = None
    metadata: Object | None = None
    config: Config | None = None
    context: Object | None = None
    webhook: Url | None = None
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    multitask_strategy: MultitaskStrategy | None = None
    stream_mode: Modes | None = None
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = None
    checkpoint_during: bool | None = None
    durability: Durability | None = None


@frozen
class CronPatch(CronFields):
    """Body of PATCH /runs/crons/{id}: what is to be another one. What is given replaces what was
    there, but metadata is merged key by key; `end_time: null` lets the cron go on for ever."""

    schedule: str | None = None


@frozen(kw_only=True)
class CronCreate(CronFields):
    """Body of POST /runs/crons and /threads/{id}/runs/crons."""

    schedule: str
    assistant_id: str


@frozen
class CronCount:
    """Body of POST /runs/crons/count."""

    assistant_id: str | None = None
    thread_id: str | None = None
    enabled: bool | None = None
    metadata: Object = field(factory=dict)

    def wanted(self) -> CronFilter:
        """
        Raises:
            InvalidRequest: an id is no UUID.
        """
        return CronFilter(
            assistant_id=self.assistant_id and parse_uuid("assistant", self.assistant_id),
            thread_id=self.thread_id and parse_uuid("thread", self.thread_id),
            enabled=self.enabled,
            metadata=self.metadata,
        )


@frozen
class CronSearch(CronCount):
    """Body of POST /runs/crons/search."""

    limit: PageSize = DEFAULT_PAGE
    offset: Offset = FIRST_ROW
    sort_by: CronSort = CronSort.CREATED_AT
    sort_order: SortOrder = SortOrder.DESC
    select: Strings | None = None

    @property
    def order(self) -> CronOrder:
        return CronOrder(self.sort_by, descending=self.sort_order is SortOrder.DESC)


# -- creating and changing -----------------------------------------------------------------------


def new_cron(
    body: CronCreate, sent: Json, *, assistant_id: str, thread_id: str | None, at: str
) -> CronRecord:
    """The cron that a body asks for; the storage sets its times.

    Args:
        sent: the body as it came; all of it becomes the payload, what we do not know too.
        assistant_id: what the body's stands for.
        at: now.

    Raises:
        InvalidRequest: schedule, time zone or end cannot be read, or the body says what does not
            go together. BadRequest: the schedule has no time.
    """
    cron_id = new_id()
    payload = {**_given(sent), "assistant_id": assistant_id}
    cron = CronRecord(
        cron_id=cron_id,
        assistant_id=assistant_id,
        thread_id=thread_id,
        user_id="",
        schedule=body.schedule,
        timezone=body.timezone,
        end_time=body.end_time,
        ends_at=body.end_time and moment(body.end_time),
        payload=_payload(cron_id, payload),
        metadata=encode(body.metadata or {}),
        on_run_completed=OnCompletion.DELETE if thread_id is None else None,
        enabled=body.enabled is not False,
        next_run_date=first_time(body.schedule, body.timezone, at),
        created_at=at,
        updated_at=at,
    )
    return _with_completion(cron, body)


def patched(cron: CronRecord, body: CronPatch, sent: Json, at: str) -> CronRecord:
    """The cron with what a PATCH gives; raises as `new_cron`.

    One that is enabled again does not make up for what it missed meanwhile.
    """
    payload = {**loads(cron.payload), **_given(sent)}
    if "end_time" in sent:
        payload["end_time"] = sent["end_time"]
    metadata = {**loads(cron.metadata), **(body.metadata or {})}
    if metadata:
        payload["metadata"] = metadata
    new = evolve(
        cron,
        schedule=body.schedule or cron.schedule,
        timezone=body.timezone or cron.timezone,
        end_time=body.end_time if "end_time" in sent else cron.end_time,
        enabled=cron.enabled if body.enabled is None else body.enabled,
        payload=_payload(cron.cron_id, payload),
        metadata=encode(metadata),
    )
    new = evolve(new, ends_at=new.end_time and moment(new.end_time))
    rescheduled = (new.schedule, new.timezone) != (cron.schedule, cron.timezone)
    resumed = new.enabled and not cron.enabled
    if body.schedule or body.timezone or rescheduled or resumed:
        new = evolve(new, next_run_date=first_time(new.schedule, new.timezone, at))
    return _with_completion(new, body)


def read_patch(data: bytes) -> tuple[CronPatch, Json]:
    """The body of a PATCH, parsed and as it came.

    Raises:
        BadRequest: it is empty. InvalidRequest: not of the shape.
    """
    sent = decode(data)
    if sent == {}:
        raise BadRequest("Request body cannot be empty")
    body = structure(CronPatch, sent)
    if "assistant_id" in sent:
        raise InvalidRequest("A cron stays with its assistant: create one for the other assistant")
    return body, sent


def _with_completion(cron: CronRecord, body: CronFields) -> CronRecord:
    if body.on_run_completed is None:
        return cron
    if cron.thread_id is not None:
        raise InvalidRequest(
            "`on_run_completed` speaks of the threads that runs make for themselves; a cron on a"
            " thread has none: leave it out"
        )
    return evolve(cron, on_run_completed=body.on_run_completed)


def _given(sent: Json) -> Json:
    """What of a body is said: null is the same as absent."""
    return {name: value for name, value in sent.items() if value is not None}


def _payload(cron_id: str, payload: Json) -> bytes:
    """With the cron's id where the runs' nodes find it."""
    config = payload.get("config") or {}
    configurable = {**(config.get("configurable") or {}), "cron_id": cron_id}
    return encode({**payload, "config": {**config, "configurable": configurable}})


# -- answers -------------------------------------------------------------------------------------


def _shown(at: str | None) -> str | None:
    """A time of a schedule, which is one of whole seconds; stored, all times have one layout."""
    return None if at is None else at.replace(".000000", "")


def _columns(cron: CronRecord) -> dict[str, Any]:
    """Name to value, ready to be written as JSON."""
    return {
        "cron_id": cron.cron_id,
        "assistant_id": cron.assistant_id,
        "thread_id": cron.thread_id,
        "user_id": cron.user_id,
        "end_time": cron.end_time,
        "schedule": cron.schedule,
        "timezone": cron.timezone,
        "payload": Fragment(cron.payload),
        "next_run_date": _shown(cron.next_run_date),
        "metadata": Fragment(cron.metadata),
        "on_run_completed": cron.on_run_completed,
        "enabled": cron.enabled,
        "created_at": cron.created_at,
        "updated_at": cron.updated_at,
    }


_SHOWN: Final = tuple(each.name for each in attrs.fields(CronRecord) if each.name != "ends_at")
SELECTABLE: Final = (*_SHOWN, "now")
"""`now` is the server's time, for clients whose clocks are not to be trusted."""


def check_select(select: Sequence[str] | None) -> Sequence[str]:
    """
    Raises:
        InvalidRequest: an unknown column.
    """
    check_names("select", select or (), SELECTABLE)
    return select or _SHOWN


def render_cron(cron: CronRecord) -> bytes:
    return dumps(_columns(cron))


def render_crons(crons: Sequence[CronRecord], select: Sequence[str], *, now: str) -> bytes:
    """
    Args:
        select: some of `SELECTABLE`, as `check_select` gives it.
    """
    rows: list[Mapping[str, Any]] = [{**_columns(cron), "now": now} for cron in crons]
    return dumps([{name: row[name] for name in row if name in select} for row in rows])
