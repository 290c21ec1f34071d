"""Routes that tell about the server."""

from __future__ import annotations

from collections.abc import Iterator

from lgtrio.api.routes import Route, under
from lgtrio.api.system import SystemRoutes
from lgtrio.wire.answers import Health, Info


def system_routes() -> Iterator[Route]:
    system = SystemRoutes()
    return under(
        "System",
        Route("GET", "/", system.ok, "Is the server there?", "It is", gives=Health),
        Route("GET", "/ok", system.ok, "Is the server there?", "It is", gives=Health),
        Route(
            "GET",
            "/info",
            system.info,
            "Which server is it?",
            "Versions and abilities",
            gives=Info,
        ),
    )
