"""The servers, and the proofs that the selected tests ask for, carried out against them at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import parity.proofs  # noqa: F401 - fills the table of proofs
from parity.reports import NEW, OLD, Reports, carry_out, module
from parity.run import Places
from parity.surface import Surface, surface
from parity.witness import witness
from support.langsmith import langsmith
from support.old_sdk import old_python
from support.server import running

CONFIG = Path(__file__).parent / "langgraph.json"

EXPECTED_COMPLAINTS: list[str] = []


@pytest.fixture(scope="session")
def surfaces() -> dict[str, Surface]:
    """By version of the SDK."""
    return {NEW: surface(), OLD: module(old_python(), "parity.surface")}


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """A server; another one that traces its runs, as that takes time; and who hears them both."""
    folder = tmp_path_factory.mktemp("parity")
    serve = partial(
        running,
        config=CONFIG,
        options=["--shutdown-grace", "1"],
        expected=EXPECTED_COMPLAINTS,
    )
    with (
        langsmith() as traces,
        serve(folder / "lgtrio.db") as server,
        serve(folder / "traced.db", environment=traces.environment) as tracing,
        witness({"log": partial(server.log.find, ""), "traces": traces.find}) as heard,
    ):
        yield Places(server.url, tracing.url, witness=heard, lock=str(folder / "lock"))


@pytest.fixture(scope="session")
def reports(
    request: pytest.FixtureRequest, places: Places, surfaces: dict[str, Surface]
) -> Reports:
    """Of the proofs that any selected test asks for."""
    wanted = {item.callspec.params["proof"] for item in request.session.items if _asks(item)}
    return Reports(surfaces, carry_out(wanted, surfaces, places))


def _asks(item: Any) -> bool:
    return "reports" in getattr(item, "fixturenames", ()) and hasattr(item, "callspec")
