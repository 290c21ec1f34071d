"""Crons over HTTP, through the official clients and below them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

from support.server import Server
from support.waiting import eventually

YEARLY = "0 0 1 1 *"
"""Does not fire while a test runs."""
EVERY_SECOND = "* * * * * *"
FAR = "2099-01-01T00:00:00+02:00"


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


@pytest.fixture
def thread_id(server: Server) -> Iterator[str]:
    with server.http() as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        yield thread
        client.delete(f"/threads/{thread}")


@pytest.fixture
def made(http: httpx.Client) -> Iterator[list[str]]:
    """Ids of crons to be deleted at the end of the test."""
    ids: list[str] = []
    yield ids
    for cron_id in ids:
        http.delete(f"/runs/crons/{cron_id}")


def echo_id(http: httpx.Client) -> str:
    found = http.post(
        "/assistants/search", json={"graph_id": "echo", "metadata": {"created_by": "system"}}
    ).json()
    return str(found[0]["assistant_id"])


# -- creating ------------------------------------------------------------------------------


def test_every_field_of_a_stateless_cron(sdk: Any, http: httpx.Client, made: list[str]) -> None:
    fields = {
        "input": {"foo": "c"},
        "metadata": {"m": 1},
        "config": {"tags": ["t"], "configurable": {"a": 1}},
        "webhook": "https://there.test/hook",
        "interrupt_before": ["a"],
        "interrupt_after": "*",
        "multitask_strategy": "rollback",
        "enabled": False,
        "timezone": "America/New_York",
        "stream_mode": ["updates"],
        "stream_subgraphs": True,
        "stream_resumable": True,
        "durability": "exit",
        "on_run_completed": "keep",
    }
    cron = sdk.crons.create(
        "echo", schedule="0 9 * * *", **fields, end_time=datetime.fromisoformat(FAR)
    )
    made.append(cron["cron_id"])
    assert cron["assistant_id"] == echo_id(http)
    assert cron["thread_id"] is None
    assert cron["user_id"] == ""
    assert cron["schedule"] == "0 9 * * *"
    assert cron["timezone"] == "America/New_York"
    assert cron["end_time"] == FAR
    assert cron["enabled"] is False
    assert cron["metadata"] == {"m": 1}
    assert cron["on_run_completed"] == "keep"
    assert cron["next_run_date"][10:] in {"T14:00:00+00:00", "T13:00:00+00:00"}
    configurable = {"a": 1, "cron_id": cron["cron_id"]}
    assert cron["payload"] == {
        **fields,
        "end_time": FAR,
        "schedule": "0 9 * * *",
        "assistant_id": cron["assistant_id"],
        "config": {"tags": ["t"], "configurable": configurable},
    }
    assert http.get(f"/runs/crons/{cron['cron_id']}").json() == cron


def test_a_cron_of_a_thread(sdk: Any, thread_id: str) -> None:
    with pytest.warns(DeprecationWarning, match="checkpoint_during"):
        cron = sdk.crons.create_for_thread(
            thread_id, "echo", schedule="@daily", context={"a": 1}, checkpoint_during=False
        )
    assert cron["thread_id"] == thread_id
    assert cron["on_run_completed"] is None
    assert cron["timezone"] is None
    assert cron["next_run_date"].endswith("T00:00:00+00:00")
    assert cron["payload"]["context"] == {"a": 1}
    assert cron["payload"]["checkpoint_during"] is False


def test_it_fires_with_what_was_given(sdk: Any, thread_id: str) -> None:
    cron = sdk.crons.create_for_thread(
        thread_id,
        "echo",
        schedule=EVERY_SECOND,
        input={"foo": "c"},
        metadata={"m": 1},
        stream_mode=["updates"],
        stream_subgraphs=True,
        stream_resumable=True,
        durability="exit",
        interrupt_before=["nowhere"],
        interrupt_after=["nowhere_either"],
        config={"tags": ["t"]},
    )
    run = eventually(lambda: sdk.runs.list(thread_id, status="success"))[-1]
    sdk.crons.delete(cron["cron_id"])
    kwargs = run["kwargs"]
    assert run["metadata"]["m"] == 1
    assert kwargs["input"] == {"foo": "c"}
    assert kwargs["config"]["tags"] == ["t"]
    assert kwargs["config"]["configurable"]["cron_id"] == cron["cron_id"]
    assert kwargs["stream_mode"] == ["updates"]
    assert kwargs["durability"] == "exit"
    assert (kwargs["subgraphs"], kwargs["resumable"]) == (True, True)
    assert (kwargs["interrupt_before"], kwargs["interrupt_after"]) == (
        ["nowhere"],
        ["nowhere_either"],
    )
    assert sdk.threads.get_state(thread_id)["values"]["foo"] == "c!"
    with pytest.raises(NotFoundError):
        sdk.crons.delete(cron["cron_id"])


BASE = {"assistant_id": "echo", "schedule": YEARLY}


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"schedule": "bogus"}, 422, "Invalid cron schedule: 'bogus'. Reason:"),
        ({"schedule": "0 0 31 2 *"}, 400, "failed to find next date"),
        ({"timezone": "Mars/X"}, 422, "Invalid timezone: 'Mars/X'. Use IANA"),
        ({"assistant_id": "nope"}, 404, "Assistant 'nope' not found"),
        ({"assistant_id": str(uuid4())}, 404, "not found"),
        ({"webhook": "http://127.0.0.1/"}, 422, "Webhook host blocked"),
        ({"webhook": ""}, 422, "`webhook`"),
        ({"multitask_strategy": "never"}, 422, "`multitask_strategy`"),
        ({"on_run_completed": "sometimes"}, 422, "`on_run_completed`"),
        ({"enabled": "yes"}, 422, "`enabled`"),
        ({"config": {"configurable": {"a": 1}}, "context": {"b": 1}}, 400, "configurable"),
        ({"config": {"recursion_limit": "many"}}, 422, "recursion_limit"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    http: httpx.Client, thread_id: str, fields: dict[str, Any], status: int, said: str
) -> None:
    before = http.post("/runs/crons/count", json={}).json()
    for path in ("/runs/crons", f"/threads/{thread_id}/runs/crons"):
        answer = http.post(path, json={**BASE, **fields})
        assert answer.status_code == status, answer.text
        assert said in answer.json()["detail"]
    assert http.post("/runs/crons/count", json={}).json() == before


@pytest.mark.parametrize("missing", ["schedule", "assistant_id"])
def test_quirk_33_missing_fields_are_the_clients_mistake(http: httpx.Client, missing: str) -> None:
    body = {name: value for name, value in BASE.items() if name != missing}
    answer = http.post("/runs/crons", json=body)
    assert answer.status_code == 422
    assert f"`{missing}` is required" in answer.json()["detail"]


def test_quirk_33_the_end_is_checked(http: httpx.Client) -> None:
    answer = http.post("/runs/crons", json={**BASE, "end_time": "bogus"})
    assert answer.status_code == 422
    assert "`end_time` must be an ISO 8601 time" in answer.json()["detail"]


def test_threads_that_there_are_not(http: httpx.Client, thread_id: str) -> None:
    answer = http.post(f"/threads/{uuid4()}/runs/crons", json=BASE)
    assert answer.status_code == 404
    assert "Please verify the ID is correct" in answer.json()["detail"]
    assert http.post("/threads/x/runs/crons", json=BASE).status_code == 422
    path = f"/threads/{thread_id}/runs/crons"
    answer = http.post(path, json={**BASE, "on_run_completed": "keep"})
    assert answer.status_code == 422
    assert "leave it out" in answer.json()["detail"]


# -- changing ------------------------------------------------------------------------------


@pytest.fixture
def cron(http: httpx.Client, made: list[str]) -> dict[str, Any]:
    body = {**BASE, "metadata": {"a": 1, "b": 1}, "input": {"foo": "1"}, "end_time": FAR}
    cron: dict[str, Any] = http.post("/runs/crons", json=body).json()
    made.append(cron["cron_id"])
    return cron


@pytest.mark.parametrize(
    "fields",
    [
        {"input": {"foo": "2"}},
        {"config": {"tags": ["t"]}},
        {"context": {"c": 1}},
        {"webhook": "https://there.test/"},
        {"interrupt_before": ["a"]},
        {"interrupt_after": ["a"]},
        {"stream_mode": ["values", "updates"]},
        {"stream_subgraphs": True},
        {"stream_resumable": True},
        {"durability": "sync"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_fields_of_the_runs_are_replaced(
    sdk: Any, cron: dict[str, Any], fields: dict[str, Any]
) -> None:
    changed = sdk.crons.update(cron["cron_id"], **fields)
    expected = {**cron["payload"], **fields}
    configurable = {**expected["config"].get("configurable", {}), "cron_id": cron["cron_id"]}
    expected["config"] = {**expected["config"], "configurable": configurable}
    assert changed["payload"] == expected
    assert changed["updated_at"] > cron["updated_at"]
    assert changed["next_run_date"] == cron["next_run_date"]


def test_fields_of_the_cron_are_changed(sdk: Any, cron: dict[str, Any]) -> None:
    cron_id = cron["cron_id"]
    assert sdk.crons.update(cron_id, enabled=False)["enabled"] is False
    assert sdk.crons.update(cron_id, enabled=True)["enabled"] is True
    assert sdk.crons.update(cron_id, on_run_completed="keep")["on_run_completed"] == "keep"
    changed = sdk.crons.update(cron_id, schedule="0 12 1 7 *")
    assert changed["next_run_date"][4:16] == "-07-01T12:00"
    changed = sdk.crons.update(cron_id, timezone="Asia/Tokyo")
    assert changed["next_run_date"][4:16] == "-07-01T03:00"
    other = datetime(2098, 1, 1, tzinfo=UTC)
    assert sdk.crons.update(cron_id, end_time=other)["end_time"] == other.isoformat()
    changed = sdk.crons.update(cron_id, end_time=None)
    assert (changed["end_time"], changed["payload"]["end_time"]) == (None, None)


def test_quirk_34_metadata_is_merged_everywhere(sdk: Any, cron: dict[str, Any]) -> None:
    changed = sdk.crons.update(cron["cron_id"], metadata={"b": 2, "c": 3})
    assert changed["metadata"] == {"a": 1, "b": 2, "c": 3}
    assert changed["payload"]["metadata"] == changed["metadata"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "Request body cannot be empty"),
        ({"schedule": "bogus"}, 422, "Invalid cron schedule"),
        ({"end_time": "bogus"}, 422, "`end_time`"),
        ({"timezone": "Mars/X"}, 422, "Invalid timezone"),
        ({"webhook": "/own"}, 422, "Loopback webhooks"),
        ({"assistant_id": "ask"}, 422, "A cron stays with its assistant"),
        ({"context": {"a": 1}, "config": {"configurable": {"b": 1}}}, 400, "configurable"),
        ([], 422, "an object"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    http: httpx.Client, cron: dict[str, Any], body: Any, status: int, said: str
) -> None:
    path = f"/runs/crons/{cron['cron_id']}"
    answer = http.patch(path, json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]
    assert http.get(path).json() == cron


def test_unknown_crons(http: httpx.Client) -> None:
    unknown = str(uuid4())
    assert http.get(f"/runs/crons/{unknown}").json() == {"detail": "Not Found"}
    assert http.delete(f"/runs/crons/{unknown}").json() == {"detail": "Not Found"}
    answer = http.patch(f"/runs/crons/{unknown}", json={"enabled": True})
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"Cron '{unknown}' not found"}
    answer = http.get("/runs/crons/x")
    assert answer.status_code == 422
    assert answer.json() == {"detail": "Invalid cron ID: must be a UUID"}


# -- searching -----------------------------------------------------------------------------


@pytest.fixture
def several(http: httpx.Client, thread_id: str, made: list[str]) -> list[str]:
    """Ids of four crons with a mark of their own, in order of creation."""
    mark = thread_id
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/runs/crons", {"schedule": "0 0 1 3 *", "metadata": {"mark": mark, "n": 1}}),
        (f"/threads/{thread_id}/runs/crons", {"metadata": {"mark": mark, "in": {"x": 1, "y": 2}}}),
        ("/runs/crons", {"assistant_id": "steps", "metadata": {"mark": mark}, "end_time": FAR}),
        ("/runs/crons", {"enabled": False, "metadata": {"mark": mark, "n": 1}}),
    ]
    for path, body in bodies:
        made.append(http.post(path, json={**BASE, **body}).json()["cron_id"])
    return made


def test_search_and_count(sdk: Any, http: httpx.Client, several: list[str], thread_id: str) -> None:
    first, on_thread, of_steps, disabled = several
    mine = {"mark": thread_id}
    filters: list[tuple[dict[str, Any], list[str]]] = [
        ({"metadata": mine}, several),
        ({"metadata": {**mine, "n": 1}}, [first, disabled]),
        ({"metadata": {**mine, "in": {"x": 1}}}, [on_thread]),
        ({"metadata": {**mine, "n": 2}}, []),
        ({"metadata": mine, "enabled": False}, [disabled]),
        ({"metadata": mine, "enabled": True}, [first, on_thread, of_steps]),
        ({"thread_id": thread_id}, [on_thread]),
        ({"metadata": mine, "assistant_id": echo_id(http)}, [first, on_thread, disabled]),
    ]
    for wanted, expected in filters:
        found = sdk.crons.search(sort_by="created_at", sort_order="asc", **wanted)
        assert [cron["cron_id"] for cron in found] == expected, wanted
        body = {name: value for name, value in wanted.items()}
        assert http.post("/runs/crons/count", json=body).json() == len(expected)
        if "enabled" not in wanted:
            assert sdk.crons.count(**wanted) == len(expected)


@pytest.mark.parametrize(
    ("sort_by", "order"),
    [
        ("created_at", [0, 1, 2, 3]),
        ("updated_at", [0, 1, 2, 3]),
        ("cron_id", [0, 1, 2, 3]),
        ("next_run_date", None),
        ("end_time", [0, 1, 3, 2]),
        ("thread_id", [0, 2, 3, 1]),
        ("assistant_id", None),
    ],
)
def test_sorting(
    sdk: Any, several: list[str], thread_id: str, sort_by: str, order: list[int] | None
) -> None:
    wanted = {"metadata": {"mark": thread_id}, "sort_by": sort_by}
    ascending = sdk.crons.search(**wanted, sort_order="asc")
    found = [cron["cron_id"] for cron in ascending]
    if order is not None:
        assert found == [several[index] for index in order]
    else:
        values = [cron[sort_by] for cron in ascending]
        assert values == sorted(values)
    descending = sdk.crons.search(**wanted, sort_order="desc")
    assert [cron["cron_id"] for cron in descending] == found[::-1]


def test_pages_and_columns(
    sdk: Any, http: httpx.Client, several: list[str], thread_id: str
) -> None:
    wanted = {"metadata": {"mark": thread_id}}
    page = sdk.crons.search(**wanted, limit=2, offset=1, select=["cron_id", "schedule"])
    assert page == [
        {"cron_id": several[2], "schedule": YEARLY},
        {"cron_id": several[1], "schedule": YEARLY},
    ]
    (row,) = sdk.crons.search(**wanted, limit=1, select=["cron_id", "now"])
    assert abs(datetime.fromisoformat(row["now"]) - datetime.now(UTC)) < timedelta(minutes=1)
    answer = http.post("/runs/crons/search", json={**wanted, "limit": 2, "offset": 1})
    assert answer.headers["X-Pagination-Total"] == "4"
    assert answer.headers["X-Pagination-Next"] == "3"
    answer = http.post("/runs/crons/search", json={**wanted, "limit": 2, "offset": 2})
    assert "X-Pagination-Next" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {"assistant_id": "echo"},
        {"thread_id": "x"},
        {"sort_by": "schedule"},
        {"sort_order": "up"},
        {"select": ["ends_at"]},
        {"limit": 0},
        {"enabled": "yes"},
    ],
)
def test_searches_that_are_refused(http: httpx.Client, body: dict[str, Any]) -> None:
    assert http.post("/runs/crons/search", json=body).status_code == 422


def test_a_search_by_a_graph_name_is_refused(sdk: Any) -> None:
    with pytest.raises(UnprocessableEntityError):
        sdk.crons.search(assistant_id="echo")
