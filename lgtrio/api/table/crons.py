"""Routes of crons."""

from __future__ import annotations

from collections.abc import Iterator

from lgtrio.api.crons import CronRoutes
from lgtrio.api.orders import Orders
from lgtrio.api.routes import Content, Route, under
from lgtrio.api.services import Services
from lgtrio.api.table.shared import PAGE_HEADERS
from lgtrio.wire.answers import Cron
from lgtrio.wire.crons import CronCount, CronCreate, CronPatch, CronSearch


def cron_routes(services: Services, orders: Orders) -> Iterator[Route]:
    crons = CronRoutes(services, orders)
    return under(
        "Crons",
        Route(
            "POST",
            "/runs/crons",
            crons.create,
            "Have runs come again and again, each on a thread of its own",
            "The cron",
            body=CronCreate,
            gives=Cron,
            refusals=(400, 404),
        ),
        Route(
            "POST",
            "/threads/<thread_id>/runs/crons",
            crons.create_for_thread,
            "Have runs come again and again on a thread",
            "The cron",
            body=CronCreate,
            gives=Cron,
            refusals=(400,),
        ),
        Route(
            "POST",
            "/runs/crons/search",
            crons.search,
            "Search crons",
            "Crons; how many there are in all is in `X-Pagination-Total`",
            body=CronSearch,
            gives=list[Cron],
            selects=True,
            headers=PAGE_HEADERS,
        ),
        Route(
            "POST",
            "/runs/crons/count",
            crons.count,
            "Count crons",
            "A number",
            body=CronCount,
            gives=int,
        ),
        Route("GET", "/runs/crons/<cron_id>", crons.get, "Get a cron", "The cron", gives=Cron),
        Route(
            "PATCH",
            "/runs/crons/<cron_id>",
            crons.patch,
            "Change a cron, also to pause it and to resume it",
            "The cron",
            body=CronPatch,
            gives=Cron,
            refusals=(400,),
        ),
        Route(
            "DELETE",
            "/runs/crons/<cron_id>",
            crons.delete,
            "Delete a cron",
            "It is gone",
            Content.NOTHING,
            empty_status=204,
        ),
    )
