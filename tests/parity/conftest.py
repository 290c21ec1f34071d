"""One server, and the proofs that the selected tests ask for, carried out against it at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import parity.proofs  # noqa: F401 - fills the table of proofs
from parity.reports import NEW, OLD, Reports, carry_out, module
from parity.surface import Surface, surface
from support.old_sdk import old_python
from support.server import Server, running

CONFIG = Path(__file__).parent / "langgraph.json"

EXPECTED_COMPLAINTS: list[str] = []


@pytest.fixture(scope="session")
def surfaces() -> dict[str, Surface]:
    """By version of the SDK."""
    return {NEW: surface(), OLD: module(old_python(), "parity.surface")}


@pytest.fixture(scope="session")
def parity_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    database = tmp_path_factory.mktemp("parity") / "lgtrio.db"
    options = ["--shutdown-grace", "1"]
    with running(database, config=CONFIG, options=options, expected=EXPECTED_COMPLAINTS) as server:
        yield server


@pytest.fixture(scope="session")
def reports(
    request: pytest.FixtureRequest, parity_server: Server, surfaces: dict[str, Surface]
) -> Reports:
    """Of the proofs that any selected test asks for."""
    wanted = {item.callspec.params["proof"] for item in request.session.items if _asks(item)}
    assert parity_server.database is not None
    folder = parity_server.database.parent
    return Reports(surfaces, carry_out(wanted, surfaces, parity_server.url, folder))


def _asks(item: Any) -> bool:
    return "reports" in getattr(item, "fixturenames", ()) and hasattr(item, "callspec")
